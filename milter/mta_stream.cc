// The mail server's outgoing bytes, with its write buffer.
#include "milter/mta_stream.h"

#include <algorithm>
#include <cstring>

namespace milter {

void MtaStream::Begin(Command command) {
  Settle();
  begin_ = text_.size();
  text_.append(kLengthBytes, '\0');
  text_ += static_cast<char>(command);
}

void MtaStream::PutU16(std::uint16_t value) {
  text_ += static_cast<char>(value >> 8);
  text_ += static_cast<char>(value & 0xFF);
}

void MtaStream::PutU32(std::uint32_t value) {
  PutU16(static_cast<std::uint16_t>(value >> 16));
  PutU16(static_cast<std::uint16_t>(value & 0xFFFF));
}

void MtaStream::End() {
  const std::size_t length = text_.size() - begin_ - kLengthBytes;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    text_[begin_ + i] = static_cast<char>((length >> (8 * (kLengthBytes - 1 - i))) & 0xFF);
  }
  Count(text_.size() - begin_);
}

void MtaStream::PacketOfView(Command command, std::string_view payload) {
  Begin(command);
  const std::size_t length = payload.size() + 1;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    text_[begin_ + i] = static_cast<char>((length >> (8 * (kLengthBytes - 1 - i))) & 0xFF);
  }
  view_ = payload;
  Count(kPacketHeadBytes + payload.size());
}

void MtaStream::Flush() noexcept {
  available_ += held_;
  held_ = 0;
}

std::size_t MtaStream::Fill(engine::Bytes to) {
  const std::size_t wanted = std::min(to.size(), available_);
  const std::size_t from_text = std::min(wanted, text_.size() - text_at_);
  if (from_text != 0) std::memcpy(to.data(), text_.data() + text_at_, from_text);
  text_at_ += from_text;
  const std::size_t from_view = wanted - from_text;
  if (from_view != 0) std::memcpy(to.data() + from_text, view_.data(), from_view);
  view_.remove_prefix(from_view);
  available_ -= wanted;
  if (text_at_ == text_.size()) {
    text_.clear();
    text_at_ = 0;
  }
  return wanted;
}

// A view must be the last thing in the queue: what a new packet follows is copied (below one
// buffer, for packets are made only when nothing is available any more).
void MtaStream::Settle() {
  if (view_.empty()) return;
  text_ += view_;
  view_ = {};
}

void MtaStream::Count(std::size_t bytes) noexcept {
  held_ += bytes;
  if (held_ < buffer_bytes_) return;
  const std::size_t kept = buffer_bytes_ == 0 ? 0 : held_ % buffer_bytes_;
  available_ += held_ - kept;
  held_ = kept;
}

}  // namespace milter
