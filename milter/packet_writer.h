// Builds packets in a caller's buffer, or only counts what they would take.
//
// Wire:   len:u32 (command + payload, big-endian), command:u8, payload. See wire.h.
// A packet appears whole or not at all: Begin(), any Put...(), End(). After one did not fit, later
// ones are only counted, so that packets never change their order. No heap.
#ifndef MILLRACE_MILTER_PACKET_WRITER_H_
#define MILLRACE_MILTER_PACKET_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/units.h"
#include "milter/wire.h"

namespace milter {

class PacketWriter {
 public:
  explicit PacketWriter(engine::Bytes to) noexcept : to_(to) {}

  void Begin(std::uint8_t command) noexcept;
  void PutByte(std::uint8_t value) noexcept;
  void PutU16(std::uint16_t value) noexcept;
  void PutU32(std::uint32_t value) noexcept;
  void Put(std::string_view bytes) noexcept;
  void PutString(std::string_view text) noexcept;  // and a NUL
  // Ends the packet. False, and nothing is left of it, when its payload is over kPayloadMaxBytes.
  bool End() noexcept;

  std::size_t written() const noexcept { return written_; }
  std::size_t needed() const noexcept { return needed_; }
  bool full() const noexcept { return full_; }

 private:
  bool fits() const noexcept { return !full_ && written_ + packet_bytes_ <= to_.size(); }

  engine::Bytes to_;
  std::size_t written_ = 0;       // whole packets in to_
  std::size_t needed_ = 0;        // whole packets, fitting or not
  std::size_t packet_bytes_ = 0;  // of the packet begun; 0 outside of one
  bool full_ = false;
};

}  // namespace milter

#endif  // MILLRACE_MILTER_PACKET_WRITER_H_
