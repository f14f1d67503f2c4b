// Splits a milter byte stream into packets.
//
// Wire:   +---------+-----+---------------+     length counts command + payload, big-endian.
//         | len:u32 | cmd | payload       |     0 is an error (Postfix agrees, libmilter hangs).
//         +---------+-----+---------------+
// A packet that lies whole in the bytes fed is a view of them. One that came split is gathered in a
// pool block, which grows with the bytes that really came (a length alone costs nothing). BODY and
// end-of-message payloads are never gathered: they come out in pieces.
// Source: sendmail-8.17.1.9 libmilter/comm.c mi_rd_cmd(); Postfix src/milter/milter8.c.
// Limit:  the payload cap given, 65535 unless a listener says otherwise.
// No sockets, no clock, no heap: callers own the bytes they feed.
#ifndef MILLRACE_MILTER_PACKET_READER_H_
#define MILLRACE_MILTER_PACKET_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/block_pool.h"
#include "engine/base/units.h"
#include "milter/wire.h"

namespace milter {

enum class ReadResult : std::uint8_t {
  kNeedMore,
  kPacket,  // a whole packet
  kPiece,   // a piece of a BODY or end-of-message payload; `last` ends the packet
  kLengthZero,
  kLengthTooLong,
  kUnknownCommand,
  kNoMemory,  // the pool had no block for a split packet
};

struct Packet {
  ReadResult result = ReadResult::kNeedMore;
  std::uint8_t command = 0;  // raw: for kUnknownCommand no Command
  bool last = true;          // kPiece: the packet ends with this piece
  engine::Bytes payload;     // valid until the next Next() or Feed()
};

class PacketReader {
 public:
  PacketReader(engine::BlockPool& pool, std::uint32_t payload_bytes_max) noexcept
      : pool_(&pool), payload_bytes_max_(payload_bytes_max) {}
  ~PacketReader() { DropBlock(); }
  PacketReader(const PacketReader&) = delete;
  PacketReader& operator=(const PacketReader&) = delete;

  // Earlier bytes must have been read to kNeedMore, or taken back by TakeUnread(). `bytes` must
  // stay valid until then.
  void Feed(engine::Bytes bytes) noexcept;

  // At most one packet or piece. After an error it answers the same error again.
  [[nodiscard]] Packet Next() noexcept;

  // What was fed and not read; the reader forgets it, and the caller feeds it again later.
  engine::Bytes TakeUnread() noexcept;

  // For a caller that moves body octets without having them fed (splice(2)). What comes next on the
  // stream: octets of a head, or of the payload of a packet of this command. 0 where something else
  // comes, where octets that were fed wait to be read, and after an error.
  std::uint32_t head_bytes_ahead() const noexcept;
  std::uint32_t payload_bytes_ahead(Command command) const noexcept;
  // 1 .. payload_bytes_ahead(kBody) octets of the stream were taken elsewhere: their piece, without
  // payload.
  Packet BodyTaken(std::uint32_t bytes) noexcept;

  // A packet has begun and has not ended; its command if that byte has come, else 0.
  bool half_packet() const noexcept { return head_used_ != 0; }
  std::uint8_t half_command() const noexcept;

 private:
  ReadResult ReadHead() noexcept;
  Packet ReadPiece() noexcept;
  Packet ReadWhole() noexcept;
  bool Gather(engine::Bytes bytes) noexcept;
  void DropBlock() noexcept;
  void EndPacket() noexcept;

  engine::BlockPool* pool_;
  engine::Bytes input_;
  engine::Bytes block_;  // gathers a split packet; empty when none is needed
  std::uint32_t block_used_ = 0;
  std::uint32_t payload_left_ = 0;  // bytes of the current payload that have not come
  std::uint32_t payload_bytes_max_;
  std::array<std::byte, kPacketHeadBytes> head_{};
  std::uint8_t head_used_ = 0;
  bool payload_begun_ = false;
  bool block_lent_ = false;  // the last packet's payload is in block_
  ReadResult failed_ = ReadResult::kNeedMore;
};

}  // namespace milter

#endif  // MILLRACE_MILTER_PACKET_READER_H_
