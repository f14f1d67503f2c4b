// Turns CRLF into LF, in place, piece by piece.
//
//   in:   "a" CR LF "b" CR CR LF CR "c" LF      out:  "a" LF "b" CR LF CR "c" LF
//
// Only the CR right before an LF goes; every other octet stays. A CR at the end of a piece is held
// back until the next octet is known; when it stays, it has to be written before that piece, in
// front of which there is no room: the caller gathers it (`leading_cr`). Finish() gives the CR that
// ends the whole text.
// Three kernels with the same answers, chosen at run time by what the processor has: AVX-512 VBMI2
// (one instruction squeezes 64 octets), SSSE3 table compaction, and memchr with memmove. Measured
// in place, 64 KiB, 78 octets a line: 36, 65 and 79 ns/KiB (docs/adr/016). No state but the held
// CR; no heap, no limits of its own.
#ifndef MILLRACE_ENGINE_SPOOL_NEWLINES_H_
#define MILLRACE_ENGINE_SPOOL_NEWLINES_H_

#include <cstddef>
#include <cstdint>

#include "engine/base/units.h"

namespace engine {

enum class NewlineKernel : std::uint8_t { kPortable, kSsse3, kVbmi2 };

class NewlineConverter {
 public:
  struct Result {
    bool leading_cr;  // write one CR (kCarriageReturn) first
    Bytes rest;       // then this: the front part of the piece, maybe empty
  };
  static constexpr char kCarriageReturn = '\r';

  // Converts the next piece in place, with the best kernel that the processor has.
  Result Convert(Bytes piece) noexcept;
  // The same with this kernel, which the processor must have: for tests.
  Result Convert(Bytes piece, NewlineKernel kernel) noexcept;

  // The text is complete: true when it ended with a CR that was held back, to be written now. Ready
  // for the next text.
  bool Finish() noexcept {
    const bool held = carry_;
    carry_ = false;
    return held;
  }

  bool carry() const noexcept { return carry_; }

 private:
  bool carry_ = false;
};

// The kernels, for tests and benchmarks: remove each CR that is followed by an LF within
// `bytes[0, size)`, in place; answer the new size. Whether a CR at the very end stays is the
// caller's business; here it does.
std::size_t CompactPortable(char* bytes, std::size_t size) noexcept;
std::size_t CompactSsse3(char* bytes, std::size_t size) noexcept;  // only if HasSsse3()
std::size_t CompactVbmi2(char* bytes, std::size_t size) noexcept;  // only if HasVbmi2()
bool HasSsse3() noexcept;
bool HasVbmi2() noexcept;  // AVX-512 VBMI2 and BW
NewlineKernel ChosenNewlineKernel() noexcept;

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_NEWLINES_H_
