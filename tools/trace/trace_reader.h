// Reads a trace file, which may be cut off anywhere or still be growing. Layout: trace_file.h.
//
//   Next() walks the heads of the records without reading what is in them: an index of a large file
//   costs a few octets a record (Entry). Read() then gives one record, ReadBody() one body.
//
// Memory: one record and one body at a time. Every length is checked before anything is allocated.
// One thread; several readers of one file do not disturb each other.
#ifndef MILLRACE_TOOLS_TRACE_TRACE_READER_H_
#define MILLRACE_TOOLS_TRACE_TRACE_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/trace/record.h"

namespace trace {

enum class RecordKind : std::uint8_t {
  kMeta = 1,
  kBody = 2,
  kSession = 3,
  kTransaction = 4,
  kClose = 5,
  kScan = 6,
  kEnd = 7,
};

// The head of a record.
struct Entry {
  RecordKind kind = RecordKind::kMeta;
  std::uint64_t offset = 0;   // of the record in the file
  std::uint64_t session = 0;  // 0: none
  std::uint64_t time_us = 0;  // the record's time_us; 0: none (bodies)
  std::uint32_t stored_bytes = 0;
};

class TraceReader {
 public:
  // "-" is not taken: bodies are read by position. Errors: errno, no trace, a newer version.
  static absl::StatusOr<std::unique_ptr<TraceReader>> Open(const std::string& path);
  ~TraceReader();
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;

  // The next record's head; nullopt at the end of what can be read: see ending(). Kinds of a later
  // minor version are passed over.
  std::optional<Entry> Next();

  // After Next() said nullopt. OK: the file ends with a whole record. kDataLoss: cut off or damaged
  // there, with the offset, what is missing, and how many records came before.
  const absl::Status& ending() const noexcept;

  // Not for bodies. kDataLoss: the record is damaged (checksum, length, field), with its offset.
  absl::StatusOr<Record> Read(const Entry& entry);
  // kDataLoss also when the octets do not have the hash.
  absl::StatusOr<std::string> ReadBody(const BodyRef& body);

  std::uint64_t file_bytes() const noexcept;

 private:
  struct State;
  explicit TraceReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_TRACE_READER_H_
