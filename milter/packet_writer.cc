// Builds packets in a caller's buffer: bounds are checked here and nowhere else.
#include "milter/packet_writer.h"

#include <array>
#include <cstring>

#include "engine/base/check.h"

namespace milter {

void PacketWriter::Begin(std::uint8_t command) noexcept {
  ENGINE_CHECK(packet_bytes_ == 0);
  packet_bytes_ = kLengthBytes;
  PutByte(command);
}

void PacketWriter::PutByte(std::uint8_t value) noexcept {
  ENGINE_CHECK(packet_bytes_ != 0);
  packet_bytes_ += 1;
  if (fits()) to_[written_ + packet_bytes_ - 1] = static_cast<std::byte>(value);
}

void PacketWriter::PutU16(std::uint16_t value) noexcept {
  const std::array<char, 2> octets = {static_cast<char>(value >> 8),
                                      static_cast<char>(value & 0xFF)};
  Put({octets.data(), octets.size()});
}

void PacketWriter::PutU32(std::uint32_t value) noexcept {
  const std::array<char, 4> octets = {static_cast<char>(value >> 24),
                                      static_cast<char>(value >> 16 & 0xFF),
                                      static_cast<char>(value >> 8 & 0xFF),
                                      static_cast<char>(value & 0xFF)};
  Put({octets.data(), octets.size()});
}

void PacketWriter::Put(std::string_view bytes) noexcept {
  ENGINE_CHECK(packet_bytes_ != 0);
  if (bytes.empty()) return;
  const std::size_t at = written_ + packet_bytes_;
  packet_bytes_ += bytes.size();
  if (fits()) std::memcpy(to_.data() + at, bytes.data(), bytes.size());
}

void PacketWriter::PutString(std::string_view text) noexcept {
  Put(text);
  PutByte(0);
}

bool PacketWriter::End() noexcept {
  ENGINE_CHECK(packet_bytes_ >= kPacketHeadBytes);
  const bool sendable = packet_bytes_ - kPacketHeadBytes <= kPayloadMaxBytes;
  if (sendable) {
    needed_ += packet_bytes_;
    if (fits()) {
      const std::size_t length = packet_bytes_ - kLengthBytes;
      for (std::size_t i = 0; i < kLengthBytes; ++i) {
        to_[written_ + i] = static_cast<std::byte>((length >> (8 * (kLengthBytes - 1 - i))) & 0xFF);
      }
      written_ += packet_bytes_;
    } else {
      full_ = true;
    }
  }
  packet_bytes_ = 0;
  return sendable;
}

}  // namespace milter
