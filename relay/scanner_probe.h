// Active probes: connects to scanners where nobody listened, and closes again, once a second.
//
//   Tick --WantsConnectProbe--> connect --taken--> close, back-off over: the next message is the
//                                  |               half-open probe
//                                  '--refused, kTimeout--> nothing
//
// So a scanner that was restarted is used again within a second or two, and not when a back-off of
// up to 30 s is over. A scanner is only connected to while its breaker is open because of refused
// connects, and while it has nothing of ours: a full one is busy, never down, and one that hangs
// takes connects. amavisd gives a child to each connection for the moment that it lasts.
// One shard has this (ShardApp of number 0); at most one probe for each scanner at a time.
#ifndef MILLRACE_RELAY_SCANNER_PROBE_H_
#define MILLRACE_RELAY_SCANNER_PROBE_H_

#include <array>
#include <cstdint>
#include <memory>

#include "engine/io/loop.h"
#include "relay/scanner_groups.h"

namespace relay {

class ScannerProbes {
 public:
  static constexpr engine::Time kTimeout = std::chrono::seconds(5);
  // At once, of all groups.
  static constexpr std::size_t kProbesMax = 16;

  ScannerProbes(engine::Loop& loop, ScannerGroups& groups) noexcept;
  ~ScannerProbes();
  ScannerProbes(const ScannerProbes&) = delete;
  ScannerProbes& operator=(const ScannerProbes&) = delete;

  void Tick(const ScannerMoment& at) noexcept;
  // Ends what is under way.
  void Stop() noexcept;

 private:
  struct Probe final : engine::SocketEvents {
    void OnBytes(engine::SocketId, engine::Bytes) noexcept override {}
    void OnTurnEnd(engine::SocketId) noexcept override {}
    engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
      return engine::Drained::kYes;
    }
    void OnWritable(engine::SocketId) noexcept override { owner->Ended(*this, true); }
    void OnGone(engine::SocketId, int) noexcept override { owner->Ended(*this, false); }

    ScannerProbes* owner = nullptr;
    engine::SocketId socket{};  // generation 0: free
    std::size_t group = 0;
    std::uint8_t index = 0;
    engine::Time until{};
  };

  bool UnderWay(std::size_t group, std::uint8_t index) const noexcept;
  void Begin(std::size_t group, std::uint8_t index, engine::Time now) noexcept;
  void Ended(Probe& probe, bool taken) noexcept;

  engine::Loop& loop_;
  ScannerGroups& groups_;
  ScannerMoment at_;  // of the last tick
  std::array<Probe, kProbesMax> probes_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCANNER_PROBE_H_
