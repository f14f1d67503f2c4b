// Reads a trace file, which may be cut off anywhere or still be growing. Layout: trace_file.h.
//
//   Next() walks the heads of the records without reading what is in them: an index of a large file
//   costs a few octets a record (Entry). Read() then gives one record, ReadBody() one body.
//
//   Next() --> Entry                          whole, by its head; Read() checks the payload
//          --> nullopt, ending() OK           the end; when the file has grown Next() goes on
//          --> nullopt, ending() kDataLoss    cut off (may grow whole later), or damaged:
//                                             Resync() searches for the next head
// Memory: one record and one body at a time. Every length is checked before anything is allocated.
// One thread; several readers of one file do not disturb each other, nor the writer.
#ifndef MILLRACE_TOOLS_TRACE_TRACE_READER_H_
#define MILLRACE_TOOLS_TRACE_TRACE_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/trace/record.h"
#include "tools/trace/trace_file.h"

namespace trace {

// The head of a record.
struct Entry {
  RecordKind kind = RecordKind::kMeta;
  std::uint64_t offset = 0;   // of the record in the file
  std::uint64_t session = 0;  // 0: none
  std::uint64_t time_us = 0;  // the record's time_us; 0: none (bodies)
  std::uint32_t stored_bytes = 0;
  std::uint32_t raw_bytes = 0;  // decompressed
};

class TraceReader {
 public:
  // "-" is not taken: bodies are read by position. Errors: errno, no regular file, no trace
  // (kInvalidArgument), cut off or damaged in the file's head (kDataLoss), another major version
  // (kUnimplemented).
  static absl::StatusOr<std::unique_ptr<TraceReader>> Open(const std::string& path);
  // Takes over a descriptor that can be read; `name` is for messages.
  static absl::StatusOr<std::unique_ptr<TraceReader>> Adopt(int descriptor,
                                                            const std::string& name);
  ~TraceReader();
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;

  // The next record's head; nullopt at the end of what can be read: see ending(). Kinds of a later
  // minor version are passed over.
  std::optional<Entry> Next();

  // After Next() said nullopt. OK: the file ends with a whole record. kDataLoss: cut off or damaged
  // there, with the offset, what is missing, and how many records came before.
  const absl::Status& ending() const noexcept;
  // kDataLoss because the file ends too early, so that nothing follows: it may be being written.
  bool cut_off() const noexcept;

  // After damage: goes to the next sound head behind it whose record is whole. False: there is
  // none, nothing has changed. A trace that was sent as mail may be found in a damaged body.
  bool Resync();
  // Octets that Resync() left out so far.
  std::uint64_t skipped_bytes() const noexcept;

  // Back to the first record.
  void Rewind() noexcept;

  // Not for bodies. kDataLoss: the record is damaged (checksum, length, field), with its offset.
  absl::StatusOr<Record> Read(const Entry& entry);
  // A body without octets is empty. kDataLoss also when the octets do not have the hash.
  absl::StatusOr<std::string> ReadBody(const BodyRef& body);
  // OK: the payload, of whatever kind, is what was written.
  absl::Status Verify(const Entry& entry);

  // As of the last look; grows with the file.
  std::uint64_t file_bytes() const noexcept;
  // Where the last record that Next() gave, or passed over, ends.
  std::uint64_t sound_bytes() const noexcept;
  std::uint64_t records() const noexcept;

 private:
  struct State;
  explicit TraceReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_TRACE_READER_H_
