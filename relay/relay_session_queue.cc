// Where a message waits for a scanner, and whether it would wait too long: asked at DATA, before
// its content is sent.
#include <algorithm>

#include "relay/relay_session.h"
#include "relay/shard_app.h"

namespace relay {

using engine::Time;

engine::QueuePlace RelaySession::PlaceInQueue() noexcept {
  return {};
}

// The wait that a message may have: -M, and what the answer's time leaves beside a scan, less a
// tenth, because an estimate is one. While its content comes the queue may grow, and it answers for
// that, too.
Time RelaySession::WaitAtMost() const noexcept {
  const Time scan = shard_.scanner_slots().hold_mean();
  const Time answer = std::max(AnswerWithin() - scan, Time{});
  return std::min<Time>(shard_.config().queue.wait_max, answer) / 10 * 9;
}

bool RelaySession::WouldWaitTooLong() noexcept {
  engine::SlotPool& slots = shard_.scanner_slots();
  if (slots.waiting() == 0) return false;  // before anything is computed
  return slots.WouldWaitLonger(PlaceInQueue(), WaitAtMost(), shard_.loop().now());
}

}  // namespace relay
