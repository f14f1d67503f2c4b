// Forwarding between two sockets. See proxy_link.h.
#include "tools/record/proxy_link.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace record {
namespace {

constexpr engine::Time kRetryFirst = std::chrono::milliseconds(1);
// More than that is given back once it was sent: an idle session shall cost little.
constexpr std::size_t kRestKeptBytes = 64 * engine::kKiB;

std::size_t BytesIn(engine::Gather parts) noexcept {
  std::size_t bytes = 0;
  for (const iovec& part : parts)
    bytes += part.iov_len;
  return bytes;
}

}  // namespace

void ProxyLink::Side::OnBytes(engine::SocketId /*id*/, engine::Bytes bytes) noexcept {
  link->world_.parts.push_back({bytes.data(), bytes.size()});
}

void ProxyLink::Side::OnTurnEnd(engine::SocketId /*id*/) noexcept {
  link->Forward(*this);
}

engine::Drained ProxyLink::Side::OnDirect(engine::SocketId /*id*/,
                                          engine::DirectSocket& socket) noexcept {
  return link->Splice(*this, socket);
}

void ProxyLink::Side::OnWritable(engine::SocketId /*id*/) noexcept {
  if (this == &link->filter_) link->connected_ = true;
  link->Flush(*this);
}

void ProxyLink::Side::OnGone(engine::SocketId /*id*/, int error) noexcept {
  link->Gone(*this, error);
}

ProxyLink::ProxyLink(LinkWorld& world, std::unique_ptr<ProxyTap> tap) noexcept
    : world_(world), tap_(std::move(tap)) {
  server_.link = this;
  filter_.link = this;
  retry_.link = this;
  retry_.fire = [](engine::Timer& timer, engine::Time) noexcept {
    static_cast<Retry&>(timer).link->Connect();
  };
}

ProxyLink::~ProxyLink() {
  world_.loop->Cancel(retry_);
  world_.loop->Close(server_.id);
  world_.loop->Close(filter_.id);
}

trace::Direction ProxyLink::DirectionFrom(const Side& side) const noexcept {
  return &side == &server_ ? trace::Direction::kToFilter : trace::Direction::kToServer;
}

void ProxyLink::Open(int fd, const engine::Address& to) noexcept {
  address_ = to;
  give_up_at_ = world_.loop->now() + kBacklogWaitMax;
  server_.splicing = world_.splice_from_bytes == 0;
  filter_.splicing = server_.splicing;
  server_.id = world_.loop->Adopt(fd, server_, engine::ReadMode::kPaused);
  if (server_.id.generation == 0) return Finish(trace::Ending::kFilterRefused, ENFILE);
  Connect();
}

void ProxyLink::Connect() noexcept {
  const engine::IoResult result = world_.loop->Connect(address_, filter_, &filter_.id);
  if (result.error == EAGAIN && world_.loop->now() < give_up_at_) {
    retry_after_ = std::clamp(retry_after_ * 2, kRetryFirst, kBacklogRetryMax);
    return world_.loop->Set(retry_, world_.loop->now() + retry_after_);
  }
  if (!result.ok()) return Finish(trace::Ending::kFilterRefused, result.error);
  if (filter_.splicing) Read(filter_);
  Read(server_);
}

void ProxyLink::Read(Side& side) noexcept {
  world_.loop->SetReadMode(side.id,
                           side.splicing ? engine::ReadMode::kDirect : engine::ReadMode::kSmall);
}

// Octets taken. A side that takes no more is broken: its OnGone follows, if it has not come.
std::size_t ProxyLink::SendTo(Side& to, engine::Gather parts) noexcept {
  if (to.broken) return 0;
  const engine::IoResult sent = world_.loop->Send(to.id, parts);
  if (sent.ok()) return static_cast<std::size_t>(sent.value);
  if (sent.error != EAGAIN) to.broken = true;
  return 0;
}

// What of `parts` was not taken waits, and `from` with it.
void ProxyLink::Keep(Side& from, Side& to, engine::Gather parts, std::size_t sent) noexcept {
  if (to.broken) return;
  for (const iovec& part : parts) {
    const std::size_t skip = std::min(sent, part.iov_len);
    sent -= skip;
    to.rest.append(static_cast<const char*>(part.iov_base) + skip, part.iov_len - skip);
  }
  if (!to.waits()) return;
  ++world_.counts.short_sends;
  world_.loop->SetReadMode(from.id, engine::ReadMode::kPaused);
}

void ProxyLink::Count(const Side& from, std::size_t bytes) noexcept {
  (&from == &server_ ? world_.counts.to_filter_bytes : world_.counts.to_server_bytes) += bytes;
}

void ProxyLink::Forward(Side& from) noexcept {
  Side& to = Other(from);
  const engine::Gather parts = world_.parts;
  const std::size_t bytes = BytesIn(parts);
  tap_->OnForward(DirectionFrom(from));
  const std::size_t sent = to.waits() ? 0 : SendTo(to, parts);
  Keep(from, to, parts, sent);
  Count(from, bytes);
  ++world_.counts.sends;
  if (tap_->recording()) tap_->OnOctets(DirectionFrom(from), parts, world_.now_us(world_.context));
  world_.parts.clear();
  if (to.broken && to.ended) return Finish(ending_, error_);
  if (bytes < world_.splice_from_bytes) return;
  from.splicing = true;
  if (!to.waits()) Read(from);
}

