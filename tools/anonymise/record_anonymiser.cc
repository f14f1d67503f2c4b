// Records by their parts; see the header.
#include "tools/anonymise/record_anonymiser.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "milter/commands.h"
#include "milter/wire.h"
#include "tools/anonymise/octets.h"
#include "tools/anonymise/packet_text.h"
#include "tools/anonymise/scan_text.h"
#include "tools/trace/content_hash.h"

namespace anonymise {
namespace {

using trace::Direction;
using trace::Packet;

// What the header fields say of the body: the first of each name counts.
struct BodyFacts {
  std::string content_type;
  std::string transfer_encoding;
};

BodyFacts ReadFacts(const std::vector<Packet>& packets) {
  BodyFacts facts;
  bool type_seen = false;
  bool encoding_seen = false;
  for (const Packet& packet : packets) {
    milter::HeaderCommand header;
    if (packet.direction != Direction::kToFilter ||
        packet.code != static_cast<std::uint8_t>(milter::Command::kHeader) ||
        !milter::DecodeHeader(packet.payload, &header))
      continue;
    if (!type_seen && EqualsFolded(header.name, "Content-Type")) {
      facts.content_type = header.value;
      type_seen = true;
    } else if (!encoding_seen && EqualsFolded(header.name, "Content-Transfer-Encoding")) {
      facts.transfer_encoding = header.value;
      encoding_seen = true;
    }
  }
  return facts;
}

bool IsNewBody(const Packet& packet) {
  return packet.direction == Direction::kToServer &&
         packet.code == static_cast<std::uint8_t>(milter::Reply::kReplaceBody);
}

// The body that the filter put in place of the message's, piece by piece.
void RewriteNewBody(const Anonymiser& anonymiser,
                    const BodyFacts& facts,
                    std::vector<Packet>* packets) {
  std::string body;
  for (const Packet& packet : *packets) {
    if (IsNewBody(packet)) body += packet.payload;
  }
  if (body.empty()) return;
  body = anonymiser.Body(facts.content_type, facts.transfer_encoding, std::move(body));
  std::size_t at = 0;
  for (Packet& packet : *packets) {
    if (!IsNewBody(packet)) continue;
    packet.payload.replace(0, packet.payload.size(), body, at, packet.payload.size());
    at += packet.payload.size();
  }
}

void RewritePackets(const Anonymiser& anonymiser, std::vector<Packet>* packets) {
  for (Packet& packet : *packets) {
    if (packet.direction == Direction::kToFilter) {
      RewriteCommandPacket(anonymiser.pseudonyms(), packet.code, packet.payload);
    } else {
      RewriteReplyPacket(anonymiser.pseudonyms(), packet.code, packet.payload);
    }
  }
}

void SetBody(trace::BodyRef* ref, std::string_view body) {
  // The hash of what was there would tell whether a guess at it is right.
  ref->hash = body.empty() ? trace::ContentHash{} : trace::HashOf(body);
  ref->offset = 0;
}

// The text of a JSON string member, made of these characters alone; else empty.
std::string_view Member(std::string_view json, std::string_view name, std::string_view allowed) {
  constexpr std::size_t kValueMax = 64;
  const std::string quoted = "\"" + std::string(name) + "\"";
  std::size_t at = json.find(quoted);
  if (at == std::string_view::npos) return {};
  at = json.find_first_not_of(" :", at + quoted.size());
  if (at == std::string_view::npos || json[at] != '"') return {};
  const std::size_t end = json.find('"', at + 1);
  if (end == std::string_view::npos) return {};
  const std::string_view value = json.substr(at + 1, end - at - 1);
  const bool sound =
      value.size() <= kValueMax && value.find_first_not_of(allowed) == std::string_view::npos;
  return sound ? value : std::string_view();
}

std::string NewMeta(std::string_view json) {
  constexpr std::array<std::string_view, 4> kSources = {
      "proxy", "import", "synthetic", "anonymised"};
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  const std::string_view started = Member(json, "started", "0123456789-:.+TZ");
  const std::string_view source = Member(json, "source", kLetters);
  std::string out = R"({"program":"millrace-record","source":"anonymised")";
  if (std::find(kSources.begin(), kSources.end(), source) != kSources.end())
    out += R"(,"anonymised_from":")" + std::string(source) + "\"";
  if (!started.empty()) out += R"(,"started":")" + std::string(started) + "\"";
  return out + "}";
}

}  // namespace

void RecordAnonymiser::Rewrite(trace::SessionRecord& record) {
  RewriteNewBody(anonymiser_, {}, &record.packets);
  RewritePackets(anonymiser_, &record.packets);
}

void RecordAnonymiser::Rewrite(trace::TransactionRecord& record, std::string& body) {
  const BodyFacts facts = ReadFacts(record.packets);
  RewriteNewBody(anonymiser_, facts, &record.packets);
  RewritePackets(anonymiser_, &record.packets);
  body = anonymiser_.Body(facts.content_type, facts.transfer_encoding, std::move(body));
  SetBody(&record.body, body);
}

void RecordAnonymiser::Rewrite(trace::CloseRecord& record) {
  RewriteNewBody(anonymiser_, {}, &record.packets);
  RewritePackets(anonymiser_, &record.packets);
}

void RecordAnonymiser::Rewrite(trace::ScanRecord& record, std::string& message) {
  RewriteScanText(anonymiser_.pseudonyms(), record.request);
  RewriteScanText(anonymiser_.pseudonyms(), record.reply);
  message = anonymiser_.Message(std::move(message));
  SetBody(&record.message, message);
}

void RecordAnonymiser::Rewrite(trace::MetaRecord& record) {
  record.json = NewMeta(record.json);
}

}  // namespace anonymise
