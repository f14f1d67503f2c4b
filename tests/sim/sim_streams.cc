// Streams. The listeners are in sim_listeners.cc. See sim_streams.h.
#include "tests/sim/sim_streams.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_world.h"

namespace sim {

SimEnd* SimStreams::Find(int end) {
  const auto at = ends_.find(end);
  return at == ends_.end() ? nullptr : &at->second;
}

std::pair<int, int> SimStreams::MakePair() {
  const int one = world_->NewNumber();
  const int two = world_->NewNumber();
  const SimFaults& faults = world_->faults();
  for (const auto& [number, peer] : {std::pair(one, two), std::pair(two, one)}) {
    SimEnd& end = ends_[number];
    end.peer = peer;
    end.room = static_cast<std::size_t>(
        world_->random().Between(faults.buffer_min_bytes, faults.buffer_max_bytes));
    ++open_ends_;
  }
  return {one, two};
}

void SimStreams::Watch(int end, SimWatch watch) {
  if (SimEnd* e = Find(end)) e->watch = watch;
}

void SimStreams::Wake(int end) {
  SimEnd* e = Find(end);
  if (e != nullptr && e->open && e->watch.loop != nullptr) e->watch.loop->Ready(e->watch.id);
}

Time SimStreams::NextArrival(SimEnd& end) {
  const SimFaults& faults = world_->faults();
  const Time at = world_->now() + world_->random().Between(faults.delay_min, faults.delay_max);
  end.last_arrival = std::max(at, end.last_arrival + Time(1));
  return end.last_arrival;
}

IoResult SimStreams::Send(int end, engine::Gather data) {
  SimEnd* e = Find(end);
  if (e == nullptr || !e->open) return {0, EBADF};
  SimEnd* to = Find(e->peer);
  if (e->shut || e->cut || e->reset != 0 || to == nullptr || !to->open) return {0, EPIPE};

  std::string bytes;
  for (const iovec& piece : data)
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  const std::size_t wanted = bytes.size();
  const std::size_t used = to->readable() + to->in_flight;
  std::size_t take = std::min(wanted, to->room > used ? to->room - used : 0);
  const bool by_chance = take > 0 && world_->random().Chance(world_->faults().short_send);
  if (by_chance) take = static_cast<std::size_t>(world_->random().Below(take));
  if (take < wanted) to->peer_waits = true;
  if (by_chance) Later(e->peer, &SimStreams::TellRoom);
  if (take > 0) {
    bytes.resize(take);
    to->in_flight += take;
    const int peer = e->peer;
    world_->At(NextArrival(*to), [this, peer, bytes] { Arrive(peer, bytes); });
  }
  return {static_cast<std::int64_t>(take), 0};
}

void SimStreams::Later(int end, void (SimStreams::*what)(int)) {
  const SimFaults& faults = world_->faults();
  const Time delay = world_->random().Between(faults.delay_min, faults.delay_max);
  world_->At(world_->now() + delay, [this, end, what] { (this->*what)(end); });
}

void SimStreams::Arrive(int end, const std::string& bytes) {
  SimEnd* e = Find(end);
  if (e == nullptr) return;
  e->in_flight -= bytes.size();
  if (e->cut) return;
  if (!e->open) {  // closed meanwhile: as a kernel answers with a reset
    const int peer = e->peer;
    if (SimEnd* from = Find(peer))
      world_->At(NextArrival(*from), [this, peer] { ArriveReset(peer, ECONNRESET); });
    return;
  }
  world_->Note("bytes", static_cast<std::uint64_t>(end), bytes.size());
  e->arrived += bytes;
  Wake(end);
}

void SimStreams::ArriveEnd(int end) {
  SimEnd* e = Find(end);
  if (e == nullptr) return;
  world_->Note("end", static_cast<std::uint64_t>(end), 0);
  e->end_seen = true;
  Wake(end);
}

void SimStreams::ArriveReset(int end, int error) {
  SimEnd* e = Find(end);
  if (e == nullptr || e->reset != 0) return;
  world_->Note("reset", static_cast<std::uint64_t>(end), 0);
  e->reset = error;
  Wake(end);
}

std::size_t SimStreams::Read(int end, engine::Bytes to) {
  SimEnd* e = Find(end);
  if (e == nullptr || !e->open) return 0;
  std::size_t take = std::min(to.size(), e->readable());
  if (take == 0) return 0;
  if (world_->random().Chance(world_->faults().short_receive))
    take = static_cast<std::size_t>(world_->random().Between(1, take));
  std::memcpy(to.data(), e->arrived.data() + e->read_from, take);
  e->read_from += take;
  if (e->read_from == e->arrived.size()) {
    e->arrived.clear();
    e->read_from = 0;
  }
  if (e->peer_waits) Later(end, &SimStreams::TellRoom);
  return take;
}

// There is room at `end` again: whoever sends to it may go on.
void SimStreams::TellRoom(int end) {
  SimEnd* e = Find(end);
  if (e == nullptr || !e->peer_waits) return;
  e->peer_waits = false;
  const SimEnd* from = Find(e->peer);
  if (from != nullptr && from->open && from->watch.loop != nullptr)
    from->watch.loop->RoomCame(from->watch.id);
}

void SimStreams::Shutdown(int end) {
  SimEnd* e = Find(end);
  if (e == nullptr || e->shut) return;
  e->shut = true;
  const int peer = e->peer;
  if (SimEnd* to = Find(peer); to != nullptr && !e->cut)
    world_->At(NextArrival(*to), [this, peer] { ArriveEnd(peer); });
}

void SimStreams::Close(int end) {
  SimEnd* e = Find(end);
  if (e == nullptr || !e->open) return;
  if (e->readable() + e->in_flight > 0) {
    Reset(end);
    return;
  }
  Shutdown(end);
  MarkClosed(end);
}

void SimStreams::Reset(int end) {
  SimEnd* e = Find(end);
  if (e == nullptr || !e->open) return;
  const int peer = e->peer;
  if (SimEnd* to = Find(peer); to != nullptr && !e->cut)
    world_->At(NextArrival(*to), [this, peer] { ArriveReset(peer, ECONNRESET); });
  MarkClosed(end);
}

void SimStreams::MarkClosed(int end) {
  SimEnd& e = ends_.at(end);
  world_->Note("close", static_cast<std::uint64_t>(end), 0);
  e.open = false;
  e.watch = {};
  --open_ends_;
  const int peer_number = e.peer;
  const SimEnd* peer = Find(peer_number);
  if (peer != nullptr && peer->open) return;
  ends_.erase(end);
  ends_.erase(peer_number);
}

void SimStreams::PlanCut(int end) {
  const SimFaults& faults = world_->faults();
  if (!world_->random().Chance(faults.cut)) return;
  const Time at = world_->now() + world_->random().Between(Time{}, faults.cut_within);
  world_->At(at, [this, end] { Cut(end); });
}

// Both ends learn of it in their own time, each as an end or as a reset.
void SimStreams::Cut(int end) {
  SimEnd* one = Find(end);
  if (one == nullptr || one->cut) return;
  for (const int number : {end, one->peer}) {
    SimEnd* e = Find(number);
    if (e == nullptr) continue;
    e->cut = true;
    const bool reset = world_->random().Below(2) == 0;
    world_->At(NextArrival(*e), [this, number, reset] {
      if (reset) ArriveReset(number, ECONNRESET);
      if (!reset) ArriveEnd(number);
      // Whoever waits for room learns from the next Send that none will come.
      if (const SimEnd* told = Find(number)) TellRoom(told->peer);
    });
  }
}

}  // namespace sim
