// SipHash-1-3: a hash with a secret, for tables whose keys come from outside.
//
// Without the secret nobody can choose keys that meet in one place of a table. It is drawn at
// start, lives as long as the process, and is never written anywhere.
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012). One round per word and
// three at the end, as Rust's and Python's tables have it: the authors' choice where the output
// stays secret. Python's hash of the same octets is in the test. 64 bits: good for tables, not for
// naming contents.
#ifndef MILLRACE_ENGINE_QUOTA_KEY_HASH_H_
#define MILLRACE_ENGINE_QUOTA_KEY_HASH_H_

#include <cstdint>

#include "engine/base/units.h"

namespace engine {

// 16 random octets, as two little-endian words.
struct HashSecret {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

// From getrandom(2). At start: it may wait until the kernel's generator is seeded.
HashSecret DrawHashSecret() noexcept;

// Any thread. No allocation.
std::uint64_t KeyedHash(const HashSecret& secret, ConstBytes bytes) noexcept;

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_KEY_HASH_H_
