// SipHash-2-4 against the vectors of its authors.
#include "engine/quota/key_hash.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

#include <gtest/gtest.h>

namespace engine {
namespace {

// Octets 00 01 02 ... as input, key 00 .. 0f: vectors_sip64 of the reference implementation
// (github.com/veorq/SipHash), and the example of the paper's appendix A (15 octets).
constexpr HashSecret kReferenceKey{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};

std::uint64_t HashOfFirst(std::size_t count) {
  std::array<std::byte, 64> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i)
    octets[i] = static_cast<std::byte>(i);
  return KeyedHash(kReferenceKey, std::span(octets).first(count));
}

TEST(KeyHashTest, GivesTheReferenceVectors) {
  EXPECT_EQ(HashOfFirst(0), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(HashOfFirst(1), 0x74f839c593dc67fdU);
  EXPECT_EQ(HashOfFirst(2), 0x0d6c8009d9a94f5aU);
  EXPECT_EQ(HashOfFirst(3), 0x85676696d7fb7e2dU);
  EXPECT_EQ(HashOfFirst(7), 0xab0200f58b01d137U);
  EXPECT_EQ(HashOfFirst(8), 0x93f5f5799a932462U);
  EXPECT_EQ(HashOfFirst(15), 0xa129ca6149be45e5U);
  EXPECT_EQ(HashOfFirst(63), 0x958a324ceb064572U);
}

TEST(KeyHashTest, DependsOnEachHalfOfTheSecret) {
  const std::array<std::byte, 3> octets{};
  std::set<std::uint64_t> hashes;
  for (const HashSecret secret : {HashSecret{0, 0}, HashSecret{1, 0}, HashSecret{0, 1}})
    hashes.insert(KeyedHash(secret, octets));
  EXPECT_EQ(hashes.size(), 3U);
}

TEST(KeyHashTest, DrawsADifferentSecretEachTime) {
  const HashSecret a = DrawHashSecret();
  const HashSecret b = DrawHashSecret();
  EXPECT_TRUE(a.k0 != b.k0 || a.k1 != b.k1);
}

}  // namespace
}  // namespace engine
