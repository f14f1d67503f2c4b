// ENGINE_CHECK: an assertion that stays on in release builds.
//
// For our own bugs alone: a failed check prints file, line and condition to stderr and aborts.
// Input from a peer, a file or a command line never reaches one; it gets an error value with a
// name.
#ifndef MILLRACE_ENGINE_BASE_CHECK_H_
#define MILLRACE_ENGINE_BASE_CHECK_H_

namespace engine {

// Prints "file:line: check failed: condition" and aborts. Any thread.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition) noexcept;

// What a failed check does after it has printed `text` and before it aborts: once, in the failing
// thread; it must return. The last one set counts. Any thread.
using BeforeAbort = void (*)(void* context, const char* text) noexcept;
void SetBeforeAbort(BeforeAbort last, void* context) noexcept;
// Takes it back if it was set with this context.
void ClearBeforeAbort(void* context) noexcept;

}  // namespace engine

#define ENGINE_CHECK(condition)                              \
  do {                                                       \
    if (!(condition)) [[unlikely]] {                         \
      ::engine::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                        \
  } while (false)

#endif  // MILLRACE_ENGINE_BASE_CHECK_H_
