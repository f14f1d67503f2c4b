// Appending records: one pwritev(2) each, cut back when it fails.
#include "tools/trace/trace_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/errno_name.h"
#include "tools/trace/content_hash.h"
#include "tools/trace/record_codec.h"
#include "tools/trace/record_pack.h"
#include "tools/trace/trace_file.h"
#include "tools/trace/trace_reader.h"

namespace trace {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kOthersMode = 0077;

absl::Status ErrnoStatus(int error, const std::string& path, const std::string& what) {
  return absl::Status(absl::ErrnoToStatusCode(error),
                      absl::StrCat("trace ",
                                   path,
                                   ": ",
                                   what,
                                   ": ",
                                   engine::ErrnoText(error),
                                   " (",
                                   engine::ErrnoName(error),
                                   ")"));
}

struct HashHasher {
  std::size_t operator()(const ContentHash& hash) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, hash.data(), sizeof(value));
    return value;
  }
};

// Where the bodies are that were written lately.
class KnownBodies {
 public:
  std::optional<std::uint64_t> Find(const ContentHash& hash) const {
    const auto found = offsets_.find(hash);
    return found == offsets_.end() ? std::nullopt : std::optional(found->second);
  }

  void Add(const ContentHash& hash, std::uint64_t offset) {
    if (order_.size() == kBodiesKnownMax) {
      offsets_.erase(order_.front());
      order_.pop_front();
    }
    if (offsets_.emplace(hash, offset).second) order_.push_back(hash);
  }

 private:
  std::unordered_map<ContentHash, std::uint64_t, HashHasher> offsets_;
  std::deque<ContentHash> order_;
};

// The octets that one pwritev(2) after the other has not taken yet.
class Parts {
 public:
  explicit Parts(const RecordPacker::Packed& packed) {
    Add(packed.head);
    Add(packed.first);
    Add(packed.second);
  }

  bool done() const noexcept { return at_ == count_; }
  ssize_t WriteAt(int descriptor, std::uint64_t offset) noexcept {
    return ::pwritev(
        descriptor, &parts_[at_], static_cast<int>(count_ - at_), static_cast<off_t>(offset));
  }
  void Take(std::size_t bytes) noexcept {
    while (!done() && bytes >= parts_[at_].iov_len)
      bytes -= parts_[at_++].iov_len;
    if (done()) return;
    parts_[at_].iov_base = static_cast<char*>(parts_[at_].iov_base) + bytes;
    parts_[at_].iov_len -= bytes;
  }

 private:
  void Add(std::string_view part) noexcept {
    if (part.empty()) return;
    parts_[count_++] = {const_cast<char*>(part.data()), part.size()};
  }

  std::array<iovec, 3> parts_{};
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

struct TraceWriter::State {
  State(const std::string& file, int level) : path(file), packer(level) {}
  ~State() {
    if (descriptor >= 0) ::close(descriptor);
  }

  absl::Status Create();
  absl::Status Append();
  absl::Status Lock();
  absl::Status FindEnd();
  absl::Status PutFileHead();
  absl::Status PutRecord(const RecordHead& head, std::string_view first, std::string_view second);
  absl::Status PutBody(std::string_view octets, BodyRef* body);
  absl::Status PutPayload(RecordKind kind, std::uint64_t session, std::uint64_t time_us);
  absl::Status Fail(int error, const std::string& what);

  int descriptor = -1;
  std::string path;
  RecordPacker packer;
  std::uint64_t end = 0;  // of the last whole record
  std::uint64_t records = 0;
  std::uint64_t last_session = 0;
  absl::Status error{};  // sticky
  KnownBodies bodies{};
  std::string payload{};
};

absl::Status TraceWriter::State::Create() {
  descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode);
  if (descriptor < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(
        absl::StrCat("trace ", path, ": exists; append to it, or give another name"));
  }
  if (descriptor < 0) return ErrnoStatus(errno, path, "cannot be created");
  absl::Status status = Lock();
  // The umask may have taken rights away from the owner.
  if (status.ok() && ::fchmod(descriptor, kFileMode) != 0) {
    status = ErrnoStatus(errno, path, "fchmod");
  }
  if (status.ok()) status = PutFileHead();
  if (!status.ok()) ::unlink(path.c_str());
  return status;
}

