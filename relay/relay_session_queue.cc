// Where a message waits for a scanner, and whether it would wait too long: asked at DATA, before
// its content is sent.
#include <algorithm>
#include <optional>

#include "engine/base/scratch.h"
#include "relay/policy_banks.h"
#include "relay/queue_place.h"
#include "relay/relay_session.h"
#include "relay/shard_app.h"

namespace relay {

using engine::Time;

engine::QueuePlace RelaySession::PlaceInQueue() noexcept {
  if (!ClientIp()) shard_.counters().Add(Count::kQueueNoAddress);
  return Place();
}

std::optional<IpAddress> RelaySession::ClientIp() const noexcept {
  constexpr std::string_view kIpv6 = "IPv6:";
  std::string_view text = text_.Get(SessionText::Field::kAddress);
  if (text.starts_with(kIpv6)) text.remove_prefix(kIpv6.size());
  return ParseIp(text);
}

engine::QueuePlace RelaySession::Place() const noexcept {
  const QueueRules& rules = settings().queue;
  engine::Scratch<char, kBankListBytesMax> banks;
  QueueFacts facts = {.client = ClientIp(),
                      .auth_type = MacroText(Macro::kAuthType),
                      .auth_user = MacroText(Macro::kAuthAuthen),
                      .policy_banks = {},
                      .sender = message_->sender,
                      .listener = listener().index};
  if (rules.key == QueueKey::kPolicyBank) facts.policy_banks = PolicyBanks(banks);
  return PlaceOf(facts, rules, shard_.hash_secret());
}

// The wait that a message may have: -M, and what the answer's time leaves beside a scan, less a
// tenth, because an estimate is one. While its content comes the queue may grow, and it answers for
// that, too.
Time RelaySession::WaitAtMost() const noexcept {
  const Time scan = Scanners().slots().hold_mean();
  const Time answer = std::max(AnswerWithin() - scan, Time{});
  return std::min<Time>(settings().config.queue.wait_max, answer) / 10 * 9;
}

bool RelaySession::WouldWaitTooLong() noexcept {
  engine::SlotPool& slots = Scanners().slots();
  if (slots.waiting() == 0) return false;  // before anything is computed
  return slots.WouldWaitLonger(Place(), WaitAtMost(), shard_.loop().now());
}

}  // namespace relay
