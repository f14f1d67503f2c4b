// Files that a tool reads whole or writes: errors name the file, what failed, and the next step.
//
// "-" is standard input or standard output. What is made is 0600 and, unless told otherwise, never
// replaces a file that is there. Not for traces, which have a writer of their own.
#ifndef MILLRACE_TOOLS_COMMAND_LINE_FILES_H_
#define MILLRACE_TOOLS_COMMAND_LINE_FILES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/units.h"

namespace command_line {

// Also of pipes. kNotFound and kin: errno; kResourceExhausted: more than `bytes_max` octets.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t bytes_max);

// Buffered; a write error is kept and told by the next call and by Close().
class OutputFile {
 public:
  // kAlreadyExists: the file is there and `replace` is false.
  static absl::StatusOr<OutputFile> Open(const std::string& path, bool replace);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  absl::Status Write(std::string_view text);
  // Writes what is held and closes; once. A disk that is full may be told only here.
  absl::Status Close();

 private:
  OutputFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  absl::Status Flush();

  int fd_;
  std::string path_;
  std::string held_;
  absl::Status status_;
};

// Whether WriteFile() that replaces could make or open `path` now, for programs that write after
// long work; changes nothing. The same errors.
absl::Status CheckWritable(const std::string& path);

// All of `text` to `path`.
absl::Status WriteFile(const std::string& path, std::string_view text, bool replace);

}  // namespace command_line

#endif  // MILLRACE_TOOLS_COMMAND_LINE_FILES_H_
