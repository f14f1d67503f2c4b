// Heads of files and records, to octets and back.
#include "tools/trace/trace_file.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

namespace trace {
namespace {

constexpr std::size_t kFileCrcAt = 20;
constexpr std::size_t kHeadCrcAt = 36;

template <typename Number>
void Put(char* at, Number value) noexcept {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    at[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

template <typename Number>
Number Get(std::string_view octets, std::size_t at) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(octets[at + i])} << (8 * i);
  }
  return static_cast<Number>(value);
}

bool BeginsWithMagic(std::string_view octets) noexcept {
  const std::size_t size = std::min(octets.size(), kMagic.size());
  return size == 0 || std::memcmp(octets.data(), kMagic.data(), size) == 0;
}

bool LengthsAreSound(const RecordHead& head) noexcept {
  if (head.raw_bytes > RecordBytesMax(head.kind)) return false;
  if (head.encoding == Encoding::kPlain) return head.stored_bytes == head.raw_bytes;
  return head.stored_bytes < head.raw_bytes && head.raw_bytes / kExpansionMax <= head.stored_bytes;
}

}  // namespace

std::uint32_t Crc32(std::string_view octets, std::uint32_t from) noexcept {
  // zlib takes a null pointer for "begin anew".
  if (octets.empty()) return from;
  return static_cast<std::uint32_t>(
      ::crc32_z(from, reinterpret_cast<const unsigned char*>(octets.data()), octets.size()));
}

FileHead EncodeFileHead() noexcept {
  FileHead head{};
  std::memcpy(head.data(), kMagic.data(), kMagic.size());
  Put(&head[8], kVersionMajor);
  Put(&head[10], kVersionMinor);
  Put(&head[kFileCrcAt], Crc32({head.data(), kFileCrcAt}));
  return head;
}

HeadResult DecodeFileHead(std::string_view octets, FileVersion* version) noexcept {
  if (!BeginsWithMagic(octets)) return HeadResult::kOther;
  if (octets.size() < kFileHeadBytes) return HeadResult::kShort;
  if (Get<std::uint32_t>(octets, kFileCrcAt) != Crc32(octets.substr(0, kFileCrcAt))) {
    return HeadResult::kChecksum;
  }
  version->major = Get<std::uint16_t>(octets, 8);
  version->minor = Get<std::uint16_t>(octets, 10);
  return HeadResult::kSound;
}

RecordHeadBytes EncodeRecordHead(const RecordHead& head) noexcept {
  RecordHeadBytes octets{};
  Put(octets.data(), kRecordMark);
  Put(&octets[4], head.kind);
  Put(&octets[5], static_cast<std::uint8_t>(head.encoding));
  Put(&octets[8], head.stored_bytes);
  Put(&octets[12], head.raw_bytes);
  Put(&octets[16], head.session);
  Put(&octets[24], head.time_us);
  Put(&octets[32], head.payload_crc);
  Put(&octets[kHeadCrcAt], Crc32({octets.data(), kHeadCrcAt}));
  return octets;
}

HeadResult DecodeRecordHead(std::string_view octets, RecordHead* head) noexcept {
  if (octets.size() < kRecordHeadBytes) return HeadResult::kShort;
  if (Get<std::uint32_t>(octets, 0) != kRecordMark) return HeadResult::kOther;
  if (Get<std::uint32_t>(octets, kHeadCrcAt) != Crc32(octets.substr(0, kHeadCrcAt))) {
    return HeadResult::kChecksum;
  }
  const auto encoding = Get<std::uint8_t>(octets, 5);
  if (encoding > static_cast<std::uint8_t>(Encoding::kZstd)) return HeadResult::kEncoding;
  *head = {.kind = Get<std::uint8_t>(octets, 4),
           .encoding = static_cast<Encoding>(encoding),
           .stored_bytes = Get<std::uint32_t>(octets, 8),
           .raw_bytes = Get<std::uint32_t>(octets, 12),
           .session = Get<std::uint64_t>(octets, 16),
           .time_us = Get<std::uint64_t>(octets, 24),
           .payload_crc = Get<std::uint32_t>(octets, 32)};
  return LengthsAreSound(*head) ? HeadResult::kSound : HeadResult::kLength;
}

const char* HeadResultText(HeadResult result) noexcept {
  switch (result) {
    case HeadResult::kSound: return "sound";
    case HeadResult::kShort: return "the head is cut off";
    case HeadResult::kOther: return "no record begins here";
    case HeadResult::kChecksum: return "the head's checksum is wrong";
    case HeadResult::kLength: return "an impossible length";
    case HeadResult::kEncoding: return "an unknown encoding";
  }
  return "?";
}

const char* RecordKindText(std::uint8_t kind) noexcept {
  switch (static_cast<RecordKind>(kind)) {
    case RecordKind::kMeta: return "meta";
    case RecordKind::kBody: return "body";
    case RecordKind::kSession: return "session";
    case RecordKind::kTransaction: return "transaction";
    case RecordKind::kClose: return "close";
    case RecordKind::kScan: return "scan";
    case RecordKind::kEnd: return "end";
  }
  return "record";
}

std::uint32_t RecordBytesMax(std::uint8_t kind) noexcept {
  return kind == static_cast<std::uint8_t>(RecordKind::kBody) ? kBodyRecordBytesMax
                                                              : kRecordBytesMax;
}

}  // namespace trace
