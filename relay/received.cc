// Writes the synthesized Received field, bounded and cleaned.
#include "relay/received.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace relay {
namespace {

class Writer {
 public:
  explicit Writer(std::span<char> to) noexcept : to_(to) {}

  // Text of ours.
  Writer& Plain(std::string_view text) noexcept {
    ENGINE_CHECK(text.size() <= to_.size() - used_);
    std::memcpy(to_.data() + used_, text.data(), text.size());
    used_ += text.size();
    return *this;
  }
  // Text from outside: cut, and no octet that could end the line.
  Writer& Cleaned(std::string_view text) noexcept {
    text = text.substr(0, kReceivedPartBytesMax);
    const std::size_t from = used_;
    Plain(text);
    std::replace_if(
        to_.data() + from,
        to_.data() + used_,
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
        '?');
    return *this;
  }
  std::size_t used() const noexcept { return used_; }

 private:
  std::span<char> to_;
  std::size_t used_ = 0;
};

}  // namespace

std::size_t WriteReceived(const ReceivedFacts& facts, std::span<char> to) noexcept {
  Writer out(to);
  out.Plain("Received: from ").Cleaned(facts.helo.empty() ? "unknown" : facts.helo);
  if (!facts.client_address.empty()) {
    out.Plain(" (")
        .Cleaned(facts.client_name)
        .Plain(" [")
        .Cleaned(facts.client_address)
        .Plain("])");
  }
  if (!facts.auth_type.empty()) {
    out.Plain(" (authenticated");
    if (!facts.auth_ssf.empty()) out.Plain(" bits=").Cleaned(facts.auth_ssf);
    out.Plain(")");
  }
  out.Plain(facts.line_end)
      .Plain("\tby ")
      .Cleaned(facts.mta_name.empty() ? "localhost" : facts.mta_name);
  out.Plain(" (amavisd-milter)");
  if (!facts.protocol.empty()) out.Plain(" with ").Cleaned(facts.protocol);
  if (!facts.auth_authen.empty()) {
    out.Plain(" (authenticated as ").Cleaned(facts.auth_authen).Plain(")");
  }
  if (!facts.queue_id.empty()) out.Plain(" id ").Cleaned(facts.queue_id);
  out.Plain(";").Plain(facts.line_end).Plain("\t").Cleaned(facts.date).Plain(facts.line_end);
  out.Plain("\t(envelope-from ").Cleaned(facts.sender).Plain(")").Plain(facts.line_end);
  return out.used();
}

}  // namespace relay
