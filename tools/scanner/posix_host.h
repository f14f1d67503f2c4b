// The scanner's world when it runs as a program: real files, real descriptors, standard output.
//
// A message is read as amavisd reads it: by name, refused unless it is a plain file.
// Limit: kMessageBytesMax a message.
#ifndef MILLRACE_TOOLS_SCANNER_POSIX_HOST_H_
#define MILLRACE_TOOLS_SCANNER_POSIX_HOST_H_

#include <string>
#include <string_view>

#include "tools/scanner/scanner_app.h"

namespace scanner {

class PosixHost final : public ScannerHost {
 public:
  static constexpr std::size_t kMessageBytesMax = 1024 * engine::kMiB;

  bool ReadFile(std::string_view path, std::string* content, std::string* reason) override;
  int HoldOpen(std::string_view path) override;
  void Release(int handle) override;
  void Reset(int fd) override;
  // Prints the queue id and the first line of the subject: a test compares the two.
  void OnLateRead(const ampdp::Request& request, std::string_view content) override;
  void Log(std::string_view line) override;
};

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_POSIX_HOST_H_