absl::Status TraceWriter::State::Append() {
  // O_NONBLOCK: a FIFO is refused, not waited for.
  descriptor = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0 && errno == ENOENT) return Create();
  if (descriptor < 0) return ErrnoStatus(errno, path, "cannot be opened");
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) return ErrnoStatus(errno, path, "fstat");
  if (!S_ISREG(now.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("trace ", path, ": not a regular file"));
  }
  if ((now.st_mode & kOthersMode) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("trace ",
                     path,
                     ": other users have rights to it, and it would hold mail: chmod 600 it, or "
                     "give another name"));
  }
  const absl::Status locked = Lock();
  return locked.ok() ? FindEnd() : locked;
}

absl::Status TraceWriter::State::Lock() {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, path, "flock");
  return absl::FailedPreconditionError(
      absl::StrCat("trace ", path, ": another process is writing it"));
}

// Walks the file. What lies behind the last whole record is cut off, unless more records follow it:
// then it is no torn tail, and nothing is touched.
absl::Status TraceWriter::State::FindEnd() {
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return ErrnoStatus(errno, path, "dup");
  absl::StatusOr<std::unique_ptr<TraceReader>> opened = TraceReader::Adopt(own, path);
  if (opened.status().code() == absl::StatusCode::kDataLoss) {
    struct stat now {};
    if (::fstat(descriptor, &now) != 0) return ErrnoStatus(errno, path, "fstat");
    if (static_cast<std::size_t>(now.st_size) < kFileHeadBytes) return PutFileHead();
  }
  if (!opened.ok()) return opened.status();
  TraceReader& reader = **opened;
  std::optional<Entry> last;
  while (std::optional<Entry> entry = reader.Next()) {
    last_session = std::max(last_session, entry->session);
    last = entry;
  }
  end = reader.sound_bytes();
  records = reader.records();
  absl::Status ending = reader.ending();
  if (!ending.ok() && ending.code() != absl::StatusCode::kDataLoss) return ending;
  if (!ending.ok() && reader.Resync()) {
    return absl::DataLossError(absl::StrCat("trace ",
                                            path,
                                            ": damaged at ",
                                            end,
                                            ", and records follow: nothing is appended; give "
                                            "another name"));
  }
  // A record may have its head and not its octets, when the machine went down.
  if (last && last->offset + kRecordHeadBytes + last->stored_bytes == end) {
    absl::Status verified = reader.Verify(*last);
    if (verified.code() == absl::StatusCode::kDataLoss) {
      end = last->offset;
      --records;
    } else if (!verified.ok()) {
      return verified;
    }
  }
  if (::ftruncate(descriptor, static_cast<off_t>(end)) != 0) {
    return ErrnoStatus(errno, path, "its torn tail cannot be cut off");
  }
  return absl::OkStatus();
}

