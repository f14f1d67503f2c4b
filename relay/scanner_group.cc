// Choice, accounts and the pool's limit of a group of scanners. What the main thread does to one is
// in scanner_group_apply.cc.
//
// Memory orders beyond those told at ScannerRoom and ScannerHealth. An entry is complete before
// entries_ names it (release; readers acquire), and never goes away. live_ is changed by whoever
// changes a limit from or to zero, after it; its own modification order is what decides who adds
// kFlush to the pool and who takes it away, so they alternate, and the sum is right once both are
// done.
#include "relay/scanner_group.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace relay {
namespace {

using engine::Time;

HealthEvent EventOf(ScanOutcome outcome, bool probe) noexcept {
  switch (outcome) {
    case ScanOutcome::kReply: return probe ? HealthEvent::kProbeReply : HealthEvent::kReply;
    case ScanOutcome::kRefused: return probe ? HealthEvent::kProbeRefused : HealthEvent::kRefused;
    case ScanOutcome::kTimeout:
    case ScanOutcome::kBrokeOff:
    case ScanOutcome::kHalfReply:
    case ScanOutcome::kBrokenReply:
    case ScanOutcome::kNotTaken: break;
    case ScanOutcome::kBusy:
    case ScanOutcome::kUndecided: return HealthEvent::kProbeUndecided;  // of no probe: nothing
  }
  return probe ? HealthEvent::kProbeFailure : HealthEvent::kFailure;
}

// kUndecided counts nothing.
ScannerCount CountOf(ScanOutcome outcome) noexcept {
  switch (outcome) {
    case ScanOutcome::kReply: return ScannerCount::kReplies;
    case ScanOutcome::kTimeout: return ScannerCount::kTimeouts;
    case ScanOutcome::kBrokeOff: return ScannerCount::kBrokeOff;
    case ScanOutcome::kHalfReply: return ScannerCount::kHalfReplies;
    case ScanOutcome::kBrokenReply: return ScannerCount::kBrokenReplies;
    case ScanOutcome::kNotTaken: return ScannerCount::kNotTaken;
    case ScanOutcome::kRefused: return ScannerCount::kRefused;
    case ScanOutcome::kBusy: return ScannerCount::kBusy;
    case ScanOutcome::kUndecided: break;
  }
  return ScannerCount::kEnd;
}

// A scanner that may be taken, as it was when it was looked at.
struct Candidate {
  std::uint8_t index;
  std::uint32_t weight;
  std::uint32_t outstanding;
};

// By weight: the place in `candidates` of the one that `chance` falls on.
std::size_t DrawByWeight(std::span<const Candidate> candidates, std::uint64_t chance) noexcept {
  std::uint64_t total = 0;
  for (const Candidate& candidate : candidates)
    total += candidate.weight;
  ENGINE_CHECK(total > 0);  // weights are at least 1
  std::uint64_t rest = chance % total;
  std::size_t place = 0;
  while (rest >= candidates[place].weight)
    rest -= candidates[place++].weight;
  return place;
}

}  // namespace

ScannerGroup::ScannerGroup(std::string name,
                           std::span<const ScannerSpec> scanners,
                           std::uint32_t shards,
                           Time start)
    : name_(std::move(name)),
      shards_(shards),
      start_(start),
      slots_(kFlush),  // no scanner is live yet
      counts_(std::make_unique<Counts[]>(std::size_t{shards} * kEntriesMax)) {
  Apply(scanners, start);
}

ScannerGroup::~ScannerGroup() = default;

bool ScannerGroup::Draw(const ScannerMoment& at, Mask except, PickedScanner* picked) noexcept {
  const std::size_t entries = this->entries();
  if (entries == 1) return (except & MaskOf(0)) == 0 && Take(at, 0, picked);
  std::array<Candidate, kEntriesMax> room;  // NOLINT(*-member-init): `count` of them are written
  std::size_t count = 0;
  for (std::size_t i = 0; i < entries; ++i) {
    if ((except & MaskOf(i)) != 0) continue;
    const Room seen = scanners_[i]->room.Read();
    if (seen.room() == 0) continue;
    room[count++] = {.index = static_cast<std::uint8_t>(i),
                     .weight = scanners_[i]->weight.load(std::memory_order_relaxed),
                     .outstanding = seen.outstanding};
  }
  std::uint64_t chance = at.chance;
  while (count > 0) {
    std::size_t best = DrawByWeight({room.data(), count}, chance);
    if (count > 1) {
      std::swap(room[best], room[count - 1]);
      const std::size_t other = DrawByWeight({room.data(), count - 1}, chance >> 32U);
      const Candidate& first = room[count - 1];
      const Candidate& second = room[other];
      best = std::uint64_t{second.outstanding} * first.weight <
                     std::uint64_t{first.outstanding} * second.weight
                 ? other
                 : count - 1;
    }
    if (Take(at, room[best].index, picked)) return true;
    room[best] = room[--count];
    chance = chance * 6364136223846793005U + 1442695040888963407U;
  }
  return false;
}

