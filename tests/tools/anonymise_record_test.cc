// Records of real sessions and scans: nothing private is left, and they still say what they said.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "milter/commands.h"
#include "milter/mta_reply.h"
#include "tests/ampdp/wire_fixture.h"
#include "tests/milter/golden.h"
#include "tests/milter/session_probe.h"
#include "tests/tools/anonymise_leaks.h"
#include "tests/tools/trace_samples.h"
#include "tools/anonymise/octets.h"
#include "tools/anonymise/record_anonymiser.h"
#include "tools/scanner/signatures.h"
#include "tools/trace/content_hash.h"
#include "tools/trace/transcript.h"

namespace anonymise {
namespace {

using trace::Direction;
using trace::Packet;

// Everything of one recorded connection, as records.
struct Recorded {
  trace::Kept kept{};

  explicit Recorded(const milter::GoldenConnection& connection) {
    trace::Observe(connection, 0, trace::Ending::kQuit, kept);
  }
  void Anonymise(RecordAnonymiser& anonymiser) {
    for (trace::SessionRecord& record : kept.sessions)
      anonymiser.Rewrite(record);
    for (std::size_t i = 0; i < kept.transactions.size(); ++i)
      anonymiser.Rewrite(kept.transactions[i], kept.bodies[i]);
    for (trace::CloseRecord& record : kept.closes)
      anonymiser.Rewrite(record);
  }
  std::vector<Packet> Packets() const {
    std::vector<Packet> all;
    const auto add = [&all](const auto& records) {
      for (const auto& record : records)
        all.insert(all.end(), record.packets.begin(), record.packets.end());
    };
    add(kept.sessions);
    add(kept.transactions);
    add(kept.closes);
    return all;
  }
  // All octets, a line per packet, in lower case.
  std::string Text() const {
    std::string text;
    for (const Packet& packet : Packets())
      text += packet.payload + "\n";
    for (const std::string& body : kept.bodies)
      text += body + "\n";
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return text;
  }
};

// Subjects, and lines of text of the bodies, without the scanners' test signatures.
std::vector<std::string> PrivateLines(const Recorded& recorded) {
  std::vector<std::string> lines;
  for (const Packet& packet : recorded.Packets()) {
    milter::HeaderCommand header;
    if (packet.direction == Direction::kToFilter && packet.code == 'L' &&
        milter::DecodeHeader(packet.payload, &header) && header.name == "Subject") {
      for (const std::string& line : TextLinesOf(header.value))
        lines.push_back(line);
    }
  }
  for (const std::string& body : recorded.kept.bodies) {
    for (const std::string& line : TextLinesOf(body)) {
      const bool signature = line.find("antivirus-test") != std::string::npos ||
                             line.find("anti-ube-test") != std::string::npos ||
                             line.find("wdvpiv") != std::string::npos;
      if (!signature) lines.push_back(line);
    }
  }
  return lines;
}

// A subject of one word ("test") may be a keyword elsewhere: it counts where it stands alone.
bool Holds(std::string_view text, std::string_view line) {
  const bool word = std::all_of(line.begin(), line.end(), IsLetter);
  for (std::size_t at = text.find(line); at != std::string_view::npos;
       at = text.find(line, at + 1)) {
    const std::size_t end = at + line.size();
    const auto parts = [](char c) { return c == '\0' || c == '\n' || c == '\r'; };
    if (!word || ((at == 0 || parts(text[at - 1])) && (end == text.size() || parts(text[end]))))
      return true;
  }
  return false;
}

// Whether a packet can be decoded, and what is no text in it.
std::string Shape(const Packet& packet) {
  std::string shape = std::to_string(packet.payload.size()) + " ";
  if (packet.direction == Direction::kToServer) {
    milter::FilterReply reply;
    const milter::MtaError error = milter::ParseReply(packet.code, packet.payload, &reply);
    return shape + std::string(milter::MtaErrorText(error)) + " " + std::to_string(reply.index) +
           " " + std::to_string(reply.name.size()) +
           (packet.code == 'y' ? std::string(reply.value.substr(0, 9)) : "");
  }
  milter::ConnectCommand connect;
  milter::AddressCommand address;
  milter::HeaderCommand header;
  switch (packet.code) {
    case 'C':
      shape += milter::DecodeConnect(packet.payload, &connect) ? "ok " : "no ";
      return shape + std::to_string(static_cast<int>(connect.client.family)) + " " +
             std::to_string(connect.client.port) + " " +
             std::to_string(connect.client.address.size());
    case 'M':
    case 'R':
      shape += milter::DecodeAddress(packet.payload, &address) ? "ok " : "no ";
      return shape + std::to_string(address.address.size());
    case 'L':
      shape += milter::DecodeHeader(packet.payload, &header) ? "ok " : "no ";
      return shape + std::to_string(header.name.size());
    default: return shape;
  }
}

TEST(AnonymiseRecordTest, GoldenSessionsHoldNothingOfTheOriginal) {
  RecordAnonymiser anonymiser("golden");
  constexpr std::string_view kNames[] = {
      "alice", "lab.test", "mx.lab", "example.net", "client.", "bob@", "postfix 3.7.11 (debian"};
  std::size_t lines = 0;
  for (const milter::GoldenConnection& connection : milter::GoldenConnections()) {
    const Recorded original(connection);
    Recorded changed(connection);
    changed.Anonymise(anonymiser);
    const std::string text = changed.Text();
    for (const std::string_view name : kNames)
      EXPECT_EQ(text.find(name), std::string::npos)
          << connection.name << ": "
          << milter::Escape(text.substr(text.find(name) < 60 ? 0 : text.find(name) - 60, 160));
    for (const std::string& address : AddressesIn(original.Text()))
      EXPECT_EQ(text.find(address), std::string::npos) << connection.name << ": " << address;
    for (const std::string& line : PrivateLines(original)) {
      EXPECT_FALSE(Holds(text, line)) << connection.name << ": " << line;
      ++lines;
    }
  }
  EXPECT_GT(lines, 100U);
}

TEST(AnonymiseRecordTest, GoldenPacketsStillDecode) {
  RecordAnonymiser anonymiser("golden");
  for (const milter::GoldenConnection& connection : milter::GoldenConnections()) {
    const Recorded original(connection);
    Recorded changed(connection);
    changed.Anonymise(anonymiser);
    const std::vector<Packet> before = original.Packets();
    const std::vector<Packet> after = changed.Packets();
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(Shape(before[i]), Shape(after[i]))
          << connection.name << " " << before[i].code << " " << milter::Escape(before[i].payload)
          << "\n"
          << milter::Escape(after[i].payload);
      if (before[i].code == 'O') {
        EXPECT_EQ(before[i].payload, after[i].payload);
      }
    }
    for (std::size_t i = 0; i < original.kept.bodies.size(); ++i) {
      EXPECT_EQ(LineStructure(original.kept.bodies[i]), LineStructure(changed.kept.bodies[i]));
      if (changed.kept.bodies[i].empty()) continue;
      EXPECT_EQ(changed.kept.transactions[i].body.hash, trace::HashOf(changed.kept.bodies[i]));
    }
  }
}

TEST(AnonymiseRecordTest, GoldenTranscriptsSayTheSame) {
  RecordAnonymiser anonymiser("golden");
  for (const milter::GoldenConnection& connection : milter::GoldenConnections()) {
    const Recorded original(connection);
    Recorded changed(connection);
    changed.Anonymise(anonymiser);
    for (std::size_t i = 0; i < original.kept.transactions.size(); ++i) {
      const auto before =
          trace::DecodeTransaction(original.kept.transactions[i], original.kept.bodies[i], true);
      const auto after =
          trace::DecodeTransaction(changed.kept.transactions[i], changed.kept.bodies[i], true);
      EXPECT_EQ(before.not_understood, after.not_understood) << connection.name;
      EXPECT_EQ(before.result.outcome, after.result.outcome);
      EXPECT_EQ(before.message_bytes, after.message_bytes);
      EXPECT_EQ(before.rcpt_us.size(), after.rcpt_us.size());
    }
  }
}

// Scanners' test files decide verdicts.
TEST(AnonymiseRecordTest, TestSignaturesStayInGoldenBodies) {
  RecordAnonymiser anonymiser("golden");
  std::size_t found = 0;
  for (const milter::GoldenConnection& connection : milter::GoldenConnections()) {
    Recorded changed(connection);
    const std::vector<std::string> before = changed.kept.bodies;
    changed.Anonymise(anonymiser);
    for (std::size_t i = 0; i < before.size(); ++i) {
      for (const std::string& signature : {scanner::EicarSignature(),
                                           scanner::GtubeSignature(),
                                           std::string("WDVPIVAlQEFQWzRc")}) {
        EXPECT_EQ(before[i].find(signature), changed.kept.bodies[i].find(signature));
        found += before[i].find(signature) != std::string::npos ? 1U : 0U;
      }
    }
  }
  EXPECT_GE(found, 5U);
}

TEST(AnonymiseRecordTest, PacketsThatCannotBeDecodedBecomeFiller) {
  RecordAnonymiser anonymiser("broken");
  trace::TransactionRecord record;
  for (int code = 1; code < 256; ++code) {
    for (const Direction direction : {Direction::kToFilter, Direction::kToServer}) {
      for (const std::string& payload : {milter::Raw("zebra"),
                                         milter::Raw("\0\0zebra okapi"),
                                         milter::Raw("zebra\0quagga"),
                                         milter::Raw("4zebra\0okapi\0quagga\0tapir"),
                                         milter::Raw("<zebra@quagga\0zebra=okapi")}) {
        record.packets.push_back({.offset_us = 0,
                                  .direction = direction,
                                  .code = static_cast<std::uint8_t>(code),
                                  .body_bytes = 0,
                                  .payload = payload});
      }
    }
  }
  const std::vector<Packet> before = record.packets;
  std::string body;
  anonymiser.Rewrite(record, body);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::string& payload = record.packets[i].payload;
    ASSERT_EQ(payload.size(), before[i].payload.size());
    for (std::size_t k = 0; k < payload.size(); ++k)
      ASSERT_EQ(payload[k] == '\0', before[i].payload[k] == '\0');
    // A MACRO packet begins with a command's letter.
    EXPECT_EQ(MarkersIn(payload), std::vector<std::string>())
        << before[i].code << ": " << milter::Escape(payload);
  }
}

