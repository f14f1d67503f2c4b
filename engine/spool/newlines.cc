// The kernels of newlines.h, and the choice between them.
//
// SSSE3, 16 octets at a time:
//   drop = (v[i] == CR) & (v[i + 1] == LF)         one bit per octet, two loads
//   each half of 8: shuffled by kKeep[8 bits of drop], stored as 8 octets, out += 8 - popcount
// Compacting in place is safe because out <= in always, a store never reaches beyond the 16 octets
// that are in registers by then, and the second half is shuffled from its register. (Storing full
// 16-octet vectors after compaction and then loading the source again would read its own output.)
#include "engine/spool/newlines.h"

#include <cstring>

#include "engine/base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#endif

namespace engine {

std::size_t CompactPortable(char* bytes, std::size_t size) noexcept {
  const char* const end = bytes + size;
  char* out = bytes;
  const char* run = bytes;   // not moved yet from here on
  const char* scan = bytes;  // no CR known from here on
  for (;;) {
    const auto left = static_cast<std::size_t>(end - scan);
    const char* cr = left == 0 ? nullptr : static_cast<const char*>(std::memchr(scan, '\r', left));
    const bool drop = cr != nullptr && cr + 1 < end && cr[1] == '\n';
    if (cr != nullptr && !drop) {
      scan = cr + 1;
      continue;
    }
    const auto run_bytes = static_cast<std::size_t>((cr == nullptr ? end : cr) - run);
    if (out != run) std::memmove(out, run, run_bytes);
    out += run_bytes;
    if (cr == nullptr) return static_cast<std::size_t>(out - bytes);
    run = cr + 1;   // the LF begins the next run
    scan = cr + 2;  // and is no CR
  }
}

#if defined(__x86_64__)
namespace {

struct KeepTable {
  // For each set of octets to drop out of 8: the indices of those that stay, in order; then 0x80.
  alignas(64) std::array<std::array<std::uint8_t, 8>, 256> shuffle{};
  std::array<std::uint8_t, 256> kept{};
};

constexpr KeepTable MakeKeepTable() {
  KeepTable table;
  for (std::size_t drop = 0; drop < 256; ++drop) {
    std::uint8_t kept = 0;
    for (std::uint8_t i = 0; i < 8; ++i) {
      if (((drop >> i) & 1U) == 0) table.shuffle[drop][kept++] = i;
    }
    table.kept[drop] = kept;
    for (std::size_t i = kept; i < 8; ++i)
      table.shuffle[drop][i] = 0x80;
  }
  return table;
}

constexpr KeepTable kKeep = MakeKeepTable();

// What is shorter than a vector, octet by octet; answers the new end.
char* CompactTail(const char* in, const char* end, char* out) noexcept {
  for (; in < end; ++in) {
    if (*in == '\r' && in + 1 < end && in[1] == '\n') continue;
    *out++ = *in;
  }
  return out;
}

__attribute__((target("ssse3"))) char* StoreKept(__m128i half, unsigned drop, char* out) {
  const __m128i shuffle =
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kKeep.shuffle[drop].data()));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(half, shuffle));
  return out + kKeep.kept[drop];
}

}  // namespace

__attribute__((target("ssse3"))) std::size_t CompactSsse3(char* bytes, std::size_t size) noexcept {
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  const char* in = bytes;
  const char* const end = bytes + size;
  char* out = bytes;
  while (end - in >= 17) {
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    const __m128i next = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 1));
    const __m128i pair = _mm_and_si128(_mm_cmpeq_epi8(here, cr), _mm_cmpeq_epi8(next, lf));
    const auto drop = static_cast<unsigned>(_mm_movemask_epi8(pair));
    if (drop == 0) {
      if (out != in) _mm_storeu_si128(reinterpret_cast<__m128i*>(out), here);
      out += 16;
    } else {
      out = StoreKept(here, drop & 0xffU, out);
      out = StoreKept(_mm_srli_si128(here, 8), drop >> 8U, out);
    }
    in += 16;
  }
  return static_cast<std::size_t>(CompactTail(in, end, out) - bytes);
}

// 64 octets at a time, squeezed by one instruction. As above, a store ends at or before the octets
// that are in the register by then.
__attribute__((target("avx512vbmi2,avx512bw"))) std::size_t CompactVbmi2(
    char* bytes, std::size_t size) noexcept {
  const __m512i cr = _mm512_set1_epi8('\r');
  const __m512i lf = _mm512_set1_epi8('\n');
  const char* in = bytes;
  const char* const end = bytes + size;
  char* out = bytes;
  while (end - in >= 65) {
    const __m512i here = _mm512_loadu_si512(in);
    const std::uint64_t next_lf =
        (_mm512_cmpeq_epi8_mask(here, lf) >> 1U) | (std::uint64_t{in[64] == '\n'} << 63U);
    const std::uint64_t drop = _mm512_cmpeq_epi8_mask(here, cr) & next_lf;
    if (drop == 0) {
      if (out != in) _mm512_storeu_si512(out, here);
      out += 64;
    } else {
      _mm512_storeu_si512(out, _mm512_maskz_compress_epi8(~drop, here));
      out += 64 - __builtin_popcountll(drop);
    }
    in += 64;
  }
  return static_cast<std::size_t>(CompactTail(in, end, out) - bytes);
}

bool HasSsse3() noexcept {
  return __builtin_cpu_supports("ssse3") != 0;
}

bool HasVbmi2() noexcept {
  return __builtin_cpu_supports("avx512vbmi2") != 0 && __builtin_cpu_supports("avx512bw") != 0;
}
#else
std::size_t CompactSsse3(char* bytes, std::size_t size) noexcept {
  return CompactPortable(bytes, size);
}

std::size_t CompactVbmi2(char* bytes, std::size_t size) noexcept {
  return CompactPortable(bytes, size);
}

bool HasSsse3() noexcept {
  return false;
}

bool HasVbmi2() noexcept {
  return false;
}
#endif

NewlineKernel ChosenNewlineKernel() noexcept {
  if (HasVbmi2()) return NewlineKernel::kVbmi2;
  return HasSsse3() ? NewlineKernel::kSsse3 : NewlineKernel::kPortable;
}

NewlineConverter::Result NewlineConverter::Convert(Bytes piece) noexcept {
  static const NewlineKernel kChosen = ChosenNewlineKernel();
  return Convert(piece, kChosen);
}

NewlineConverter::Result NewlineConverter::Convert(Bytes piece, NewlineKernel kernel) noexcept {
  if (piece.empty()) return {false, piece};
  char* const text = reinterpret_cast<char*>(piece.data());
  const bool leading_cr = carry_ && text[0] != '\n';
  carry_ = text[piece.size() - 1] == '\r';
  std::size_t kept = 0;
  switch (kernel) {
    case NewlineKernel::kPortable: kept = CompactPortable(text, piece.size()); break;
    case NewlineKernel::kSsse3: kept = CompactSsse3(text, piece.size()); break;
    case NewlineKernel::kVbmi2: kept = CompactVbmi2(text, piece.size()); break;
  }
  ENGINE_CHECK(kept > 0 && kept <= piece.size());
  // A CR that ends the piece has no LF after it there, so it is the last octet that was kept.
  return {leading_cr, piece.first(carry_ ? kept - 1 : kept)};
}

}  // namespace engine