// What is in the pipe goes to world_.room, behind `at`.
void ProxyLink::TakeOut(engine::Pipe& pipe, std::size_t at) noexcept {
  while (pipe.bytes() > 0) {
    const engine::IoResult got = pipe.Read(engine::Bytes(world_.room).subspan(at));
    if (!got.ok() || got.value == 0) return;
    at += static_cast<std::size_t>(got.value);
  }
}

// Sends up to `sendable` octets out of world_.pipe and tells how many went.
std::size_t ProxyLink::SendPipe(Side& to, std::size_t sendable) noexcept {
  if (sendable == 0 || to.broken) return 0;
  const engine::IoResult result = world_.loop->SendFrom(to.id, *world_.pipe, sendable);
  if (result.ok()) return static_cast<std::size_t>(result.value);
  if (result.error != EAGAIN) to.broken = true;
  return 0;
}

// The octets' places in world_.room are those in the piece: what could not be sent is read to its
// place, the copy to the beginning.
engine::Drained ProxyLink::Splice(Side& from, engine::DirectSocket& socket) noexcept {
  Side& to = Other(from);
  if (to.waits()) return engine::Drained::kYes;  // paused: it comes back
  const engine::IoResult got = socket.SpliceTo(*world_.pipe, kPieceBytesMax);
  if (got.value <= 0) return engine::Drained::kYes;
  const auto bytes = static_cast<std::size_t>(got.value);
  tap_->OnForward(DirectionFrom(from));
  const bool recording = tap_->recording();
  std::size_t sendable = bytes;
  if (recording) {
    const engine::IoResult copied = world_.pipe->TeeTo(*world_.copy, bytes);
    sendable = copied.ok() ? static_cast<std::size_t>(copied.value) : 0;
  }
  const std::size_t sent = SendPipe(to, sendable);
  if (world_.pipe->bytes() > 0) {
    TakeOut(*world_.pipe, sent);
    const iovec rest{world_.room.data() + sent, bytes - sent};
    // Sent as far as it was copied: only the copy's pipe was too small.
    const std::size_t more = sent == sendable ? SendTo(to, {&rest, 1}) : 0;
    Keep(from, to, {&rest, 1}, more);
  }
  Count(from, bytes);
  ++world_.counts.splices;
  if (recording) {
    TakeOut(*world_.copy, 0);
    const iovec whole{world_.room.data(), bytes};
    tap_->OnOctets(DirectionFrom(from), {&whole, 1}, world_.now_us(world_.context));
  }
  if (to.broken && to.ended) {
    Finish(ending_, error_);
    return engine::Drained::kYes;
  }
  if (bytes < world_.splice_from_bytes) {
    from.splicing = false;
    if (!to.waits()) Read(from);
  }
  return engine::Drained::kNo;
}

void ProxyLink::Flush(Side& side) noexcept {
  if (!side.waits()) return EndIfSent(side);
  const iovec rest{side.rest.data() + side.rest_sent, side.rest.size() - side.rest_sent};
  side.rest_sent += SendTo(side, {&rest, 1});
  if (side.waits() && !side.broken) return;  // OnWritable follows
  side.rest_sent = 0;
  side.rest.clear();
  if (side.rest.capacity() > kRestKeptBytes) side.rest.shrink_to_fit();
  Flushed(side);
}

// Nothing waits for `side` any more, or it is broken.
void ProxyLink::Flushed(Side& side) noexcept {
  Side& from = Other(side);
  if (from.ended && (from.broken || side.broken)) return Finish(ending_, error_);
  if (side.broken && side.ended) return Finish(ending_, error_);
  if (!from.ended) return Read(from);
  EndIfSent(side);
  CloseIfOver();
}

// The other side's stream has ended, and so does what is sent here; not before the connection.
void ProxyLink::EndIfSent(Side& side) noexcept {
  if (!Other(side).ended || side.waits() || side.shut) return;
  if (&side == &filter_ && !connected_) return;
  side.shut = true;
  world_.loop->EndSending(side.id);
}

void ProxyLink::Gone(Side& side, int error) noexcept {
  Side& other = Other(side);
  side.ended = true;
  if (&side == &filter_ && !connected_) return Finish(trace::Ending::kFilterRefused, error);
  if (!end_seen_) {
    end_seen_ = true;
    error_ = error;
    ending_ = &side == &server_ ? trace::Ending::kServerClosed : trace::Ending::kFilterClosed;
  }
  if (error == 0 && !side.broken) {
    EndIfSent(other);
    return CloseIfOver();
  }
  side.broken = true;
  side.rest.clear();
  side.rest_sent = 0;
  world_.loop->Close(std::exchange(side.id, {}));
  if (!other.waits() || other.broken) return Finish(ending_, error_);
  world_.loop->SetReadMode(other.id, engine::ReadMode::kPaused);
}

void ProxyLink::CloseIfOver() noexcept {
  if (server_.ended && filter_.ended && !server_.waits() && !filter_.waits())
    Finish(ending_, error_);
}

void ProxyLink::Finish(trace::Ending ending, int error) noexcept {
  if (tap_ == nullptr) return;
  world_.loop->Cancel(retry_);
  world_.loop->Close(std::exchange(server_.id, {}));
  world_.loop->Close(std::exchange(filter_.id, {}));
  if (ending == trace::Ending::kFilterRefused) ++world_.counts.unreachable;
  const std::unique_ptr<ProxyTap> tap = std::move(tap_);
  if (end_seen_ && ending == trace::Ending::kRecorderClosed) ending = ending_;
  tap->OnEnd(ending, error, world_.now_us(world_.context));
  world_.ended(world_.context, *this);
}

}  // namespace record
