// One connection through the proxy: two sockets, and what is on its way between them.
//
//   server side  --OnBytes, OnTurnEnd-->  Send  --> filter side          and the same back
//                                          | short: the rest waits in memory, and the side that it
//                                          v came from is not read until it is gone
//                --OnDirect--> SpliceTo pipe, TeeTo copy, SendFrom pipe; then the copy is read
//
//   open: both are read -> one ended: the other's sending is ended, after the last octet
//                       -> both ended, and nothing waits: over
//         error of one  -> what waits for the other is sent, then both are closed
//         not connected -> both are closed at once; a full backlog is tried again for a while
//
// Nothing is altered, merged is what arrived together. Limits: kPieceBytesMax waits in each
// direction at most. No time limits: a side that is silent is the other side's business.
#ifndef MILLRACE_TOOLS_RECORD_PROXY_LINK_H_
#define MILLRACE_TOOLS_RECORD_PROXY_LINK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/io/loop.h"
#include "engine/io/pipe.h"
#include "engine/net/address.h"
#include "tools/record/proxy_tap.h"

namespace record {

class ProxyLink;

inline constexpr std::size_t kPieceBytesMax = engine::Pipe::kCapacityBytes;
// A mail server that connects to a full backlog itself waits in connect(2): so does the proxy.
inline constexpr engine::Time kBacklogWaitMax = std::chrono::seconds(30);
inline constexpr engine::Time kBacklogRetryMax = std::chrono::milliseconds(50);

struct LinkCounts {
  std::uint64_t to_filter_bytes = 0;
  std::uint64_t to_server_bytes = 0;
  std::uint64_t sends = 0;        // pieces by receive and send
  std::uint64_t splices = 0;      // pieces by splice
  std::uint64_t short_sends = 0;  // pieces of which a rest had to wait
  std::uint64_t unreachable = 0;  // connections that the filter did not take
};

// What all links of a loop share. Pipes are empty between callbacks.
struct LinkWorld {
  engine::Loop* loop = nullptr;
  engine::Pipe* pipe = nullptr;  // with `copy`: splicing; nullptr: never
  engine::Pipe* copy = nullptr;
  // A receive of that many octets at once makes a side splice; a splice of less ends it. 0: always
  // splice. SIZE_MAX: never.
  std::size_t splice_from_bytes = SIZE_MAX;
  std::uint64_t (*now_us)(void* context) noexcept = nullptr;  // since 1970, never going back
  // The link is over and may be freed; nothing of it is used afterwards.
  void (*ended)(void* context, ProxyLink& link) noexcept = nullptr;
  void* context = nullptr;
  LinkCounts counts{};
  std::vector<iovec> parts{};     // of the turn that is under way
  std::vector<std::byte> room{};  // for what comes out of a pipe
};

class ProxyLink {
 public:
  ProxyLink(LinkWorld& world, std::unique_ptr<ProxyTap> tap) noexcept;
  ~ProxyLink();  // what is open is closed, without a word to the tap
  ProxyLink(const ProxyLink&) = delete;
  ProxyLink& operator=(const ProxyLink&) = delete;

  // Takes over `fd` and connects to `to`. A refusal comes as world.ended, maybe inside this call.
  void Open(int fd, const engine::Address& to) noexcept;
  // Closes both sides; world.ended is called.
  void Stop() noexcept { Finish(trace::Ending::kRecorderClosed, 0); }

 private:
  struct Side final : engine::SocketEvents {
    ProxyLink* link = nullptr;
    engine::SocketId id{};
    std::string rest{};  // for this side; [rest_sent, size) is still to go
    std::size_t rest_sent = 0;
    bool ended = false;     // its stream is at its end
    bool broken = false;    // takes nothing any more
    bool shut = false;      // its sending was ended
    bool splicing = false;  // is read in kDirect

    bool waits() const noexcept { return rest_sent < rest.size(); }
    void OnBytes(engine::SocketId, engine::Bytes bytes) noexcept override;
    void OnTurnEnd(engine::SocketId) noexcept override;
    engine::Drained OnDirect(engine::SocketId, engine::DirectSocket& socket) noexcept override;
    void OnWritable(engine::SocketId) noexcept override;
    void OnGone(engine::SocketId, int error) noexcept override;
  };

  Side& Other(const Side& side) noexcept { return &side == &server_ ? filter_ : server_; }
  trace::Direction DirectionFrom(const Side& side) const noexcept;
  void Count(const Side& from, std::size_t bytes) noexcept;
  struct Retry : engine::Timer {
    ProxyLink* link = nullptr;
  };

  void Connect() noexcept;
  void Read(Side& side) noexcept;
  std::size_t SendTo(Side& to, engine::Gather parts) noexcept;
  void Keep(Side& from, Side& to, engine::Gather parts, std::size_t sent) noexcept;
  void Forward(Side& from) noexcept;
  engine::Drained Splice(Side& from, engine::DirectSocket& socket) noexcept;
  std::size_t SendPipe(Side& to, std::size_t sendable) noexcept;
  void TakeOut(engine::Pipe& pipe, std::size_t at) noexcept;
  void Flush(Side& side) noexcept;
  void Flushed(Side& side) noexcept;
  void EndIfSent(Side& side) noexcept;
  void Gone(Side& side, int error) noexcept;
  void CloseIfOver() noexcept;
  void Finish(trace::Ending ending, int error) noexcept;

  LinkWorld& world_;
  std::unique_ptr<ProxyTap> tap_;  // nullptr: the link is over
  Side server_;
  Side filter_;
  engine::Address address_;  // of the filter, while the backlog is full
  Retry retry_;
  engine::Time retry_after_{};
  engine::Time give_up_at_{};
  bool connected_ = false;
  bool end_seen_ = false;  // ending_ and error_ are those of the first side that ended
  trace::Ending ending_ = trace::Ending::kServerClosed;
  int error_ = 0;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_PROXY_LINK_H_
