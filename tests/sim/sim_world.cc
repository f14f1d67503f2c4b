// See sim_world.h.
#include "tests/sim/sim_world.h"

#include <algorithm>

#include "engine/base/check.h"

namespace sim {

SimWorld::SimWorld(std::uint64_t seed, const SimFaults& faults)
    : seed_(seed), random_(seed), faults_(faults), streams_(*this) {}

SimWorld::~SimWorld() = default;

SimLoop& SimWorld::AddLoop(const std::string& name, const std::string& root) {
  loops_.push_back(std::make_unique<SimLoop>(*this, name, root));
  return *loops_.back();
}

SimStallMonitor& SimWorld::WatchStalls(engine::StallGovernor& governor, SimLoop& probed) {
  ENGINE_CHECK(stall_monitor_ == nullptr);
  stall_monitor_ = std::make_unique<SimStallMonitor>(*this, governor, probed.sim_disk());
  return *stall_monitor_;
}

void SimWorld::At(Time at, std::function<void()> what) {
  events_.emplace(Key{std::max(at, now_), random_.Next(), next_serial_++}, std::move(what));
}

void SimWorld::RunDue() {
  while (!events_.empty() && events_.begin()->first.at <= now_) {
    const std::function<void()> what = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    what();
  }
}

void SimWorld::AdvanceTo(Time at) {
  while (AdvanceOnce(at)) {
  }
  now_ = std::max(now_, at);
}

bool SimWorld::AdvanceOnce(Time limit) {
  if (events_.empty() || events_.begin()->first.at > limit) return false;
  now_ = std::max(now_, events_.begin()->first.at);
  RunDue();
  return true;
}

bool SimWorld::TurnSomeLoop() {
  runnable_.clear();
  for (const auto& loop : loops_) {
    if (loop->busy_until() <= now_ && loop->HasWork()) runnable_.push_back(loop.get());
  }
  if (runnable_.empty()) return false;
  runnable_[static_cast<std::size_t>(random_.Below(runnable_.size()))]->RunTurn(Time::zero());
  return true;
}

// The next moment at which anything can happen; kNever: none.
Time SimWorld::NextMoment() {
  Time next = events_.empty() ? engine::kNever : events_.begin()->first.at;
  for (const auto& loop : loops_) {
    const Time work = loop->HasWork() ? now_ : loop->NextWork();
    if (work != engine::kNever) next = std::min(next, std::max(work, loop->busy_until()));
  }
  return next;
}

bool SimWorld::Step() {
  RunDue();
  if (TurnSomeLoop()) return true;
  const Time next = NextMoment();
  if (next == engine::kNever) return false;
  ENGINE_CHECK(next > now_);  // else this would go on for ever without a turn
  AdvanceTo(next);
  return true;
}

void SimWorld::Run(Time until) {
  while (now_ < until) {
    RunDue();
    if (TurnSomeLoop()) continue;
    const Time next = NextMoment();
    AdvanceTo(std::min(next, until));
  }
}

bool SimWorld::RunUntil(const std::function<bool()>& done, Time limit) {
  while (!done()) {
    if (now_ >= limit || !Step()) return done();
  }
  return true;
}

void SimWorld::Broken(std::string what) {
  constexpr std::size_t kBrokenMax = 100;  // the first ones tell the story
  if (broken_.size() < kBrokenMax) broken_.push_back(std::move(what));
}

void SimWorld::Note(const char* what, std::uint64_t a, std::uint64_t b) noexcept {
  constexpr std::uint64_t kPrime = 0x100000001b3U;
  ++notes_;
  for (; *what != '\0'; ++what)
    trace_hash_ = (trace_hash_ ^ static_cast<unsigned char>(*what)) * kPrime;
  for (const std::uint64_t value : {static_cast<std::uint64_t>(now_.count()), a, b})
    trace_hash_ = (trace_hash_ ^ value) * kPrime;
}

}  // namespace sim
