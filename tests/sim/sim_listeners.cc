// Listeners and connects of SimStreams. See sim_streams.h.
#include <algorithm>
#include <cerrno>

#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_streams.h"
#include "tests/sim/sim_world.h"

namespace sim {

std::string SimStreams::NameOf(const engine::Address& address) {
  return address.is_unix() ? std::string(address.path()) : address.text;
}

int SimStreams::Listen(const std::string& at, std::size_t backlog) {
  const int number = world_->NewNumber();
  Listener& listener = listeners_[number];
  listener.at = at;
  listener.backlog_max = backlog;
  names_[at] = number;
  return number;
}

void SimStreams::CloseListener(int listener) {
  const auto at = listeners_.find(listener);
  if (at == listeners_.end()) return;
  const std::deque<int> waiting = std::move(at->second.waiting);
  const auto name = names_.find(at->second.at);
  if (name != names_.end() && name->second == listener) names_.erase(name);
  listeners_.erase(at);
  for (const int end : waiting)
    Reset(end);
}

void SimStreams::WatchListener(int listener, SimLoop& loop) {
  const auto at = listeners_.find(listener);
  if (at == listeners_.end()) return;
  at->second.loops.push_back(&loop);
  if (!at->second.waiting.empty()) loop.AcceptReady(listener);
}

void SimStreams::UnwatchListener(int listener, const SimLoop& loop) {
  const auto at = listeners_.find(listener);
  if (at == listeners_.end()) return;
  std::vector<SimLoop*>& loops = at->second.loops;
  loops.erase(std::remove(loops.begin(), loops.end(), &loop), loops.end());
  if (!at->second.waiting.empty() && !loops.empty()) loops.front()->AcceptReady(listener);
}

int SimStreams::Accept(int listener) {
  const auto at = listeners_.find(listener);
  if (at == listeners_.end() || at->second.waiting.empty()) return -1;
  const int end = at->second.waiting.front();
  at->second.waiting.pop_front();
  return end;
}

bool SimStreams::HasWaiting(int listener) const {
  const auto at = listeners_.find(listener);
  return at != listeners_.end() && !at->second.waiting.empty();
}

IoResult SimStreams::Connect(const std::string& at, bool is_unix, int* later_error) {
  const SimFaults& faults = world_->faults();
  const auto name = names_.find(at);
  int error = 0;
  if (name == names_.end()) error = is_unix ? ENOENT : ECONNREFUSED;
  if (world_->random().Chance(faults.connect_refused)) error = ECONNREFUSED;
  Listener* listener = error == 0 ? &listeners_.at(name->second) : nullptr;
  if (listener != nullptr && is_unix) {
    const bool full = listener->waiting.size() + listener->coming >= listener->backlog_max;
    if (full || world_->random().Chance(faults.connect_again)) error = EAGAIN;
  }
  if (error != 0 && is_unix) return {0, error};

  const auto [near_end, far_end] = MakePair();
  *later_error = error;
  if (error != 0) {
    MarkClosed(far_end);
    return {near_end, 0};
  }
  ++listener->coming;
  const int listener_number = name->second;
  const Time delay = world_->random().Between(Time{}, faults.accept_delay_max);
  const int offered = far_end;
  world_->At(world_->now() + delay,
             [this, listener_number, offered] { Offer(listener_number, offered); });
  PlanCut(near_end);
  return {near_end, 0};
}

void SimStreams::Offer(int listener, int end) {
  const auto at = listeners_.find(listener);
  if (at == listeners_.end()) {
    Reset(end);
    return;
  }
  --at->second.coming;
  at->second.waiting.push_back(end);
  const std::vector<SimLoop*>& loops = at->second.loops;
  if (loops.empty()) return;
  loops[static_cast<std::size_t>(world_->random().Below(loops.size()))]->AcceptReady(listener);
}

}  // namespace sim
