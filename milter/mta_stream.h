// The mail server's outgoing bytes, with its write buffer.
//
//   packets --> [ text ][ view of a body chunk ] --> Fill()
//               |<- available ->|<- held back ->|
// Postfix's stream hands bytes to the socket when its buffer (4 KiB and more) is full, or when it
// must read a reply; so packets arrive in bursts and are cut anywhere. Sendmail writes each packet
// at once: buffer size 0. Source: Postfix vstream.c and milter8.c; sendmail/milter.c
// milter_write(). Body chunks are never copied whole. It allocates (one string, kept).
#ifndef MILLRACE_MILTER_MTA_STREAM_H_
#define MILLRACE_MILTER_MTA_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/units.h"
#include "milter/wire.h"

namespace milter {

class MtaStream {
 public:
  explicit MtaStream(std::size_t buffer_bytes) : buffer_bytes_(buffer_bytes) {}

  void Begin(Command command);
  void PutByte(char value) { text_ += value; }
  void PutU16(std::uint16_t value);
  void PutU32(std::uint32_t value);
  void Put(std::string_view bytes) { text_ += bytes; }
  void PutString(std::string_view text) { text_.append(text) += '\0'; }
  // Payload bytes of the packet begun.
  std::size_t payload_bytes() const noexcept { return text_.size() - begin_ - kPacketHeadBytes; }
  void TruncatePayload(std::size_t bytes) { text_.resize(begin_ + kPacketHeadBytes + bytes); }
  void End();

  // A whole packet whose payload stays where it is until Fill() has taken it.
  void PacketOfView(Command command, std::string_view payload);

  // Everything held back becomes available.
  void Flush() noexcept;
  // Copies available bytes; answers how many.
  std::size_t Fill(engine::Bytes to);
  std::size_t available() const noexcept { return available_; }
  std::size_t held() const noexcept { return held_; }

 private:
  void Settle();
  void Count(std::size_t bytes) noexcept;

  std::size_t buffer_bytes_;
  std::string text_;
  std::size_t text_at_ = 0;  // bytes of text_ that Fill() has taken
  std::string_view view_;    // follows text_
  std::size_t begin_ = 0;
  std::size_t available_ = 0;
  std::size_t held_ = 0;
};

}  // namespace milter

#endif  // MILLRACE_MILTER_MTA_STREAM_H_
