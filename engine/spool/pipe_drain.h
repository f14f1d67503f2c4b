// The other way into a slot's file: what lies in a pipe, moved by splice(2).
//
// Under SpoolWriter's rules: the message's limit, the budget of the disk, the slot's length, the
// same errors. Not every file system can (splice(2): EINVAL): then the pipe is read, and what it
// held is written. What the writer has pending for the slot must have been flushed. One thread.
#ifndef MILLRACE_ENGINE_SPOOL_PIPE_DRAIN_H_
#define MILLRACE_ENGINE_SPOOL_PIPE_DRAIN_H_

#include <cerrno>
#include <cstdint>

#include "engine/io/pipe.h"
#include "engine/spool/spool.h"

namespace engine {

// Appends all that is in `pipe` to `slot`, which is taken; `bytes_max`: of the whole message.
// Answers 0 with the pipe empty, or EFBIG, ENOSPC (the disk's or the budget's), EIO (also: no
// progress), whatever else the disk said; the pipe then holds what did not get there.
[[nodiscard]] int DrainPipe(Spool& spool,
                            SpoolSlot& slot,
                            Pipe& pipe,
                            std::uint64_t bytes_max) noexcept;

// Whether this answer of DrainPipe() says that the file system of the spool takes nothing from a
// pipe, whatever file it is: everything that is in the pipe has to be read and written.
constexpr bool CannotSplice(int error) noexcept {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_SPOOL_PIPE_DRAIN_H_
