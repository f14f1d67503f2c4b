// Splits a milter byte stream into packets: head, views, gathering.
#include "milter/packet_reader.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace milter {
namespace {

// A split packet's first block: most envelope packets and macro sets are below it.
constexpr std::size_t kFirstBlockBytes = 256;

bool ComesInPieces(std::uint8_t command) noexcept {
  return command == static_cast<std::uint8_t>(Command::kBody) ||
         command == static_cast<std::uint8_t>(Command::kEndOfMessage);
}

}  // namespace

void PacketReader::Feed(engine::Bytes bytes) noexcept {
  ENGINE_CHECK(input_.empty());
  input_ = bytes;
}

Packet PacketReader::Next() noexcept {
  if (block_lent_) DropBlock();
  if (failed_ == ReadResult::kNeedMore && head_used_ < kPacketHeadBytes) {
    const ReadResult head = ReadHead();
    if (head == ReadResult::kNeedMore) return {};
    if (head != ReadResult::kPacket) failed_ = head;
  }
  if (failed_ != ReadResult::kNeedMore) {
    return {.result = failed_, .command = half_command(), .last = true, .payload = {}};
  }
  return ComesInPieces(half_command()) ? ReadPiece() : ReadWhole();
}

engine::Bytes PacketReader::TakeUnread() noexcept {
  const engine::Bytes unread = input_;
  input_ = {};
  return unread;
}

std::uint8_t PacketReader::half_command() const noexcept {
  return head_used_ == kPacketHeadBytes ? std::to_integer<std::uint8_t>(head_[kLengthBytes]) : 0;
}

std::uint32_t PacketReader::head_bytes_ahead() const noexcept {
  const bool next = input_.empty() && failed_ == ReadResult::kNeedMore;
  return next ? static_cast<std::uint32_t>(kPacketHeadBytes - head_used_) : 0;
}

std::uint32_t PacketReader::payload_bytes_ahead(Command command) const noexcept {
  const bool next = input_.empty() && failed_ == ReadResult::kNeedMore &&
                    half_command() == static_cast<std::uint8_t>(command);
  return next ? payload_left_ : 0;
}

Packet PacketReader::BodyTaken(std::uint32_t bytes) noexcept {
  ENGINE_CHECK(bytes > 0 && bytes <= payload_bytes_ahead(Command::kBody));
  payload_left_ -= bytes;
  payload_begun_ = true;
  const Packet packet{.result = ReadResult::kPiece,
                      .command = half_command(),
                      .last = payload_left_ == 0,
                      .payload = {}};
  if (packet.last) EndPacket();
  return packet;
}

// kPacket: the head is whole and sound. The length is judged before the command byte comes.
ReadResult PacketReader::ReadHead() noexcept {
  if (head_used_ == 0 && input_.size() >= kPacketHeadBytes) {  // almost always: of fixed length
    std::memcpy(head_.data(), input_.data(), kPacketHeadBytes);
    input_ = input_.subspan(kPacketHeadBytes);
    head_used_ = kPacketHeadBytes;
  } else {
    const std::size_t take = std::min(input_.size(), kPacketHeadBytes - head_used_);
    if (take == 0) return ReadResult::kNeedMore;
    std::memcpy(head_.data() + head_used_, input_.data(), take);
    input_ = input_.subspan(take);
    head_used_ = static_cast<std::uint8_t>(head_used_ + take);
  }
  if (head_used_ < kLengthBytes) return ReadResult::kNeedMore;
  static_assert(kLengthBytes == 4);
  const auto octet = [this](std::size_t i) { return std::to_integer<std::uint32_t>(head_[i]); };
  const std::uint32_t length = octet(0) << 24 | octet(1) << 16 | octet(2) << 8 | octet(3);
  if (length == 0) return ReadResult::kLengthZero;
  if (length - 1 > payload_bytes_max_) return ReadResult::kLengthTooLong;
  if (head_used_ < kPacketHeadBytes) return ReadResult::kNeedMore;
  if (!IsCommand(half_command())) return ReadResult::kUnknownCommand;
  payload_left_ = length - 1;
  payload_begun_ = false;
  return ReadResult::kPacket;
}

Packet PacketReader::ReadPiece() noexcept {
  const bool empty_packet = payload_left_ == 0 && !payload_begun_;
  if (input_.empty() && !empty_packet) return {};
  Packet packet{
      .result = ReadResult::kPiece, .command = half_command(), .last = true, .payload = {}};
  const std::size_t take = std::min<std::size_t>(input_.size(), payload_left_);
  packet.payload = input_.first(take);
  input_ = input_.subspan(take);
  payload_left_ -= static_cast<std::uint32_t>(take);
  payload_begun_ = true;
  packet.last = payload_left_ == 0;
  if (packet.last) EndPacket();
  return packet;
}

Packet PacketReader::ReadWhole() noexcept {
  Packet packet{
      .result = ReadResult::kPacket, .command = half_command(), .last = true, .payload = {}};
  if (block_used_ == 0 && input_.size() >= payload_left_) {
    packet.payload = input_.first(payload_left_);
    input_ = input_.subspan(payload_left_);
    EndPacket();
    return packet;
  }
  const std::size_t take = std::min<std::size_t>(input_.size(), payload_left_);
  if (take == 0) return {};
  if (!Gather(input_.first(take))) {
    failed_ = ReadResult::kNoMemory;
    return {.result = failed_, .command = half_command(), .last = true, .payload = {}};
  }
  input_ = input_.subspan(take);
  if (payload_left_ != 0) return {};
  packet.payload = block_.first(block_used_);
  block_lent_ = true;
  EndPacket();
  return packet;
}

// The pool rounds up to powers of two, so growing by what came is growing by doubling.
bool PacketReader::Gather(engine::Bytes bytes) noexcept {
  const std::size_t wanted = block_used_ + bytes.size();
  if (wanted > block_.size()) {
    const std::size_t whole = block_used_ + payload_left_;
    const engine::Bytes larger = pool_->Take(std::max(wanted, std::min(whole, kFirstBlockBytes)));
    if (larger.empty()) return false;
    if (block_used_ != 0) std::memcpy(larger.data(), block_.data(), block_used_);
    pool_->Give(block_);
    block_ = larger;
  }
  std::memcpy(block_.data() + block_used_, bytes.data(), bytes.size());
  block_used_ = static_cast<std::uint32_t>(wanted);
  payload_left_ -= static_cast<std::uint32_t>(bytes.size());
  return true;
}

void PacketReader::DropBlock() noexcept {
  pool_->Give(block_);
  block_ = {};
  block_used_ = 0;
  block_lent_ = false;
}

void PacketReader::EndPacket() noexcept {
  head_used_ = 0;
}

}  // namespace milter
