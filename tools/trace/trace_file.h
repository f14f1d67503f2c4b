// The layout of a trace file, version 1.0. docs/trace-format.md has it for other languages.
//
//   file    +----------------------------------------------------------------+
//           | 0x89 "MRTRA" CR LF | major:u16 | minor:u16 | zero:u64 | crc:u32 |  24 octets
//           +----------------------------------------------------------------+
//           | record | record | ...                                          |
//
//   record  +---------------------------------------------------------------------+
//           |  0 mark:u32         4 kind:u8   5 encoding:u8   6 zero:u16           |
//           |  8 stored_bytes:u32             12 raw_bytes:u32                     |  the head:
//           | 16 session:u64                  24 time_us:u64                       |  40 octets
//           | 32 payload_crc:u32              36 head_crc:u32                      |
//           +---------------------------------------------------------------------+
//           | payload: stored_bytes octets, which are raw_bytes once decompressed |
//           +---------------------------------------------------------------------+
//
// All numbers are little-endian; a crc is zlib's crc32: head_crc over the 36 octets before it,
// payload_crc over the payload as stored. The head has its own, so that a reader can walk from head
// to head. Each record is compressed by itself: a cut loses the record that it cuts, nothing else.
// The payloads are in record_codec.h. A later minor version may add kinds of records, and fields
// behind the known ones; another major version cannot be read.
#ifndef MILLRACE_TOOLS_TRACE_TRACE_FILE_H_
#define MILLRACE_TOOLS_TRACE_TRACE_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/units.h"

namespace trace {

inline constexpr std::array<unsigned char, 8> kMagic = {0x89, 'M', 'R', 'T', 'R', 'A', '\r', '\n'};
inline constexpr std::uint16_t kVersionMajor = 1;
inline constexpr std::uint16_t kVersionMinor = 0;
inline constexpr std::size_t kFileHeadBytes = 24;
inline constexpr std::size_t kRecordHeadBytes = 40;
// In the file: C7 'R' 'E' 'C'.
inline constexpr std::uint32_t kRecordMark = 0x434552C7;

// A record's octets once decompressed, checked before anything is allocated.
inline constexpr std::uint32_t kBodyRecordBytesMax = 300 * engine::kMiB;
inline constexpr std::uint32_t kRecordBytesMax = 64 * engine::kMiB;
// zstd cannot make more of one octet; a head that says so lies.
inline constexpr std::uint32_t kExpansionMax = 32'768;

enum class RecordKind : std::uint8_t {
  kMeta = 1,
  kBody = 2,
  kSession = 3,
  kTransaction = 4,
  kClose = 5,
  kScan = 6,
  kEnd = 7,
};

enum class Encoding : std::uint8_t { kPlain = 0, kZstd = 1 };

struct FileVersion {
  std::uint16_t major = kVersionMajor;
  std::uint16_t minor = kVersionMinor;
};

using FileHead = std::array<char, kFileHeadBytes>;
using RecordHeadBytes = std::array<char, kRecordHeadBytes>;

struct RecordHead {
  std::uint8_t kind = 0;  // a RecordKind, or one of a later minor version
  Encoding encoding = Encoding::kPlain;
  std::uint32_t stored_bytes = 0;
  std::uint32_t raw_bytes = 0;
  std::uint64_t session = 0;  // 0: none
  std::uint64_t time_us = 0;  // 0: none
  std::uint32_t payload_crc = 0;
};

FileHead EncodeFileHead() noexcept;

enum class HeadResult : std::uint8_t {
  kSound,
  kShort,     // what is there is the beginning of one
  kOther,     // no mark, or no magic
  kChecksum,  // the octets are not those that were written
  kLength,    // over the limits, or lengths that contradict each other
  kEncoding,  // unknown
};

HeadResult DecodeFileHead(std::string_view octets, FileVersion* version) noexcept;

RecordHeadBytes EncodeRecordHead(const RecordHead& head) noexcept;
HeadResult DecodeRecordHead(std::string_view octets, RecordHead* head) noexcept;

// "no record begins here", for messages. Static.
const char* HeadResultText(HeadResult result) noexcept;
// "transaction"; "record" for an unknown kind. Static.
const char* RecordKindText(std::uint8_t kind) noexcept;

std::uint32_t RecordBytesMax(std::uint8_t kind) noexcept;

// zlib's crc32; `from` goes on with an earlier one.
std::uint32_t Crc32(std::string_view octets, std::uint32_t from = 0) noexcept;

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_TRACE_FILE_H_