TEST(AnonymiseRecordTest, EveryPrefixOfAGoldenPacketIsTaken) {
  RecordAnonymiser anonymiser("prefix");
  for (const milter::GoldenConnection& connection : milter::GoldenConnections()) {
    if (connection.name != "mail_params/1" && connection.name != "gtube_tag+sendmail/1") continue;
    for (const Packet& packet : Recorded(connection).Packets()) {
      for (std::size_t bytes = 0; bytes < packet.payload.size(); ++bytes) {
        trace::CloseRecord record;
        record.packets = {packet};
        record.packets[0].payload.resize(bytes);
        anonymiser.Rewrite(record);
        EXPECT_EQ(record.packets[0].payload.size(), bytes);
        EXPECT_EQ(record.packets[0].payload.find("alice"), std::string::npos);
      }
    }
  }
}

TEST(AnonymiseRecordTest, AReplacedBodyIsOneBodyInPieces) {
  RecordAnonymiser anonymiser("body");
  const std::string text = "the zebra and the okapi\r\nsee a quagga\r\n";
  trace::TransactionRecord record;
  for (std::size_t at = 0; at < text.size(); at += 5) {
    record.packets.push_back({.offset_us = 0,
                              .direction = Direction::kToServer,
                              .code = 'b',
                              .body_bytes = 0,
                              .payload = text.substr(at, 5)});
  }
  std::string body = text;
  anonymiser.Rewrite(record, body);
  std::string joined;
  for (const Packet& packet : record.packets)
    joined += packet.payload;
  EXPECT_EQ(joined, body);
  EXPECT_EQ(LineStructure(joined), LineStructure(text));
  EXPECT_NE(joined, text);
}

