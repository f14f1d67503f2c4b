// Sample records and readers of whole files.
#include "tests/tools/trace_samples.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"
#include "tools/trace/content_hash.h"

namespace trace {
namespace {

std::string PacketsText(const std::vector<Packet>& packets) {
  std::string text;
  for (const Packet& packet : packets) {
    text += packet.direction == Direction::kToFilter ? "\n> " : "\n< ";
    text += std::to_string(packet.offset_us) + " ";
    text += milter::Escape(std::string(1, static_cast<char>(packet.code))) + " " +
            std::to_string(packet.body_bytes) + " " + milter::Escape(packet.payload);
  }
  return text;
}

std::string BodyText(const BodyRef& body) {
  return std::to_string(body.bytes) + "@" + std::to_string(body.offset) + "#" + HashText(body.hash);
}

struct Texts {
  std::string operator()(const SessionRecord& r) const {
    return "session " + std::to_string(r.session) + " " + std::to_string(r.time_us) +
           PacketsText(r.packets);
  }
  std::string operator()(const TransactionRecord& r) const {
    return "transaction " + std::to_string(r.session) + " " + std::to_string(r.time_us) + " " +
           std::to_string(r.index) + " " + std::to_string(static_cast<int>(r.outcome)) + " " +
           std::to_string(r.decided_at) + " " + std::to_string(static_cast<int>(r.captured)) + " " +
           BodyText(r.body) + PacketsText(r.packets);
  }
  std::string operator()(const CloseRecord& r) const {
    return "close " + std::to_string(r.session) + " " + std::to_string(r.time_us) + " " +
           std::to_string(static_cast<int>(r.ending)) + " " + std::to_string(r.transactions) + " " +
           std::to_string(r.error) + PacketsText(r.packets);
  }
  std::string operator()(const ScanRecord& r) const {
    return "scan " + std::to_string(r.time_us) + " " + std::to_string(r.request_us) + " " +
           std::to_string(r.reply_us) + " " + std::to_string(static_cast<int>(r.captured)) + " " +
           BodyText(r.message) + " " + milter::Escape(r.request) + " " + milter::Escape(r.reply);
  }
  std::string operator()(const MetaRecord& r) const {
    return "meta " + std::to_string(r.time_us) + " " + r.json;
  }
  std::string operator()(const EndRecord& r) const {
    return "end " + std::to_string(r.time_us) + " " + r.json;
  }
};

const BodyRef* BodyOf(const Record& record) {
  if (const auto* transaction = std::get_if<TransactionRecord>(&record)) return &transaction->body;
  if (const auto* scan = std::get_if<ScanRecord>(&record)) return &scan->message;
  return nullptr;
}

}  // namespace

Folder::Folder() : path_(std::filesystem::temp_directory_path() / "millrace-trace-XXXXXX") {
  EXPECT_NE(::mkdtemp(path_.data()), nullptr);
}

Folder::~Folder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void SetContents(const std::string& path, std::string_view octets) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << octets;
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

std::string Text(const Record& record) {
  return std::visit(Texts(), record);
}

void Kept::OnSession(SessionRecord&& record) {
  sessions.push_back(std::move(record));
  order += 's';
}

void Kept::OnTransaction(TransactionRecord&& record, std::string&& body) {
  transactions.push_back(std::move(record));
  bodies.push_back(std::move(body));
  order += 't';
}

void Kept::OnClose(CloseRecord&& record) {
  closes.push_back(std::move(record));
  order += 'c';
}

void Observe(const milter::GoldenConnection& connection,
             std::size_t chunk_bytes,
             Ending ending,
             RecordSink& sink) {
  std::uint64_t time_us = 1000;
  SessionObserver observer(sink, 7, time_us);
  for (const milter::GoldenPacket& packet : connection.packets) {
    const std::string octets = milter::Pack(packet.code, packet.payload);
    const Direction direction = packet.from_mta ? Direction::kToFilter : Direction::kToServer;
    const std::size_t step = chunk_bytes == 0 ? octets.size() : chunk_bytes;
    for (std::size_t at = 0; at < octets.size(); at += step) {
      // A block of its own size: an overrun is seen by the address sanitizer.
      const std::string piece = octets.substr(at, step);
      observer.OnOctets(direction, piece, ++time_us);
    }
  }
  observer.OnEnd(ending, 0, ++time_us);
}

SessionRecord SampleSession() {
  return {.session = 3,
          .time_us = 1'000'000,
          .packets = {{0, Direction::kToFilter, 'O', 0, std::string("\0\0\0\6", 4)},
                      {15, Direction::kToServer, 'O', 0, std::string("\0\0\0\6", 4)},
                      {20, Direction::kToFilter, 'H', 0, std::string("client\0", 7)}}};
}

TransactionRecord SampleTransaction() {
  TransactionRecord record;
  record.session = 3;
  record.time_us = 1'000'100;
  record.index = 0;
  record.outcome = milter::Outcome::kRejected;
  record.decided_at = 'E';
  record.captured = Captured::kWhole;
  record.packets = {{0, Direction::kToFilter, 'M', 0, std::string("<a@b>\0", 6)},
                    {300, Direction::kToFilter, 'B', 33, ""},
                    {301, Direction::kToFilter, 'E', 0, ""},
                    {90'000'000'000, Direction::kToServer, 'y', 0, std::string("550 no\0", 7)}};
  return record;
}

CloseRecord SampleClose() {
  CloseRecord record;
  record.session = 3;
  record.time_us = 2'000'000;
  record.ending = Ending::kFilterClosed;
  record.transactions = 1;
  record.error = 104;
  record.packets = {{12, Direction::kToFilter, 'A', 0, ""}, {3, Direction::kToFilter, 'Q', 0, ""}};
  return record;
}

ScanRecord SampleScan() {
  ScanRecord record;
  record.time_us = 1'000'500;
  record.request_us = 7;
  record.reply_us = 70'000;
  record.captured = Captured::kWhole;
  record.request = "request=AM.PDP\r\n\r\n";
  record.reply = "exit_code=0\r\n\r\n";
  return record;
}

void WriteSamples(TraceWriter& writer) {
  TransactionRecord transaction = SampleTransaction();
  ScanRecord scan = SampleScan();
  EXPECT_TRUE(writer.Write(MetaRecord{5, R"({"program":"test"})"}).ok());
  EXPECT_TRUE(writer.Write(SampleSession()).ok());
  EXPECT_TRUE(writer.Write(transaction, kSampleBody).ok());
  EXPECT_TRUE(writer.Write(scan, kSampleBody).ok());
  EXPECT_TRUE(writer.Write(SampleClose()).ok());
  EXPECT_TRUE(writer.Write(EndRecord{9, R"({"reason":"stopped"})"}).ok());
}

std::unique_ptr<TraceWriter> OpenWriter(const std::string& path, const WriterOptions& options) {
  auto writer = TraceWriter::Open(path, options);
  EXPECT_TRUE(writer.ok()) << writer.status();
  return writer.ok() ? *std::move(writer) : nullptr;
}

std::unique_ptr<TraceReader> OpenReader(const std::string& path) {
  auto reader = TraceReader::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return reader.ok() ? *std::move(reader) : nullptr;
}

std::vector<std::string> ReadAll(const std::string& path) {
  auto reader = TraceReader::Open(path);
  if (!reader.ok()) return {reader.status().ToString()};
  std::vector<std::string> lines;
  while (const std::optional<Entry> entry = (*reader)->Next()) {
    if (entry->kind == RecordKind::kBody) {
      const absl::Status verified = (*reader)->Verify(*entry);
      if (verified.ok()) continue;
      lines.push_back(verified.ToString());
      return lines;
    }
    const auto record = (*reader)->Read(*entry);
    lines.push_back(record.ok() ? Text(*record) : record.status().ToString());
    if (!record.ok()) return lines;
    const BodyRef* ref = BodyOf(*record);
    if (ref == nullptr || ref->bytes == 0) continue;
    const auto body = (*reader)->ReadBody(*ref);
    lines.push_back(body.ok() ? "body " + *body : body.status().ToString());
  }
  lines.push_back((*reader)->ending().ok() ? "whole" : (*reader)->ending().ToString());
  return lines;
}

}  // namespace trace
