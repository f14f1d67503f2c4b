// Folders are listed and sorted whole; an mbox is read in pieces.
#include "tools/record/import_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/command_line/files.h"
#include "tools/record/mail_date.h"
#include "tools/replay/transaction_set.h"

namespace record {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 256 * engine::kKiB;

absl::Status CannotRead(const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": cannot be read"));
}

std::optional<std::uint64_t> FileTime(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || found.st_mtim.tv_sec < 0) return std::nullopt;
  return static_cast<std::uint64_t>(found.st_mtim.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(found.st_mtim.tv_nsec) / 1'000;
}

bool IsFolder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool BeginsWithFrom(const std::string& path) {
  constexpr std::string_view kFrom = "From ";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  std::array<char, kFrom.size()> text{};
  const ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  return got == static_cast<ssize_t>(text.size()) &&
         std::string_view(text.data(), text.size()) == kFrom;
}

// Names of the plain files in `folder`, with `extension` (all: empty), sorted.
absl::Status AddFiles(const fs::path& folder,
                      const std::string& extension,
                      std::deque<std::string>* files) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    const bool wanted = extension.empty() || entry->path().extension() == extension;
    std::error_code ignored;
    if (wanted && entry->is_regular_file(ignored)) names.push_back(entry->path().string());
    if (names.size() > kImportFilesMax)
      return absl::InvalidArgumentError(absl::StrCat(folder.string(), ": too many files"));
  }
  if (error) return CannotRead(folder.string(), error.value());  // tidy: allowed, an error_code
  std::sort(names.begin(), names.end());
  files->insert(files->end(), names.begin(), names.end());
  return absl::OkStatus();
}

}  // namespace

ImportSource::ImportSource(std::vector<std::string> paths, MboxQuoting quoting)
    : paths_(paths.begin(), paths.end()), quoting_(quoting) {}

ImportSource::~ImportSource() {
  CloseMbox();
}

void ImportSource::CloseMbox() {
  if (mbox_fd_ >= 0) ::close(std::exchange(mbox_fd_, -1));
  mbox_.reset();
}

absl::Status ImportSource::ListFolder(const std::string& folder) {
  const fs::path path(folder);
  if (!IsFolder(path / "cur") && !IsFolder(path / "new")) {
    absl::Status status = AddFiles(path, ".eml", &files_);
    if (status.ok() && files_.empty())
      return absl::NotFoundError(absl::StrCat(folder, ": neither .eml files nor a maildir"));
    return status;
  }
  for (const char* part : {"new", "cur"}) {
    if (!IsFolder(path / part)) continue;
    absl::Status status = AddFiles(path / part, "", &files_);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ImportSource::OpenPath(const std::string& path) {
  if (IsFolder(path)) return ListFolder(path);
  if (fs::path(path).extension() != ".mbox" && !BeginsWithFrom(path)) {
    files_.push_back(path);
    return absl::OkStatus();
  }
  mbox_fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (mbox_fd_ < 0) return CannotRead(path, errno);
  mbox_path_ = path;
  mbox_count_ = 0;
  mbox_.emplace(quoting_, replay::kMessageBytesMax);
  return absl::OkStatus();
}

ImportSource::Got ImportSource::Next(FoundMessage* found, absl::Status* error) {
  for (;;) {
    if (mbox_) {
      const Got got = NextOfMbox(found, error);
      if (got != Got::kEnd) return got;
      CloseMbox();
    } else if (!files_.empty()) {
      const std::string path = std::move(files_.front());
      files_.pop_front();
      return ReadOne(path, found, error);
    } else if (!paths_.empty()) {
      const std::string path = std::move(paths_.front());
      paths_.pop_front();
      *error = OpenPath(path);
      if (!error->ok()) return Got::kError;
    } else {
      return Got::kEnd;
    }
  }
}

ImportSource::Got ImportSource::ReadOne(const std::string& path,
                                        FoundMessage* found,
                                        absl::Status* error) {
  *found = {};
  found->name = fs::path(path).filename().string();
  absl::StatusOr<std::string> text = command_line::ReadFile(path, replay::kMessageBytesMax);
  if (text.ok() && text->empty()) text = absl::InvalidArgumentError(path + ": empty");
  if (!text.ok()) {
    *error = text.status();
    return Got::kError;
  }
  found->octets = *std::move(text);
  found->file_us = FileTime(path);
  const std::string json = fs::path(path).replace_extension(".json").string();
  std::error_code missing;
  if (fs::path(path).extension() != ".eml" || !fs::exists(json, missing)) return Got::kMessage;
  absl::StatusOr<std::string> envelope = command_line::ReadFile(json, kEnvelopeBytesMax);
  if (!envelope.ok()) {
    *error = envelope.status();
    return Got::kError;
  }
  found->envelope_json = *std::move(envelope);
  return Got::kMessage;
}

ImportSource::Got ImportSource::NextOfMbox(FoundMessage* found, absl::Status* error) {
  std::string piece;
  for (;;) {
    MboxMessage message;
    switch (mbox_->Next(&message)) {
      case MboxResult::kMessage:
        *found = {};
        found->name = absl::StrCat(fs::path(mbox_path_).filename().string(), ":", ++mbox_count_);
        found->octets = std::move(message.octets);
        found->from_line_us = ReadFromLineDate(message.from_line);
        return Got::kMessage;
      case MboxResult::kTooLarge:
        *error = absl::ResourceExhaustedError(
            absl::StrCat(mbox_path_, ": message ", ++mbox_count_, " is too large"));
        return Got::kError;
      case MboxResult::kNotMbox:
        CloseMbox();
        *error = absl::InvalidArgumentError(
            absl::StrCat(mbox_path_, ": no mbox, it does not begin with a From line"));
        return Got::kError;
      case MboxResult::kEnd: return Got::kEnd;
      case MboxResult::kNeedMore: break;
    }
    piece.resize(kReadBytes);
    const ssize_t got = ::read(mbox_fd_, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      *error = CannotRead(mbox_path_, errno);
      CloseMbox();
      return Got::kError;
    }
    if (got == 0) mbox_->End();
    mbox_->Feed(std::string_view(piece.data(), static_cast<std::size_t>(got)));
  }
}

}  // namespace record
