// libFuzzer: any octets as a trace file, as they are and with their checksums mended, so that what
// lies behind the checksums is reached, too.
//
// Checks: it ends, every record lies within the file, and a record that is read has the same
// payload when it is written again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "engine/base/check.h"
#include "tools/trace/record_codec.h"
#include "tools/trace/trace_file.h"
#include "tools/trace/trace_reader.h"

namespace {

void PutU32(std::string* octets, std::size_t at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i)
    (*octets)[at + i] = static_cast<char>(value >> (8 * i));
}

// The checksums of the file's head and of each record that follows the one before.
std::string Mended(std::string octets) {
  if (octets.size() < trace::kFileHeadBytes) return octets;
  PutU32(&octets, 20, trace::Crc32(std::string_view(octets).substr(0, 20)));
  std::size_t at = trace::kFileHeadBytes;
  while (octets.size() - at >= trace::kRecordHeadBytes) {
    std::size_t stored = 0;
    for (unsigned i = 0; i < 4; ++i)
      stored |= std::size_t{static_cast<unsigned char>(octets[at + 8 + i])} << (8 * i);
    const std::string_view payload =
        std::string_view(octets).substr(at + trace::kRecordHeadBytes, stored);
    PutU32(&octets, at, trace::kRecordMark);
    PutU32(&octets, at + 32, trace::Crc32(payload));
    PutU32(&octets, at + 36, trace::Crc32(std::string_view(octets).substr(at, 36)));
    at += trace::kRecordHeadBytes + payload.size();
  }
  return octets;
}

struct CheckAgain {
  const trace::Entry& entry;

  template <typename Record>
  void operator()(const Record& record) const {
    std::string payload;
    trace::Encode(record, &payload);
    const trace::RecordHead head{.kind = static_cast<std::uint8_t>(entry.kind),
                                 .session = entry.session,
                                 .time_us = entry.time_us};
    const auto again = trace::Decode(head, payload, false);
    ENGINE_CHECK(again.has_value());
    std::string second;
    trace::Encode(std::get<Record>(*again), &second);
    ENGINE_CHECK(payload == second);
  }
  void operator()(const trace::MetaRecord&) const {}
  void operator()(const trace::EndRecord&) const {}
};

void ReadBodies(trace::TraceReader& reader, const trace::Record& record) {
  if (const auto* transaction = std::get_if<trace::TransactionRecord>(&record)) {
    const auto body = reader.ReadBody(transaction->body);
    if (body.ok()) ENGINE_CHECK(body->size() == transaction->body.bytes);
  }
  if (const auto* scan = std::get_if<trace::ScanRecord>(&record)) {
    static_cast<void>(reader.ReadBody(scan->message).ok());
  }
}

void ReadTrace(std::string_view octets) {
  const int file = ::memfd_create("trace", MFD_CLOEXEC);
  ENGINE_CHECK(file >= 0);
  ENGINE_CHECK(::write(file, octets.data(), octets.size()) == static_cast<ssize_t>(octets.size()));
  auto opened = trace::TraceReader::Adopt(file, "fuzz");
  if (!opened.ok()) return;
  trace::TraceReader& reader = **opened;
  do {
    while (const auto entry = reader.Next()) {
      ENGINE_CHECK(entry->offset + trace::kRecordHeadBytes + entry->stored_bytes <= octets.size());
      if (!reader.Verify(*entry).ok()) continue;
      const auto record = reader.Read(*entry);
      if (!record.ok()) continue;
      std::visit(CheckAgain{*entry}, *record);
      ReadBodies(reader, *record);
    }
    ENGINE_CHECK(reader.sound_bytes() <= octets.size());
  } while (reader.Resync());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string octets(reinterpret_cast<const char*>(data), size);
  ReadTrace(octets);
  ReadTrace(Mended(octets));
  return 0;
}
