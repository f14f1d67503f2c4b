// Codes attribute values: %xx for what may not stand for itself, in the two ways the two ends do.
//
//   client (requests):  all but [A-Za-z0-9_-] as %xx            <a@b.c>  ->  %3ca%40b%2ec%3e
//   server (replies):   all but 0x21-0x24, 0x26-0x7e as %xx     Ok, id=1 ->  Ok,%20id=1
//
// Source: amavisd 2.13 Util.pm proto_encode(), proto_decode(); requests of amavisd-milter 1.7.2 in
//         tests/golden/ampdp. Written in lower-case hex; upper and lower case are read.
// A decoded value may hold any octet, NUL and line ends too: hostile until checked.
// amavisd lets "%" without two hex digits stand as it is; here it is an error, for no encoder
// writes one.
#ifndef MILLRACE_AMPDP_ATTRIBUTE_H_
#define MILLRACE_AMPDP_ATTRIBUTE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ampdp {

enum class Coding : std::uint8_t { kClient, kServer };

inline constexpr std::size_t kEncodedOctetBytesMax = 3;

// The exact length of `text` encoded.
[[nodiscard]] std::size_t EncodedBytes(std::string_view text, Coding coding) noexcept;

// Writes `text` encoded to `to`, which has room for EncodedBytes(). Returns the end of it.
char* Encode(std::string_view text, Coding coding, char* to) noexcept;

// What DecodeInPlace() found. `bad_at` is the offset of the first broken escape in the text as it
// was, kAllGood when there is none; with one, the text is left half decoded.
struct Decoded {
  static constexpr std::size_t kAllGood = SIZE_MAX;
  std::string_view text{};
  std::size_t bad_at = kAllGood;
  bool ok() const noexcept { return bad_at == kAllGood; }
};

// Decodes within `encoded`; the result is the front part of it.
[[nodiscard]] Decoded DecodeInPlace(std::span<char> encoded) noexcept;

// Reads a decimal number of 1 to 10 digits and nothing else; false above `max`.
[[nodiscard]] bool ParseNumber(std::string_view text,
                               std::uint32_t max,
                               std::uint32_t* number) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_ATTRIBUTE_H_
