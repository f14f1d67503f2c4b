// BLAKE2b-256 of a body.
#include "tools/trace/content_hash.h"

#include <sodium.h>

namespace trace {

// crypto_generichash() needs no sodium_init(): that only chooses a faster implementation, once.
ContentHash HashOf(std::string_view octets) noexcept {
  static const int kReady = ::sodium_init();
  static_cast<void>(kReady);
  ContentHash hash{};
  ::crypto_generichash(hash.data(),
                       hash.size(),
                       reinterpret_cast<const unsigned char*>(octets.data()),
                       octets.size(),
                       nullptr,
                       0);
  return hash;
}

std::string HashText(const ContentHash& hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : hash) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

}  // namespace trace
