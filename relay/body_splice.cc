// Bodies by splice(2): socket -> pipe -> file, where the file keeps the octets that came.
//
//   kSmall --OnTurnEnd: enough of the body has come, a pipe is free--> kDirect
//   kDirect, OnDirect:  head of a packet, macros (Postfix sends some before each packet of the
//                       body): received, exactly, and read as ever
//                       payload of a BODY packet: spliced into the pipe, over many packets
//                       pipe half full, or the socket's share of a turn spent: pipe -> file
//   kDirect --any other packet's head; a reply not taken; the message failed--> kSmall
//
// The filter session is told how many octets went past it (FilterSession::BodyTaken) and stays the
// one that knows where a packet ends. The pipe is empty before the session reads anything but a
// body's packets, and is given back with the message: what is in it then is thrown away.
// Where the spool's file system takes nothing from a pipe (EINVAL), what is in the pipe is read and
// written, and the shard splices no more.
// Source: splice(2); pipe(7). Limits: PipePool::kPipesMax bodies at once; others are written.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/scratch.h"
#include "engine/spool/pipe_drain.h"
#include "relay/relay_session.h"
#include "relay/shard_app.h"
#include "relay/trace.h"

namespace relay {
namespace {

// Large drains cost less for each octet; what the pipe holds at most, doubled, is its size.
constexpr std::size_t kDrainFromBytes = 512 * engine::kKiB;

std::size_t DrainFrom(const engine::Pipe& pipe) noexcept {
  return std::min(kDrainFromBytes, std::max<std::size_t>(pipe.capacity() / 2, 1));
}

// Macros of any usual size with the head behind them; longer ones come in pieces.
constexpr std::size_t kBetweenBytes = 512;

// Whether a packet of this command changes nothing in the file.
bool MayFollow(std::byte command) noexcept {
  return command == static_cast<std::byte>(milter::Command::kBody) ||
         command == static_cast<std::byte>(milter::Command::kMacro);
}

}  // namespace

// At the end of a turn. Where the pipe is held already: may it stay?
void RelaySession::ConsiderSplice() noexcept {
  if (pipe_ != nullptr) {
    if (!unsent_.empty()) LeaveSplice();
    if (writing_) EndWriting();
    return;
  }
  if (message_ == nullptr || message_->splice_asked || message_->sticky || !unsent_.empty()) return;
  if (message_->state != MessageState::kContent || !message_->header_ended) return;
  if (!shard_.splices() || message_->wire_bytes - message_->header_bytes < listener().splice_from) {
    return;
  }
  // A stalled disk: what moves into a file blocks.
  if (shard_.spool().async() || waits_for_disk()) return;
  if (filter_.head_bytes_ahead() == 0 && filter_.macro_bytes_ahead() == 0 &&
      filter_.body_bytes_ahead() == 0) {
    return;
  }
  message_->splice_asked = true;
  pipe_ = shard_.TakePipe();
  if (pipe_ != nullptr) shard_.loop().SetReadMode(id_, engine::ReadMode::kDirect);
}

engine::Drained RelaySession::OnDirect(engine::SocketId id, engine::DirectSocket& socket) noexcept {
  ENGINE_CHECK(pipe_ != nullptr && message_ != nullptr);
  SpliceStep step = SpliceStep::kMore;
  // The message may have ended in what came between the request for this mode and its grant.
  if (message_->state != MessageState::kContent || !shard_.splices() || shard_.spool().async()) {
    LeaveSplice();
    step = SpliceStep::kLeft;
  }
  std::size_t moved = 0;
  while (step == SpliceStep::kMore && moved < engine::kTurnBytesMax) {
    step = filter_.body_bytes_ahead() > 0 ? SplicePayload(socket, &moved)
                                          : ReadBetween(socket, &moved);
  }
  if (step == SpliceStep::kGone) return engine::Drained::kYes;
  if (step == SpliceStep::kMore && !DrainPipe()) step = SpliceStep::kLeft;
  // Nothing came: the deadline goes on.
  if (moved > 0 || step == SpliceStep::kLeft) OnTurnEnd(id);
  return step == SpliceStep::kMore ? engine::Drained::kNo : engine::Drained::kYes;
}

RelaySession::SpliceStep RelaySession::SplicePayload(engine::DirectSocket& socket,
                                                     std::size_t* moved) noexcept {
  const std::size_t max =
      std::min<std::size_t>(filter_.body_bytes_ahead(), engine::kTurnBytesMax - *moved);
  const engine::IoResult got = socket.SpliceTo(*pipe_, max);
  if (got.error == EAGAIN && pipe_->full()) {
    return DrainPipe() ? SpliceStep::kMore : SpliceStep::kLeft;
  }
  if (!got.ok() || got.value == 0) return SpliceStep::kDrained;  // at the end OnGone follows
  const auto bytes = static_cast<std::uint32_t>(got.value);
  *moved += bytes;
  message_->wire_bytes += bytes;
  shard_.counters().Add(Count::kBytesSpliced, bytes);
  const milter::Event event = filter_.BodyTaken(bytes);
  TraceEvent(shard_, id_, event);
  if (event.reply_due && !ReplyContinue()) return SpliceStep::kGone;
  if (pipe_->bytes() >= DrainFrom(*pipe_) && !DrainPipe()) return SpliceStep::kLeft;
  return SpliceStep::kMore;
}

// The head of a packet, or macros with the head behind them: never an octet of what follows that.
RelaySession::SpliceStep RelaySession::ReadBetween(engine::DirectSocket& socket,
                                                   std::size_t* moved) noexcept {
  engine::Scratch<std::byte, kBetweenBytes> room;
  std::size_t to_head_end = filter_.head_bytes_ahead();
  if (const std::uint32_t macros = filter_.macro_bytes_ahead(); macros > 0) {
    to_head_end = macros + milter::kPacketHeadBytes;
  }
  if (to_head_end == 0) {  // in the middle of another packet
    LeaveSplice();
    return SpliceStep::kLeft;
  }
  const engine::IoResult got =
      socket.Recv({room.data(), std::min<std::size_t>(to_head_end, room.size())});
  if (!got.ok() || got.value == 0) return SpliceStep::kDrained;
  const auto bytes = static_cast<std::size_t>(got.value);
  *moved += bytes;
  // The file is complete up to here before anything else is known of the message.
  if (bytes == to_head_end && !MayFollow(room.data()[bytes - 1])) LeaveSplice();
  if (!ReadEvents({room.data(), bytes})) return SpliceStep::kGone;
  return pipe_ == nullptr ? SpliceStep::kLeft : SpliceStep::kMore;
}

// False: the message has failed, here or before, or the disk stalls or cannot splice, and the pipe
// is gone: what is still to come is received, and dropped or written.
bool RelaySession::DrainPipe() noexcept {
  ENGINE_CHECK(!writing_ || shard_.writer().pending_bytes() == 0);
  int error = 0;
  const bool splices = !shard_.spool().async() && shard_.splices();
  if (splices && !message_->sticky && pipe_->bytes() > 0)
    error = engine::DrainPipe(shard_.spool(), *message_->slot, *pipe_, Message::kFileBytesMax);
  if (engine::CannotSplice(error)) shard_.EndSplicing(error);
  if (!splices || engine::CannotSplice(error)) {
    CopyPipe();
    return false;
  }
  Check(error);
  if (message_->sticky) DropPipe();
  return pipe_ != nullptr;
}

// The disk stalls, or cannot splice: what is in the pipe goes the way of all writes, at the end of
// this turn.
void RelaySession::CopyPipe() noexcept {
  engine::Scratch<std::byte, 4096> piece;
  while (!message_->sticky && pipe_->bytes() > 0) {
    if (!writing_) {
      shard_.writer().Open(*message_->slot, Message::kFileBytesMax);
      writing_ = true;
    }
    const engine::IoResult got = pipe_->Read({piece.data(), piece.size()});
    const int error = got.ok() && got.value == 0 ? EIO : got.error;
    if (error != 0) {
      Check(error);
    } else {
      const auto bytes = static_cast<std::size_t>(got.value);
      Check(shard_.writer().AddCopy({reinterpret_cast<const char*>(piece.data()), bytes}));
    }
  }
  DropPipe();
}

void RelaySession::LeaveSplice() noexcept {
  static_cast<void>(DrainPipe());
  DropPipe();
}

// What is still in it belongs to a message that is given up.
void RelaySession::DropPipe() noexcept {
  if (pipe_ == nullptr) return;
  shard_.GivePipe(*std::exchange(pipe_, nullptr));
  SetReading();
}

}  // namespace relay
