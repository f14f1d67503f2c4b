// See pipe_drain.h.
#include "engine/spool/pipe_drain.h"

#include <cerrno>

#include "engine/base/check.h"

namespace engine {

int DrainPipe(Spool& spool, SpoolSlot& slot, Pipe& pipe, std::uint64_t bytes_max) noexcept {
  constexpr int kInterruptsMax = 100;
  ENGINE_CHECK(slot.state() == SpoolSlot::State::kTaken && slot.file() >= 0);
  if (slot.length() > bytes_max || pipe.bytes() > bytes_max - slot.length()) return EFBIG;
  if (pipe.bytes() > 0 && !spool.budget().Spend(pipe.bytes())) return ENOSPC;
  int interrupts = 0;
  while (pipe.bytes() > 0) {
    const std::size_t before = pipe.bytes();
    const IoResult result = spool.disk().SpliceFrom(pipe, slot.file(), slot.length(), before);
    if (result.error == EINTR && ++interrupts <= kInterruptsMax) continue;
    if (!result.ok()) return result.error;
    const auto moved = static_cast<std::size_t>(result.value);
    if (moved == 0 || moved > before) return EIO;
    slot.Advance(moved);
  }
  return 0;
}

}  // namespace engine
