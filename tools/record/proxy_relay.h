// Accepts connections and links each to its milter or amavisd; all links of one loop.
//
//   listener --accept--> over the limit: closed at once, counted
//                    \-> ProxyLink + SessionTap | AmpdpTap --> over: freed
//
// Written against engine::Loop, so that it runs in simulated time too. One thread, the loop's.
#ifndef MILLRACE_TOOLS_RECORD_PROXY_RELAY_H_
#define MILLRACE_TOOLS_RECORD_PROXY_RELAY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "engine/base/block_pool.h"
#include "engine/base/slab.h"
#include "engine/io/loop.h"
#include "engine/io/pipe.h"
#include "engine/net/address.h"
#include "tools/record/ampdp_tap.h"
#include "tools/record/proxy_link.h"

namespace record {

enum class LinkKind : std::uint8_t { kMilter, kAmpdp };
inline constexpr std::size_t kLinkKinds = 2;

struct RelayOptions {
  std::array<engine::Address, kLinkKinds> to{};  // by LinkKind
  std::uint32_t connections_max = 1000;          // accepted ones at once
  // Two empty pipes of the loop's world, or none: then nothing is spliced.
  engine::Pipe* pipe = nullptr;
  engine::Pipe* copy = nullptr;
  std::size_t splice_from_bytes = SIZE_MAX;  // as in LinkWorld
  RecorderInput* recorder = nullptr;
  MessageCopier* copier = nullptr;  // for kAmpdp
  // Since 1970, never going back; nullptr: the loop's time, as it is.
  std::uint64_t (*now_us)() noexcept = nullptr;
};

struct RelayCounts {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // over connections_max
};

class ProxyRelay {
 public:
  ProxyRelay(engine::Loop& loop, const RelayOptions& options);
  ~ProxyRelay();  // closes what is open, recorded as Ending::kRecorderClosed
  ProxyRelay(const ProxyRelay&) = delete;
  ProxyRelay& operator=(const ProxyRelay&) = delete;

  // `fd` listens and stays the caller's, who calls StopListening() before he closes it.
  void Listen(int fd, LinkKind kind);
  void StopListening();
  void StopLinks() noexcept;

  std::uint32_t open() const noexcept { return links_.in_use(); }
  const RelayCounts& counts() const noexcept { return counts_; }
  const LinkCounts& link_counts() const noexcept { return world_.counts; }
  std::uint64_t scans_lost() const noexcept { return scans_.lost; }

 private:
  struct Gate {
    ProxyRelay* relay = nullptr;
    LinkKind kind = LinkKind::kMilter;
  };
  // Stands in for the owner of a connection that is closed at once.
  struct Nobody final : engine::SocketEvents {
    void OnBytes(engine::SocketId, engine::Bytes) noexcept override {}
    void OnTurnEnd(engine::SocketId) noexcept override {}
    engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
      return engine::Drained::kYes;
    }
    void OnWritable(engine::SocketId) noexcept override {}
    void OnGone(engine::SocketId, int) noexcept override {}
  };

  void Accept(int fd, LinkKind kind) noexcept;
  std::uint64_t NowUs() const noexcept;

  engine::Loop& loop_;
  RelayOptions options_;
  engine::BlockPool pool_;
  LinkWorld world_;
  ScanWorld scans_;
  std::array<Gate, kLinkKinds> gates_;
  std::vector<int> listening_;
  engine::Slab<ProxyLink> links_;
  RelayCounts counts_;
  Nobody nobody_;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_PROXY_RELAY_H_
