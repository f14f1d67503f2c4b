// For the milter tests: packets as text, and a filter session's events as text lines.
#include "tests/milter/session_probe.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

namespace milter {
namespace {

std::string_view KindName(EventKind kind) {
  switch (kind) {
    case EventKind::kNeedMore: return "need-more";
    case EventKind::kNegotiated: return "negotiated";
    case EventKind::kMacro: return "macro";
    case EventKind::kConnect: return "connect";
    case EventKind::kHelo: return "helo";
    case EventKind::kMail: return "mail";
    case EventKind::kRcpt: return "rcpt";
    case EventKind::kData: return "data";
    case EventKind::kHeader: return "header";
    case EventKind::kEndOfHeaders: return "eoh";
    case EventKind::kBody: return "body";
    case EventKind::kEndOfMessage: return "eom";
    case EventKind::kUnknown: return "unknown";
    case EventKind::kAbort: return "abort";
    case EventKind::kQuit: return "quit";
    case EventKind::kQuitNc: return "quit-nc";
    case EventKind::kBroken: return "broken";
  }
  return "?";
}

void PutU32(std::string* out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    *out += static_cast<char>((value >> shift) & 0xFF);
}

std::string Hex(std::uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%x", value);
  return text.data();
}

}  // namespace

std::string Pack(char code, std::string_view payload) {
  std::string out;
  PutU32(&out, static_cast<std::uint32_t>(payload.size() + 1));
  out += code;
  out += payload;
  return out;
}

std::string PackOffer(std::uint32_t version, Actions actions, Protocol protocol) {
  std::string payload;
  PutU32(&payload, version);
  PutU32(&payload, actions);
  PutU32(&payload, protocol);
  return Pack('O', payload);
}

std::string PackOffer() {
  return PackOffer(6, kActionsAll, kProtocolAll);
}

std::string Escape(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\0') {
      out += "\\0";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte > 0x7E) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

std::string Unescape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    ++i;
    if (text[i] == '0') {
      out += '\0';
    } else if (text[i] == 'x' && i + 2 < text.size()) {
      out += static_cast<char>(kDigits.find(text[i + 1]) * 16 + kDigits.find(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Render(const Event& event) {
  std::string out(KindName(event.kind));
  if (event.reply_due) out += " due";
  if (event.aborts_message) out += " aborts";
  if (event.stray) out += " stray";
  if (event.kind == EventKind::kBroken) {
    out += " (" + std::string(BrokenReasonText(event.reason)) + ")";
    if (event.missing_actions != 0) out += " missing=" + Hex(event.missing_actions);
  }
  if (event.stage != 0) out += std::string(" stage=") + event.stage;
  if (!event.name.empty()) out += " name=" + Escape(event.name);
  if (!event.value.empty()) out += " value=" + Escape(event.value);
  if (event.kind == EventKind::kConnect) {
    out += " client=" + std::string(1, "UL46"[static_cast<std::size_t>(event.client.family)]) +
           ":" + std::to_string(event.client.port) + ":" + Escape(event.client.address);
  }
  if (event.kind == EventKind::kNegotiated) {
    out += " offer=" + Hex(event.offer.version) + "/" + Hex(event.offer.actions) + "/" +
           Hex(event.offer.protocol);
  }
  return out;
}

void SessionProbe::Feed(std::string_view bytes, std::size_t chunk_bytes) {
  while (!bytes.empty()) {
    const std::size_t take = chunk_bytes == 0 ? bytes.size() : std::min(chunk_bytes, bytes.size());
    std::vector<std::byte> chunk(take);
    std::memcpy(chunk.data(), bytes.data(), take);
    bytes.remove_prefix(take);
    session_.Feed(chunk);
    for (;;) {
      const Event event = session_.Next();
      if (event.kind == EventKind::kNeedMore) break;
      OnEvent(event);
    }
  }
}

void SessionProbe::OnEvent(const Event& event) {
  if (event.reply_due) ++replies_due_;
  if (event.kind == EventKind::kBody) {
    body_.append(reinterpret_cast<const char*>(event.body.data()), event.body.size());
    std::fill(
        event.body.begin(), event.body.end(), std::byte{'#'});  // pieces are the caller's to change
    body_due_ += event.reply_due ? 1 : 0;
    body_stray_ = event.stray;
    body_open_ = true;
    return;
  }
  if (body_open_) {
    lines_.push_back("body due=" + std::to_string(body_due_) + (body_stray_ ? " stray" : "") +
                     " bytes=" + Escape(body_));
    body_.clear();
    body_due_ = 0;
    body_open_ = false;
  }
  lines_.push_back(Render(event));
  if (event.kind == EventKind::kEndOfMessage && verdict_at_once) session_.VerdictSent();
}

std::vector<std::string> SessionProbe::TakeLines() {
  if (body_open_) {
    lines_.push_back("body due=" + std::to_string(body_due_) + (body_stray_ ? " stray" : "") +
                     " bytes=" + Escape(body_));
    body_.clear();
    body_due_ = 0;
    body_open_ = false;
  }
  return std::exchange(lines_, {});
}

std::vector<std::string> EventsOf(const FilterOptions& options,
                                  std::string_view bytes,
                                  std::size_t chunk_bytes) {
  SessionProbe probe(options);
  probe.Feed(bytes, chunk_bytes);
  return probe.TakeLines();
}

}  // namespace milter
