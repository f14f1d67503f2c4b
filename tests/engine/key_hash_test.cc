// SipHash-1-3 against another implementation.
#include "engine/quota/key_hash.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

#include <gtest/gtest.h>

namespace engine {
namespace {

// Octets 00 01 02 ... as input, a secret of zeros: what CPython 3.11 answers to
//     PYTHONHASHSEED=0 python3 -c 'print(hex(hash(bytes(range(N))) & 0xffffffffffffffff))'
// (sys.hash_info.algorithm is "siphash13").
std::uint64_t HashOfFirst(std::size_t count) {
  std::array<std::byte, 64> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i)
    octets[i] = static_cast<std::byte>(i);
  return KeyedHash({}, std::span(octets).first(count));
}

TEST(KeyHashTest, GivesWhatCPythonGives) {
  EXPECT_EQ(HashOfFirst(1), 0x68a914128e01e473U);
  EXPECT_EQ(HashOfFirst(2), 0x010bac45c41e3669U);
  EXPECT_EQ(HashOfFirst(3), 0x4d4c9a4a8ef6e0adU);
  EXPECT_EQ(HashOfFirst(7), 0x2f098ab0c751325aU);
  EXPECT_EQ(HashOfFirst(8), 0xead411e67ebe2eeaU);
  EXPECT_EQ(HashOfFirst(15), 0xf30eb725bb91c9eaU);
  EXPECT_EQ(HashOfFirst(24), 0x31185a47af932f3aU);
  EXPECT_EQ(HashOfFirst(63), 0x385d3e39e5f37359U);
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