TEST(AnonymiseRecordTest, MetaKeepsWhatTellsNothing) {
  RecordAnonymiser anonymiser("meta");
  trace::MetaRecord record;
  record.json =
      R"({"program":"millrace-record","source":"proxy","started": "2026-11-22T03:00:00Z","listen":"inet:9@zebra"})";
  anonymiser.Rewrite(record);
  EXPECT_EQ(record.json,
            R"({"program":"millrace-record","source":"anonymised","anonymised_from":"proxy",)"
            R"("started":"2026-11-22T03:00:00Z"})");
  record.json = R"({"source":"zebra \" okapi","started":"the zebra"})";
  anonymiser.Rewrite(record);
  EXPECT_EQ(record.json, R"({"program":"millrace-record","source":"anonymised"})");
}

std::string Wire(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char kind = text[++i];
    out.push_back(kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind);
  }
  return out;
}

// Requests and replies of the recordings, a pair per connection.
std::vector<trace::ScanRecord> GoldenScans() {
  std::vector<trace::ScanRecord> scans;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/ampdp", error)) {
    if (entry.path().extension() != ".ampdp") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line[0] == 'c') scans.emplace_back();
      if (line[0] == '>') scans.back().request += Wire(line.substr(2));
      if (line[0] == '<') scans.back().reply += Wire(line.substr(2));
    }
  }
  return scans;
}

