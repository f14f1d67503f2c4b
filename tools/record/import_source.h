// Finds messages in files and folders, one after the other.
//
//   NAME.eml or another file    one message; with NAME.json beside it, its envelope
//   a file that begins with     an mbox; also one that is called *.mbox
//   "From "
//   a folder with cur or new    a maildir: the files of new, then of cur
//   another folder              its *.eml, by name
// Files come in the order of their names. One that cannot be read is told by the result and left
// out. Limits: kImportFilesMax files a folder, replay::kMessageBytesMax octets a message,
// kEnvelopeBytesMax a NAME.json.
#ifndef MILLRACE_TOOLS_RECORD_IMPORT_SOURCE_H_
#define MILLRACE_TOOLS_RECORD_IMPORT_SOURCE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/units.h"
#include "tools/record/import_message.h"
#include "tools/record/mbox_reader.h"

namespace record {

inline constexpr std::size_t kImportFilesMax = 5'000'000;
inline constexpr std::size_t kEnvelopeBytesMax = 512 * engine::kMiB;

class ImportSource {
 public:
  ImportSource(std::vector<std::string> paths, MboxQuoting quoting);
  ~ImportSource();
  ImportSource(const ImportSource&) = delete;
  ImportSource& operator=(const ImportSource&) = delete;

  enum class Got : std::uint8_t { kMessage, kError, kEnd };
  // kError: `error` names a file that is left out; go on.
  Got Next(FoundMessage* found, absl::Status* error);

 private:
  absl::Status OpenPath(const std::string& path);
  absl::Status ListFolder(const std::string& folder);
  Got ReadOne(const std::string& path, FoundMessage* found, absl::Status* error);
  Got NextOfMbox(FoundMessage* found, absl::Status* error);
  void CloseMbox();

  std::deque<std::string> paths_;
  std::deque<std::string> files_;  // of the folder at hand
  MboxQuoting quoting_;
  std::optional<MboxReader> mbox_;
  std::string mbox_path_;
  int mbox_fd_ = -1;
  std::uint64_t mbox_count_ = 0;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_IMPORT_SOURCE_H_
