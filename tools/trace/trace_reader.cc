// Walking heads and reading payloads, all by pread(2).
#include "tools/trace/trace_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/errno_name.h"
#include "tools/trace/content_hash.h"
#include "tools/trace/record_codec.h"
#include "tools/trace/record_pack.h"

namespace trace {
namespace {

constexpr std::size_t kSearchBytes = 16 * engine::kKiB;

absl::Status ErrnoStatus(int error, const std::string& name, std::string_view what) {
  return absl::Status(absl::ErrnoToStatusCode(error),
                      absl::StrCat("trace ",
                                   name,
                                   ": ",
                                   std::string(what),
                                   ": ",
                                   engine::ErrnoText(error),
                                   " (",
                                   engine::ErrnoName(error),
                                   ")"));
}

// Octets from `at` that are there; fewer than asked for at the end of the file. -1: errno.
ssize_t ReadAt(int descriptor, std::uint64_t at, char* to, std::size_t bytes) noexcept {
  std::size_t have = 0;
  while (have < bytes) {
    const ssize_t got = ::pread(descriptor, to + have, bytes - have, static_cast<off_t>(at + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(have);
}

}  // namespace

struct TraceReader::State {
  ~State() { ::close(descriptor); }

  absl::Status Look();
  absl::Status OpenHead();
  absl::Status Broken(std::uint64_t offset, std::string_view what) const;
  absl::Status LoadPayload(std::uint64_t offset, std::uint8_t kind, RecordHead* head);

  int descriptor = -1;
  std::string name{};
  FileVersion version{};
  std::uint64_t file_bytes = 0;
  std::uint64_t at = kFileHeadBytes;  // of the next record
  std::uint64_t records = 0;
  std::uint64_t skipped_bytes = 0;
  bool cut_off = false;
  absl::Status ending{};
  RecordUnpacker unpacker{};
  std::string payload{};
};

absl::Status TraceReader::State::Look() {
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) return ErrnoStatus(errno, name, "fstat");
  if (!S_ISREG(now.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("trace ", name, ": not a regular file"));
  }
  file_bytes = static_cast<std::uint64_t>(now.st_size);
  return absl::OkStatus();
}

absl::Status TraceReader::State::OpenHead() {
  absl::Status looked = Look();
  if (!looked.ok()) return looked;
  FileHead octets{};
  const ssize_t got = ReadAt(descriptor, 0, octets.data(), octets.size());
  if (got < 0) return ErrnoStatus(errno, name, "reading its head");
  switch (DecodeFileHead({octets.data(), static_cast<std::size_t>(got)}, &version)) {
    case HeadResult::kSound: break;
    case HeadResult::kShort:
      return absl::DataLossError(absl::StrCat("trace ",
                                              name,
                                              ": cut off in the file's head: ",
                                              got,
                                              " of ",
                                              kFileHeadBytes,
                                              " octets are there; no records"));
    case HeadResult::kChecksum:
      return absl::DataLossError(
          absl::StrCat("trace ", name, ": the file's head is damaged (checksum)"));
    case HeadResult::kOther:
    case HeadResult::kLength:
    case HeadResult::kEncoding:
      return absl::InvalidArgumentError(absl::StrCat("trace ", name, ": not a trace"));
  }
  if (version.major == kVersionMajor) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("trace ",
                                               name,
                                               ": of version ",
                                               version.major,
                                               ".",
                                               version.minor,
                                               "; this program reads ",
                                               kVersionMajor,
                                               ".x"));
}

absl::Status TraceReader::State::Broken(std::uint64_t offset, std::string_view what) const {
  return absl::DataLossError(
      absl::StrCat("trace ", name, ": at ", offset, ": ", std::string(what)));
}

// Head and payload of the record at `offset`, which must be of this kind.
absl::Status TraceReader::State::LoadPayload(std::uint64_t offset,
                                             std::uint8_t kind,
                                             RecordHead* head) {
  RecordHeadBytes octets{};
  const ssize_t got = ReadAt(descriptor, offset, octets.data(), octets.size());
  if (got < 0) return ErrnoStatus(errno, name, "reading");
  const HeadResult result = DecodeRecordHead({octets.data(), static_cast<std::size_t>(got)}, head);
  if (result != HeadResult::kSound) return Broken(offset, HeadResultText(result));
  if (head->kind != kind) {
    return Broken(
        offset,
        absl::StrCat(
            "a ", RecordKindText(head->kind), " where a ", RecordKindText(kind), " should be"));
  }
  const std::uint64_t begin = offset + kRecordHeadBytes;
  if (begin + head->stored_bytes > file_bytes) {
    absl::Status looked = Look();
    if (!looked.ok()) return looked;
  }
  if (begin + head->stored_bytes > file_bytes) {
    return Broken(offset, absl::StrCat("a ", RecordKindText(kind), " is cut off"));
  }
  std::string stored(head->stored_bytes, '\0');
  const ssize_t whole = ReadAt(descriptor, begin, stored.data(), stored.size());
  if (whole < 0) return ErrnoStatus(errno, name, "reading");
  stored.resize(static_cast<std::size_t>(whole));
  if (unpacker.Unpack(*head, std::move(stored), &payload)) return absl::OkStatus();
  return Broken(offset, absl::StrCat("a ", RecordKindText(kind), " is damaged (checksum)"));
}

TraceReader::TraceReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

TraceReader::~TraceReader() = default;

absl::StatusOr<std::unique_ptr<TraceReader>> TraceReader::Open(const std::string& path) {
  // O_NONBLOCK: a FIFO is refused, not waited for.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return ErrnoStatus(errno, path, "cannot be opened");
  return Adopt(descriptor, path);
}

absl::StatusOr<std::unique_ptr<TraceReader>> TraceReader::Adopt(int descriptor,
                                                                const std::string& name) {
  auto state = std::make_unique<State>();
  state->descriptor = descriptor;
  state->name = name;
  absl::Status head = state->OpenHead();
  if (!head.ok()) return head;
  return std::unique_ptr<TraceReader>(new TraceReader(std::move(state)));
}

std::optional<Entry> TraceReader::Next() {
  State& state = *state_;
  state.cut_off = false;
  for (;;) {
    RecordHeadBytes octets{};
    const ssize_t got = ReadAt(state.descriptor, state.at, octets.data(), octets.size());
    const std::string before = absl::StrCat("; ", state.records, " records come before");
    if (got <= 0) {
      state.ending = got < 0 ? ErrnoStatus(errno, state.name, "reading") : absl::OkStatus();
      return std::nullopt;
    }
    RecordHead head;
    const HeadResult result =
        DecodeRecordHead({octets.data(), static_cast<std::size_t>(got)}, &head);
    if (result != HeadResult::kSound) {
      state.ending = state.Broken(state.at, absl::StrCat(HeadResultText(result), before));
      state.cut_off = result == HeadResult::kShort;
      return std::nullopt;
    }
    const std::uint64_t end = state.at + kRecordHeadBytes + head.stored_bytes;
    if (end > state.file_bytes) {
      state.ending = state.Look();
      if (!state.ending.ok()) return std::nullopt;
    }
    if (end > state.file_bytes) {
      state.cut_off = true;
      const std::uint64_t there =
          state.file_bytes - std::min(state.file_bytes, state.at + kRecordHeadBytes);
      state.ending = state.Broken(state.at,
                                  absl::StrCat("a ",
                                               RecordKindText(head.kind),
                                               " is cut off: ",
                                               there,
                                               " of ",
                                               head.stored_bytes,
                                               " octets are there",
                                               before));
      return std::nullopt;
    }
    const Entry entry{.kind = static_cast<RecordKind>(head.kind),
                      .offset = state.at,
                      .session = head.session,
                      .time_us = head.time_us,
                      .stored_bytes = head.stored_bytes,
                      .raw_bytes = head.raw_bytes};
    state.at = end;
    ++state.records;
    if (head.kind >= static_cast<std::uint8_t>(RecordKind::kMeta) &&
        head.kind <= static_cast<std::uint8_t>(RecordKind::kEnd)) {
      return entry;
    }
  }
}

const absl::Status& TraceReader::ending() const noexcept {
  return state_->ending;
}

bool TraceReader::cut_off() const noexcept {
  return state_->cut_off;
}

bool TraceReader::Resync() {
  State& state = *state_;
  if (state.cut_off) return false;
  const RecordHeadBytes sample = EncodeRecordHead({});
  const std::string_view mark(sample.data(), sizeof(kRecordMark));
  std::string window(kSearchBytes, '\0');
  std::uint64_t from = state.at + 1;
  for (;;) {
    const ssize_t got = ReadAt(state.descriptor, from, window.data(), window.size());
    if (got < static_cast<ssize_t>(kRecordHeadBytes)) return false;
    const std::string_view seen(window.data(), static_cast<std::size_t>(got));
    for (std::size_t at = seen.find(mark); at != std::string_view::npos;
         at = seen.find(mark, at + 1)) {
      RecordHead head;
      if (DecodeRecordHead(seen.substr(at), &head) != HeadResult::kSound) continue;
      if (from + at + kRecordHeadBytes + head.stored_bytes > state.file_bytes) continue;
      state.skipped_bytes += from + at - state.at;
      state.at = from + at;
      state.ending = absl::OkStatus();
      return true;
    }
    // A head may lie across two windows.
    from += seen.size() - (kRecordHeadBytes - 1);
    if (seen.size() < window.size()) return false;
  }
}

std::uint64_t TraceReader::skipped_bytes() const noexcept {
  return state_->skipped_bytes;
}

void TraceReader::Rewind() noexcept {
  state_->at = kFileHeadBytes;
  state_->records = 0;
  state_->skipped_bytes = 0;
  state_->ending = absl::OkStatus();
}

absl::StatusOr<Record> TraceReader::Read(const Entry& entry) {
  if (entry.kind == RecordKind::kBody) {
    return state_->Broken(entry.offset, "a body is no record of its own");
  }
  RecordHead head;
  absl::Status loaded =
      state_->LoadPayload(entry.offset, static_cast<std::uint8_t>(entry.kind), &head);
  if (!loaded.ok()) return loaded;
  std::optional<Record> record =
      Decode(head, state_->payload, state_->version.minor > kVersionMinor);
  if (record) return *std::move(record);
  return state_->Broken(
      entry.offset, absl::StrCat("the fields of a ", RecordKindText(head.kind), " are not sound"));
}

absl::StatusOr<std::string> TraceReader::ReadBody(const BodyRef& body) {
  if (body.bytes == 0) return std::string();
  RecordHead head;
  absl::Status loaded =
      state_->LoadPayload(body.offset, static_cast<std::uint8_t>(RecordKind::kBody), &head);
  if (!loaded.ok()) return loaded;
  const std::string_view payload = state_->payload;
  if (payload.size() < kHashBytes || payload.size() - kHashBytes != body.bytes ||
      payload.substr(0, kHashBytes) != HashOctets(body.hash)) {
    return state_->Broken(body.offset, "another body than the one that was asked for");
  }
  state_->payload.erase(0, kHashBytes);
  if (HashOf(state_->payload) != body.hash) {
    return state_->Broken(body.offset, "a body does not have its hash");
  }
  return std::move(state_->payload);
}

absl::Status TraceReader::Verify(const Entry& entry) {
  RecordHead head;
  return state_->LoadPayload(entry.offset, static_cast<std::uint8_t>(entry.kind), &head);
}

std::uint64_t TraceReader::file_bytes() const noexcept {
  return state_->file_bytes;
}

std::uint64_t TraceReader::sound_bytes() const noexcept {
  return state_->at;
}

std::uint64_t TraceReader::records() const noexcept {
  return state_->records;
}

}  // namespace trace
