// The payloads of records, to octets and back.
//
//   varint   7 bits an octet, lowest first, the top bit says that more follow; at most 10 octets
//   zigzag   varint of (n << 1) ^ (n >> 63)
//   text     varint length, octets
//   body     varint bytes; unless 0: hash (32 octets), varint offset of the body's record
//   packets  varint count; each: zigzag offset_us less the one before (0 before the first),
//            direction:u8, code:u8, varint body_bytes, text payload
//
//   meta, end    the JSON octets, nothing else
//   body         hash (32 octets), the octets
//   session      packets
//   transaction  varint index, outcome:u8, decided_at:u8, captured:u8, body, packets
//   close        ending:u8, varint transactions, varint error, packets
//   scan         varint request_us, varint reply_us, captured:u8, body, text request, text reply
//
// Session and time are in the record's head. Octets behind the last field are fields of a later
// minor version: passed over when the file says that it has one, else the payload is not sound.
#ifndef MILLRACE_TOOLS_TRACE_RECORD_CODEC_H_
#define MILLRACE_TOOLS_TRACE_RECORD_CODEC_H_

#include <optional>
#include <string>
#include <string_view>

#include "tools/trace/record.h"
#include "tools/trace/trace_file.h"

namespace trace {

// Appends the payload to `out`.
void Encode(const SessionRecord& record, std::string* out);
void Encode(const TransactionRecord& record, std::string* out);
void Encode(const CloseRecord& record, std::string* out);
void Encode(const ScanRecord& record, std::string* out);

// nullopt: the payload is not sound, or the kind is none of these (bodies have no Record).
std::optional<Record> Decode(const RecordHead& head, std::string_view payload, bool later_minor);

// The two parts of a body's payload.
inline constexpr std::size_t kHashBytes = std::tuple_size_v<ContentHash>;
std::string_view HashOctets(const ContentHash& hash) noexcept;

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_RECORD_CODEC_H_