absl::Status TraceWriter::State::PutFileHead() {
  const FileHead head = EncodeFileHead();
  RecordPacker::Packed parts;
  parts.head = {head.data(), head.size()};
  Parts rest(parts);
  end = 0;
  std::uint64_t at = 0;
  while (!rest.done()) {
    const ssize_t put = rest.WriteAt(descriptor, at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Fail(errno, "the file's head cannot be written");
    rest.Take(static_cast<std::size_t>(put));
    at += static_cast<std::uint64_t>(put);
  }
  end = kFileHeadBytes;
  return absl::OkStatus();
}

// The file goes back to its last whole record, and the writer takes no more.
absl::Status TraceWriter::State::Fail(int number, const std::string& what) {
  std::string stands = absl::StrCat("; ", records, " records in ", end, " octets stand");
  if (::ftruncate(descriptor, static_cast<off_t>(end)) != 0) {
    absl::StrAppend(&stands, ", and behind them a part of one (", engine::ErrnoName(errno), ")");
  }
  const absl::Status status = ErrnoStatus(number, path, what);
  error = absl::Status(status.code(), absl::StrCat(std::string(status.message()), stands));
  return error;
}

absl::Status TraceWriter::State::PutRecord(const RecordHead& head,
                                           std::string_view first,
                                           std::string_view second) {
  if (!error.ok()) return error;
  if (first.size() + second.size() > RecordBytesMax(head.kind)) {
    return absl::ResourceExhaustedError(absl::StrCat("trace ",
                                                     path,
                                                     ": a ",
                                                     RecordKindText(head.kind),
                                                     " of ",
                                                     first.size() + second.size(),
                                                     " octets, at most ",
                                                     RecordBytesMax(head.kind)));
  }
  const RecordPacker::Packed packed = packer.Pack(head, first, second);
  Parts rest(packed);
  std::uint64_t at = end;
  while (!rest.done()) {
    const ssize_t put = rest.WriteAt(descriptor, at);
    if (put < 0 && errno == EINTR) continue;
    // After a short write the next one says why.
    if (put <= 0) {
      return Fail(put < 0 ? errno : ENOSPC,
                  absl::StrCat("a ", RecordKindText(head.kind), " cannot be written"));
    }
    rest.Take(static_cast<std::size_t>(put));
    at += static_cast<std::uint64_t>(put);
  }
  end = at;
  ++records;
  last_session = std::max(last_session, head.session);
  return absl::OkStatus();
}

absl::Status TraceWriter::State::PutBody(std::string_view octets, BodyRef* body) {
  *body = {};
  if (octets.empty()) return absl::OkStatus();
  const ContentHash hash = HashOf(octets);
  std::optional<std::uint64_t> offset = bodies.Find(hash);
  if (!offset) {
    offset = end;
    const RecordHead head{.kind = static_cast<std::uint8_t>(RecordKind::kBody)};
    absl::Status put = PutRecord(head, HashOctets(hash), octets);
    if (!put.ok()) return put;
    bodies.Add(hash, *offset);
  }
  *body = {.hash = hash, .bytes = octets.size(), .offset = *offset};
  return absl::OkStatus();
}

absl::Status TraceWriter::State::PutPayload(RecordKind kind,
                                            std::uint64_t session,
                                            std::uint64_t time_us) {
  const RecordHead head{
      .kind = static_cast<std::uint8_t>(kind), .session = session, .time_us = time_us};
  return PutRecord(head, payload, {});
}

TraceWriter::TraceWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

TraceWriter::~TraceWriter() = default;

absl::StatusOr<std::unique_ptr<TraceWriter>> TraceWriter::Open(const std::string& path,
                                                               const WriterOptions& options) {
  if (options.level < 0 || options.level > kLevelMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("trace ", path, ": level ", options.level, ", 0 to ", kLevelMax));
  }
  auto state = std::make_unique<State>(path, options.level);
  const absl::Status opened = options.append ? state->Append() : state->Create();
  if (!opened.ok()) return opened;
  return std::unique_ptr<TraceWriter>(new TraceWriter(std::move(state)));
}

absl::Status TraceWriter::Write(TransactionRecord& record, std::string_view body) {
  absl::Status put = state_->PutBody(body, &record.body);
  if (!put.ok()) return put;
  state_->payload.clear();
  Encode(record, &state_->payload);
  return state_->PutPayload(RecordKind::kTransaction, record.session, record.time_us);
}

absl::Status TraceWriter::Write(ScanRecord& record, std::string_view message) {
  absl::Status put = state_->PutBody(message, &record.message);
  if (!put.ok()) return put;
  state_->payload.clear();
  Encode(record, &state_->payload);
  return state_->PutPayload(RecordKind::kScan, 0, record.time_us);
}

absl::Status TraceWriter::Write(const SessionRecord& record) {
  state_->payload.clear();
  Encode(record, &state_->payload);
  return state_->PutPayload(RecordKind::kSession, record.session, record.time_us);
}

absl::Status TraceWriter::Write(const CloseRecord& record) {
  state_->payload.clear();
  Encode(record, &state_->payload);
  return state_->PutPayload(RecordKind::kClose, record.session, record.time_us);
}

absl::Status TraceWriter::Write(const MetaRecord& record) {
  state_->payload = record.json;
  return state_->PutPayload(RecordKind::kMeta, 0, record.time_us);
}

absl::Status TraceWriter::Write(const EndRecord& record) {
  state_->payload = record.json;
  return state_->PutPayload(RecordKind::kEnd, 0, record.time_us);
}

absl::Status TraceWriter::Sync() {
  if (!state_->error.ok()) return state_->error;
  if (::fdatasync(state_->descriptor) == 0) return absl::OkStatus();
  return state_->Fail(errno, "fdatasync");
}

std::uint64_t TraceWriter::last_session() const noexcept {
  return state_->last_session;
}

std::uint64_t TraceWriter::file_bytes() const noexcept {
  return state_->end;
}

std::uint64_t TraceWriter::records() const noexcept {
  return state_->records;
}

}  // namespace trace
