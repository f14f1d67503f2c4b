// Connect, and close as soon as that is decided.
#include "relay/scanner_probe.h"

#include <algorithm>

namespace relay {

using engine::Time;

ScannerProbes::ScannerProbes(engine::Loop& loop, ScannerGroups& groups) noexcept
    : loop_(loop), groups_(groups) {
  for (Probe& probe : probes_)
    probe.owner = this;
}

ScannerProbes::~ScannerProbes() {
  Stop();
}

void ScannerProbes::Stop() noexcept {
  for (Probe& probe : probes_) {
    if (probe.socket.generation != 0) loop_.Close(probe.socket);
    probe.socket = {};
  }
}

void ScannerProbes::Tick(const ScannerMoment& at) noexcept {
  at_ = at;
  for (Probe& probe : probes_) {
    if (probe.socket.generation != 0 && at.now >= probe.until) Ended(probe, false);
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const ScannerGroup& group = groups_.at(g);
    for (std::size_t i = 0; i < group.entries(); ++i) {
      const auto index = static_cast<std::uint8_t>(i);
      if (group.WantsConnectProbe(index, at.now) && !UnderWay(g, index)) Begin(g, index, at.now);
    }
  }
}

bool ScannerProbes::UnderWay(std::size_t group, std::uint8_t index) const noexcept {
  return std::any_of(probes_.begin(), probes_.end(), [=](const Probe& probe) {
    return probe.socket.generation != 0 && probe.group == group && probe.index == index;
  });
}

void ScannerProbes::Begin(std::size_t group, std::uint8_t index, Time now) noexcept {
  const auto free = std::find_if(probes_.begin(), probes_.end(), [](const Probe& probe) {
    return probe.socket.generation == 0;
  });
  if (free == probes_.end()) return;
  free->group = group;
  free->index = index;
  free->until = now + kTimeout;
  const engine::Address& address = groups_.at(group).address(index);
  if (!loop_.Connect(address, *free, &free->socket).ok()) free->socket = {};
}

void ScannerProbes::Ended(Probe& probe, bool taken) noexcept {
  loop_.Close(probe.socket);
  probe.socket = {};
  ScannerMoment at = at_;
  at.now = loop_.now();
  if (taken) groups_.at(probe.group).ConnectProbeTaken(at, probe.index);
}

}  // namespace relay
