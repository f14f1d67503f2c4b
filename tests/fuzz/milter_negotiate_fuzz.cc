// libFuzzer: any offer against any options: the answer never holds what was not offered, and the
// mail server's end takes it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "milter/mta_session.h"
#include "milter/negotiate.h"
#include "milter/replies.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::array<std::uint32_t, 6> words{};
  if (size < sizeof(words)) return 0;
  std::memcpy(words.data(), data, sizeof(words));
  milter::FilterOptions options;
  options.actions = words[3];
  options.required_actions = words[4];
  options.protocol = words[5];
  milter::MtaOptions mta_options;
  mta_options.kind = size % 2 == 0 ? milter::MtaKind::kPostfix : milter::MtaKind::kSendmail;
  mta_options.offer = {.version = words[0], .actions = words[1], .protocol = words[2]};
  const milter::Negotiation negotiation = milter::Negotiate(mta_options.offer, options);
  if (negotiation.result != milter::NegotiateResult::kAgreed) return 0;
  std::array<std::byte, 1024> buffer{};
  milter::ReplyWriter writer(buffer, false);
  writer.Negotiate(negotiation.answer);
  const milter::MtaScript script;
  milter::MtaSession mta(mta_options, script);
  std::array<std::byte, 64> sent{};
  static_cast<void>(mta.Fill(sent));
  mta.Feed(std::span(buffer).first(writer.written()));
  if (mta.error() != milter::MtaError::kNone) std::abort();
  return 0;
}
