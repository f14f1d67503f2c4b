// Recorded exchanges of amavisd-milter and amavisd, from tests/golden/ampdp (format: import.py).
//
// Requests: read, written again, and compared line by line with the recording: nothing may differ
// but the line version_client, which the incumbent does not send. Replies: read, and what they
// mean compared with the recording's own account of it; then written again, to the same octets.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "ampdp/reply_reader.h"
#include "ampdp/reply_writer.h"
#include "tests/ampdp/wire_fixture.h"

namespace ampdp {
namespace {

struct Exchange {
  std::string place;  // file and connection
  std::string request;
  std::string reply;
  std::vector<std::string> meaning;
};

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char kind = text[++i];
    if (kind == 'x') {
      out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
      i += 2;
    } else {
      out.push_back(kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind);
    }
  }
  return out;
}

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    constexpr char kHex[] = "0123456789abcdef";
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (octet < 0x20 || octet >= 0x7f) {
      out += {'\\', 'x', kHex[octet >> 4], kHex[octet & 15]};
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::vector<Exchange> Load() {
  std::vector<Exchange> all;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/ampdp")) {
    if (entry.path().extension() != ".ampdp") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      const std::string_view rest = std::string_view(line).substr(2);
      switch (line[0]) {
        case 'c': all.push_back({entry.path().filename().string() + " " + line, "", "", {}}); break;
        case '>': all.back().request += Unescape(rest); break;
        case '<': all.back().reply += Unescape(rest); break;
        case '=': all.back().meaning.emplace_back(rest); break;
        default: ADD_FAILURE() << entry.path() << ": " << line;
      }
    }
  }
  return all;
}

std::string Meaning(const Edit& edit) {
  std::string text = EditKindText(edit.kind);
  switch (edit.kind) {
    case EditKind::kDelRcpt:
    case EditKind::kAddRcpt:
    case EditKind::kQuarantine: return text + " " + Escape(edit.value);
    case EditKind::kDelHeader:
      return text + " " + std::to_string(edit.index) + " " + Escape(edit.name);
    case EditKind::kChgHeader:
    case EditKind::kInsHeader: text += " " + std::to_string(edit.index); break;
    case EditKind::kAddHeader: break;
  }
  return text + " " + Escape(edit.name) + " " + Escape(edit.value);
}

std::vector<std::string> Meaning(const ParsedReply& parsed) {
  char text[kReplyErrorTextBytes];
  if (!parsed.error.ok()) return {"error " + std::string(ReplyErrorText(parsed.error, text))};
  const Reply& reply = parsed.reply;
  std::vector<std::string> lines = {std::string("verdict ") + VerdictText(reply.verdict)};
  if (reply.version_server != 0)
    lines.push_back("version_server " + std::to_string(reply.version_server));
  if (!reply.log_id.empty()) lines.push_back("log_id " + Escape(reply.log_id));
  if (reply.setreply.present) {
    lines.push_back("setreply " + std::to_string(reply.setreply.code) + " " +
                    Escape(reply.setreply.enhanced) + " " + Escape(reply.setreply.text));
  }
  for (const Edit& edit : reply.edits)
    lines.push_back(Meaning(edit));
  if (reply.unknown_attributes > 0) {
    lines.push_back("unknown " + std::to_string(reply.unknown_attributes) + " " +
                    Escape(reply.first_unknown));
  }
  return lines;
}

TEST(GoldenTest, TranscriptsAreThere) {
  EXPECT_GE(Load().size(), 50U);
}

TEST(GoldenTest, RequestsAreTheIncumbentsButForVersionClient) {
  for (const Exchange& exchange : Load()) {
    RequestReader reader;
    ASSERT_EQ(reader.Scan(exchange.request), BlockStatus::kComplete) << exchange.place;
    ASSERT_EQ(reader.block_bytes(), exchange.request.size()) << exchange.place;
    const ParsedRequest parsed(exchange.request);
    ASSERT_TRUE(parsed.error.ok()) << exchange.place;
    EXPECT_EQ(parsed.request.unknown_attributes, 0U) << exchange.place;
    std::string expected = exchange.request;
    expected.insert(expected.find('\n') + 1, "version_client=2\n");
    std::string wire(RequestBytes(parsed.request.facts), '?');
    WriteRequest(parsed.request.facts, wire);
    EXPECT_EQ(wire, expected) << exchange.place;
  }
}

TEST(GoldenTest, RepliesMeanWhatTheRecordingSays) {
  for (const Exchange& exchange : Load())
    EXPECT_EQ(Meaning(ParsedReply(exchange.reply)), exchange.meaning) << exchange.place;
}

TEST(GoldenTest, RepliesOfAmavisdAreWrittenTheSame) {
  std::size_t compared = 0;
  for (const Exchange& exchange : Load()) {
    if (exchange.place.find("fake_") != std::string::npos) continue;
    const ParsedReply parsed(exchange.reply);
    std::string wire(ReplyBytes(parsed.reply), '?');
    WriteReply(parsed.reply, wire);
    EXPECT_EQ(wire, exchange.reply) << exchange.place;
    ++compared;
  }
  EXPECT_GE(compared, 50U);
}

TEST(GoldenTest, EveryPrefixOfEveryReplyNeedsMore) {
  for (const Exchange& exchange : Load()) {
    if (exchange.place.find("fake_half") != std::string::npos) continue;
    ReplyReader by_byte;
    for (std::size_t size = 0; size < exchange.reply.size(); ++size) {
      const std::string_view prefix = std::string_view(exchange.reply).substr(0, size);
      ASSERT_EQ(by_byte.Scan(prefix), BlockStatus::kNeedMore) << exchange.place << " " << size;
      ASSERT_FALSE(ParsedReply(prefix).error.ok()) << exchange.place << " " << size;
    }
    EXPECT_EQ(by_byte.Scan(exchange.reply), BlockStatus::kComplete) << exchange.place;
  }
}

}  // namespace
}  // namespace ampdp
