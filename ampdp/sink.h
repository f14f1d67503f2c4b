// Two ways to run the same writing code: count its octets, then write them into exactly that room.
//
//   template <typename Sink> void Put(Sink& sink, ...);   CountingSink first, then WritingSink
//
// For request_writer.cc and reply_writer.cc alone; no heap, the room is the caller's.
#ifndef MILLRACE_AMPDP_SINK_H_
#define MILLRACE_AMPDP_SINK_H_

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ampdp/attribute.h"
#include "engine/base/check.h"

namespace ampdp {

template <Coding kCoding>
class CountingSink {
 public:
  void Raw(std::string_view text) noexcept { bytes_ += text.size(); }
  void Encoded(std::string_view text) noexcept { bytes_ += EncodedBytes(text, kCoding); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

template <Coding kCoding>
class WritingSink {
 public:
  explicit WritingSink(std::span<char> to) noexcept : to_(to.data()), limit_(to_ + to.size()) {}
  void Raw(std::string_view text) noexcept {
    ENGINE_CHECK(text.size() <= room());
    to_ = std::copy(text.begin(), text.end(), to_);
  }
  void Encoded(std::string_view text) noexcept {
    // Counted only where the worst case might not fit.
    ENGINE_CHECK(kEncodedOctetBytesMax * text.size() <= room() ||
                 EncodedBytes(text, kCoding) <= room());
    to_ = Encode(text, kCoding, to_);
  }
  const char* end() const noexcept { return to_; }

 private:
  std::size_t room() const noexcept { return static_cast<std::size_t>(limit_ - to_); }

  char* to_;
  char* limit_;
};

// A number in decimal; the text lives as long as the object.
class Decimal {
 public:
  explicit Decimal(std::uint32_t number) noexcept
      : end_(std::to_chars(digits_, digits_ + sizeof(digits_), number).ptr) {}
  Decimal(const Decimal&) = delete;
  Decimal& operator=(const Decimal&) = delete;
  std::string_view text() const noexcept {
    return {digits_, static_cast<std::size_t>(end_ - digits_)};
  }

 private:
  char digits_[10] = {};
  const char* end_;
};

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_SINK_H_