bool ScannerGroup::Take(const ScannerMoment& at,
                        std::uint8_t index,
                        PickedScanner* picked) noexcept {
  const ScannerRoom::Taken taken = scanners_[index]->room.TryTake();
  if (taken == ScannerRoom::Taken::kNo) return false;
  *picked = {.index = index, .probe = taken == ScannerRoom::Taken::kAsProbe};
  if (picked->probe) {
    CountsOf(at.shard, index).Add(ScannerCount::kProbes);
    scanners_[index]->health.On(HealthEvent::kProbeTaken, at.now, at.chance);
  }
  return true;
}

ScannerGroup::Pick ScannerGroup::PickFor(const ScannerMoment& at,
                                         Mask except,
                                         PickedScanner* picked) noexcept {
  if (Draw(at, except, picked)) return Pick::kPicked;
  // A back-off may just be over.
  RefreshAll(at.now);
  if (Draw(at, except, picked)) return Pick::kPicked;
  return live_.load(std::memory_order_acquire) == 0 ? Pick::kNoneLive : Pick::kNoRoom;
}

void ScannerGroup::Give(const ScannerMoment& at, PickedScanner* picked, Time held) noexcept {
  if (PutBack(at, picked)) {
    slots_.Absorb();
  } else {
    slots_.Release(at.now, held);
  }
  *picked = {};
}

// An absorbed slot is gone; what stays in hand is another one, taken from the pool.
void ScannerGroup::GiveButKeepSlot(const ScannerMoment& at, PickedScanner* picked) noexcept {
  if (PutBack(at, picked)) slots_.Resize(-1, at.now);
  *picked = {};
}

// True: over its limit, or pinned, the scanner has absorbed the slot.
bool ScannerGroup::PutBack(const ScannerMoment& at, PickedScanner* picked) noexcept {
  if (!picked->reported) Report(at, picked, ScanOutcome::kUndecided);
  const ScannerRoom::Given given = scanners_[picked->index]->room.Give();
  if (given.limit_gone) LiveChanged(true, false, at.now);
  // With fewer outstanding there may be room for a probe.
  if (given.pinned) Refresh(picked->index, at.now);
  return given.absorbed;
}

ScannerHealth::Change ScannerGroup::Report(const ScannerMoment& at,
                                           PickedScanner* picked,
                                           ScanOutcome outcome,
                                           Time scan_time) noexcept {
  Scanner& scanner = *scanners_[picked->index];
  if (std::exchange(picked->reported, true)) {
    const Health health = scanner.health.Read();
    return {health, health};
  }
  const ScannerCount count = CountOf(outcome);
  if (count != ScannerCount::kEnd) CountsOf(at.shard, picked->index).Add(count);
  bool limit_changed = false;
  if (outcome == ScanOutcome::kReply) {
    limit_changed = scanner.limit.Reply(scan_time, scanner.room.Read().outstanding);
    scanner.scan_times[at.shard].of_replies.Record(Microseconds(scan_time));
  } else if (outcome == ScanOutcome::kRefused || outcome == ScanOutcome::kBusy) {
    limit_changed = scanner.limit.TurnedAway();
  }
  HealthEvent event = EventOf(outcome, picked->probe);
  const bool failed = event == HealthEvent::kFailure || event == HealthEvent::kRefused;
  if (failed && !AnyLive(MaskOf(picked->index))) {
    event =
        event == HealthEvent::kFailure ? HealthEvent::kFailureAlone : HealthEvent::kRefusedAlone;
  }
  if (event == HealthEvent::kProbeUndecided && !picked->probe) {
    if (limit_changed) Refresh(picked->index, at.now);
    const Health health = scanner.health.Read();
    return {health, health};
  }
  const ScannerHealth::Change change = scanner.health.On(event, at.now, at.chance);
  Note(at, picked->index, change);
  if (limit_changed && !change.of_state()) Refresh(picked->index, at.now);
  return change;
}

// A change of the breaker's state changes the room; who ends a probe's time makes room for the
// next.
void ScannerGroup::Note(const ScannerMoment& at,
                        std::uint8_t index,
                        const ScannerHealth::Change& change) noexcept {
  if (!change.of_state()) return;
  if (change.after.state == BreakerState::kOpen) {
    CountsOf(at.shard, index).Add(ScannerCount::kOpened);
  }
  Refresh(index, at.now, change.before.state == BreakerState::kHalfOpen);
}

void ScannerGroup::Count(std::uint32_t shard,
                         const PickedScanner& picked,
                         ScannerCount what) noexcept {
  CountsOf(shard, picked.index).Add(what);
}

bool ScannerGroup::IsLive(std::uint8_t index) const noexcept {
  return scanners_[index]->room.Read().limit > 0;
}

bool ScannerGroup::AnyLive(Mask except) const noexcept {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    if ((except & MaskOf(i)) == 0 && IsLive(static_cast<std::uint8_t>(i))) return true;
  }
  return false;
}

