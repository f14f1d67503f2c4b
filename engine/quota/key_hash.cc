// SipHash as its paper prints it, with one round per word of eight octets and three at the end.
#include "engine/quota/key_hash.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "engine/base/check.h"

namespace engine {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie");

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void Round() noexcept {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void Take(std::uint64_t word) noexcept {
    v3 ^= word;
    Round();
    v0 ^= word;
  }
};

}  // namespace

HashSecret DrawHashSecret() noexcept {
  HashSecret secret;
  ssize_t drawn = -1;
  do {
    drawn = ::getrandom(&secret, sizeof(secret), 0);
  } while (drawn < 0 && errno == EINTR);
  ENGINE_CHECK(drawn == sizeof(secret));  // up to 256 octets come whole, or not at all
  return secret;
}

std::uint64_t KeyedHash(const HashSecret& secret, ConstBytes bytes) noexcept {
  SipState state{0x736f6d6570736575U ^ secret.k0,
                 0x646f72616e646f6dU ^ secret.k1,
                 0x6c7967656e657261U ^ secret.k0,
                 0x7465646279746573U ^ secret.k1};
  const std::size_t total = bytes.size();
  for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof(word));
    state.Take(word);
  }
  std::uint64_t last = 0;
  if (!bytes.empty()) std::memcpy(&last, bytes.data(), bytes.size());
  state.Take(last | static_cast<std::uint64_t>(total) << 56U);
  state.v2 ^= 0xffU;
  for (int i = 0; i < 3; ++i)
    state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace engine
