// The packets before the first message to a script.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/commands.h"
#include "tools/trace/macro_values.h"
#include "tools/trace/transcript.h"

namespace trace {
namespace {

using milter::Command;
using milter::MacroValue;

std::uint8_t Byte(Command command) noexcept {
  return static_cast<std::uint8_t>(command);
}

// Everything before the first message.
class SessionDecoder {
 public:
  explicit SessionDecoder(const SessionRecord& record) {
    out_.script.helo_count = 0;
    Run(record);
  }
  RecordedSession Take() { return std::move(out_); }

 private:
  void Run(const SessionRecord& record) {
    for (const Packet& packet : record.packets) {
      if (packet.direction == Direction::kToFilter) {
        OnCommand(packet);
        last_ = packet.code;
      } else if (packet.code == Byte(Command::kNegotiate) &&
                 !milter::DecodeOffer(packet.payload, &out_.answer)) {
        ++out_.not_understood;
      }
    }
    out_.kind = Kind();
    const bool postfix = out_.kind == milter::MtaKind::kPostfix;
    out_.script.before_xclient = postfix && left_after_helo_;
    out_.script.after_xclient =
        postfix && resets_ != 0 && out_.script.helo_count == 1 && (!left_ || resets_ > 1);
  }

  void OnCommand(const Packet& packet) {
    switch (static_cast<Command>(packet.code)) {
      case Command::kNegotiate:
        if (!milter::DecodeOffer(packet.payload, &out_.offer)) ++out_.not_understood;
        break;
      case Command::kMacro: OnMacro(packet.payload); break;
      case Command::kConnect: OnConnect(packet); break;
      case Command::kHelo:
        out_.helo_us = packet.offset_us;
        commands_ = true;
        out_.script.helo = milter::DecodeText(packet.payload);
        if (last_ != Byte(Command::kMacro) || !helo_counted_) ++out_.script.helo_count;
        helo_counted_ = false;
        break;
      case Command::kAbort: ++resets_; break;
      case Command::kQuit:
        left_ = true;
        left_after_helo_ = last_ == Byte(Command::kHelo);
        break;
      case Command::kMail:
      case Command::kRcpt:
      case Command::kData:
      case Command::kHeader:
      case Command::kEndOfHeaders:
      case Command::kBody:
      case Command::kEndOfMessage:
      case Command::kQuitNc:
      case Command::kUnknown: ++out_.not_understood; break;
      default: ++out_.not_understood;
    }
  }

  void OnMacro(std::string_view payload) {
    if (payload.empty()) {
      ++out_.not_understood;
      return;
    }
    // Only Postfix sends these without a pair in them.
    postfix_packets_ |= payload.size() == 1;
    if (payload.front() == 'C') connect_macros_ = true;
    if (payload.front() == 'H') {
      ++out_.script.helo_count;  // also where the filter does not want HELO
      helo_counted_ = true;
    }
    AddMacros(payload.substr(1), &out_.script.macros, nullptr);
  }

  void OnConnect(const Packet& packet) {
    out_.connect_us = packet.offset_us;
    commands_ = true;
    milter::ConnectCommand connect;
    if (!milter::DecodeConnect(packet.payload, &connect)) {
      ++out_.not_understood;
      return;
    }
    milter::MtaScript& script = out_.script;
    script.client_name = connect.host;
    script.client_family = "UL46"[static_cast<std::size_t>(connect.client.family)];
    script.client_port = connect.client.port;
    script.client_address = connect.client.address;
    // What MtaSession makes of "unknown".
    const bool literal = script.client_name.starts_with('[') && script.client_name.ends_with(']');
    if (literal && script.client_name.find(script.client_address) != std::string::npos &&
        !script.client_address.empty()) {
      script.client_name = "unknown";
    }
    ipv6_tag_ = packet.payload.find("IPv6:") != std::string::npos;
  }

  // Postfix tells its version in v, and sends macros before every command, even none.
  milter::MtaKind Kind() const {
    const std::vector<MacroValue>& macros = out_.script.macros;
    bool postfix = connect_macros_ || postfix_packets_ || !commands_;
    if (const std::string* version = milter::FindMacro(macros, "v"); version != nullptr) {
      postfix = version->starts_with("Postfix");
    } else if (ipv6_tag_ || milter::FindMacro(macros, "if_name") != nullptr ||
               milter::FindMacro(macros, "if_addr") != nullptr) {
      postfix = false;
    }
    return postfix ? milter::MtaKind::kPostfix : milter::MtaKind::kSendmail;
  }

  RecordedSession out_;
  std::uint8_t last_ = 0;
  std::uint32_t resets_ = 0;
  bool helo_counted_ = false;
  bool left_ = false;
  bool left_after_helo_ = false;
  bool connect_macros_ = false;
  bool postfix_packets_ = false;
  bool ipv6_tag_ = false;
  bool commands_ = false;  // CONNECT or HELO
};

}  // namespace

RecordedSession DecodeSession(const SessionRecord& record) {
  return SessionDecoder(record).Take();
}

}  // namespace trace