bool ScannerGroup::retired() const noexcept {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    if (scanners_[i]->use.load(std::memory_order_relaxed) != Use::kRemoved) return false;
  }
  return true;
}

bool ScannerGroup::AnyInUse() const noexcept {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    if (scanners_[i]->use.load() == Use::kInUse) return true;
  }
  return false;
}

bool ScannerGroup::AnyOpenByFailures() const noexcept {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    const Health health = scanners_[i]->health.Read();
    const bool out = health.state == BreakerState::kOpen || health.state == BreakerState::kHalfOpen;
    if (out && !health.by_refusal && scanners_[i]->use.load() == Use::kInUse) return true;
  }
  return false;
}

const engine::Address& ScannerGroup::address(std::uint8_t index) const noexcept {
  return scanners_[index]->address;
}

Time ScannerGroup::scan_timeout(std::uint8_t index) const noexcept {
  return scanners_[index]->scan_timeout.load(std::memory_order_relaxed);
}

Time ScannerGroup::orphan_limit(std::uint8_t index) const noexcept {
  return scanners_[index]->orphan_limit.load(std::memory_order_relaxed);
}

// The room that a scanner should have, as things are.
Room ScannerGroup::Wanted(const Scanner& scanner, const Room& room, Time now, bool clear) noexcept {
  Room wanted = {.outstanding = room.outstanding, .probe = room.probe && !clear};
  const Health health = scanner.health.Read();
  const std::uint32_t limit = scanner.limit.Read();
  wanted.pinned = health.state == BreakerState::kOpen || health.state == BreakerState::kHalfOpen;
  if (scanner.use.load(std::memory_order_seq_cst) != Use::kInUse) return wanted;
  switch (health.state) {
    case BreakerState::kClosed:
    case BreakerState::kSlowStart:
      // A late reply has overtaken the probe, between its room and its word to the breaker.
      wanted.probe = false;
      wanted.limit = RampedLimit(health, limit, now);
      break;
    case BreakerState::kOpen:
      // The probe counts within the limit, with what was sent before and is not back yet.
      if (wanted.probe) {
        wanted.limit = std::min(room.limit, room.outstanding);  // taken this moment
      } else if (BackOffOver(health, now) && room.outstanding < limit) {
        wanted.limit = room.outstanding + 1;
      }
      break;
    case BreakerState::kHalfOpen: wanted.limit = std::min(room.limit, room.outstanding); break;
  }
  return wanted;
}

void ScannerGroup::Refresh(std::uint8_t index, Time now, bool clear_probe) noexcept {
  Scanner& scanner = *scanners_[index];
  Room room = scanner.room.Read();
  for (;;) {
    const Room wanted = Wanted(scanner, room, now, clear_probe);
    if (wanted == room) return;
    const Room before = room;
    if (!scanner.room.Set(&room, wanted)) continue;
    const std::int64_t delta =
        std::int64_t{wanted.capacity()} - static_cast<std::int64_t>(before.capacity());
    LiveChanged(before.limit > 0, wanted.limit > 0, now);
    if (delta != 0) slots_.Resize(static_cast<std::int32_t>(delta), now);
    // Does it still hold? Whoever has changed the health meanwhile may have found our former room
    // right.
    clear_probe = false;
    room = wanted;
  }
}

void ScannerGroup::RefreshAll(Time now) noexcept {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i)
    Refresh(static_cast<std::uint8_t>(i), now);
}

void ScannerGroup::LiveChanged(bool was, bool is, Time now) noexcept {
  if (was == is) return;
  if (is && live_.fetch_add(1, std::memory_order_acq_rel) == 0) slots_.Resize(-kFlush, now);
  if (was && live_.fetch_sub(1, std::memory_order_acq_rel) == 1) slots_.Resize(kFlush, now);
}

void ScannerGroup::Tick(const ScannerMoment& at, Changed changed, void* context) noexcept {
  const std::size_t entries = this->entries();
  for (std::size_t i = 0; i < entries; ++i) {
    const auto index = static_cast<std::uint8_t>(i);
    const auto change = scanners_[i]->health.On(HealthEvent::kTick, at.now, at.chance);
    Note(at, index, change);
    if (change.of_state()) changed(context, index, change);
    Refresh(index, at.now);
  }
}

bool ScannerGroup::WantsConnectProbe(std::uint8_t index, Time now) const noexcept {
  const Scanner& scanner = *scanners_[index];
  const Health health = scanner.health.Read();
  return health.state == BreakerState::kOpen && health.by_refusal && now < health.at &&
         scanner.use.load(std::memory_order_relaxed) == Use::kInUse &&
         scanner.room.Read().outstanding == 0;
}

void ScannerGroup::ConnectProbeTaken(const ScannerMoment& at, std::uint8_t index) noexcept {
  scanners_[index]->health.On(HealthEvent::kConnected, at.now, at.chance);
  Refresh(index, at.now);
}

}  // namespace relay