TEST(AnonymiseRecordTest, GoldenScansStillParseAndHoldNothingOfTheOriginal) {
  RecordAnonymiser anonymiser("scan");
  const std::vector<trace::ScanRecord> scans = GoldenScans();
  ASSERT_GT(scans.size(), 30U);
  for (const trace::ScanRecord& original : scans) {
    trace::ScanRecord changed = original;
    std::string message = "From: zebra@example.net\n\nokapi\n";
    anonymiser.Rewrite(changed, message);
    EXPECT_EQ(MarkersIn(message), std::vector<std::string>());
    const ampdp::ParsedRequest request_before(original.request);
    const ampdp::ParsedRequest request(changed.request);
    EXPECT_EQ(request_before.error.fault, request.error.fault) << changed.request;
    EXPECT_EQ(request_before.request.facts.recipients.size(),
              request.request.facts.recipients.size());
    EXPECT_EQ(request_before.request.facts.client_port, request.request.facts.client_port);
    EXPECT_EQ(request_before.request.facts.sender.size(), request.request.facts.sender.size());
    for (const std::string_view name : {"alice", "lab.test", "example.net", "bob@"}) {
      for (const std::string& view : DecodedViews(changed.request + changed.reply))
        EXPECT_EQ(view.find(name), std::string::npos) << view;
    }
    const ampdp::ParsedReply reply_before(original.reply);
    const ampdp::ParsedReply reply(changed.reply);
    ASSERT_EQ(reply_before.error.fault, reply.error.fault) << changed.reply;
    EXPECT_EQ(reply_before.reply.verdict, reply.reply.verdict);
    EXPECT_EQ(reply_before.reply.setreply.code, reply.reply.setreply.code);
    EXPECT_EQ(reply_before.reply.setreply.enhanced, reply.reply.setreply.enhanced);
    ASSERT_EQ(reply_before.reply.edits.size(), reply.reply.edits.size());
    for (std::size_t i = 0; i < reply.reply.edits.size(); ++i) {
      EXPECT_EQ(reply_before.reply.edits[i].kind, reply.reply.edits[i].kind);
      EXPECT_EQ(reply_before.reply.edits[i].index, reply.reply.edits[i].index);
      EXPECT_EQ(reply_before.reply.edits[i].value.size(), reply.reply.edits[i].value.size());
    }
  }
}

}  // namespace
}  // namespace anonymise
