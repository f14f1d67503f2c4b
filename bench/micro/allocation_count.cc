// The counting allocator: in front of glibc's, by the names that glibc gives its own; or the
// sanitizers' hook.
#include "bench/micro/allocation_count.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "engine/base/check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MILLRACE_SANITIZER_ALLOCATES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MILLRACE_SANITIZER_ALLOCATES 1
#endif
#endif

namespace {

constinit std::atomic<std::uint64_t> all{0};
// Reached without a call that could itself allocate.
[[gnu::tls_model("initial-exec")]] constinit thread_local std::uint64_t of_thread = 0;

void Count() noexcept {
  all.fetch_add(1, std::memory_order_relaxed);
  ++of_thread;
}

}  // namespace

#ifdef MILLRACE_SANITIZER_ALLOCATES

// As <sanitizer/allocator_interface.h> has it, which not every compiler installs.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*,
                                                                             std::size_t),
                                                         void (*free_hook)(const volatile void*));

namespace {

[[gnu::constructor]] void InstallHook() {
  const int installed = __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, std::size_t) { Count(); }, [](const volatile void*) {});
  ENGINE_CHECK(installed > 0);
}

}  // namespace

#else

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void* __libc_valloc(std::size_t size);
void* __libc_pvalloc(std::size_t size);

void* malloc(std::size_t size) noexcept {
  Count();
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  Count();
  return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) noexcept {
  Count();
  return __libc_realloc(old, size);
}

void* reallocarray(void* old, std::size_t count, std::size_t size) noexcept {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return realloc(old, bytes);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  Count();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  Count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** to, std::size_t alignment, std::size_t size) noexcept {
  Count();
  void* made = __libc_memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *to = made;
  return 0;
}

void* valloc(std::size_t size) noexcept {
  Count();
  return __libc_valloc(size);
}

void* pvalloc(std::size_t size) noexcept {
  Count();
  return __libc_pvalloc(size);
}

}  // extern "C"

#endif  // MILLRACE_SANITIZER_ALLOCATES

namespace bench {

std::uint64_t AllAllocations() noexcept {
  return all.load(std::memory_order_relaxed);
}

std::uint64_t ThreadAllocations() noexcept {
  return of_thread;
}

}  // namespace bench
