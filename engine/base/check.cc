// The failure path of ENGINE_CHECK.
#include "engine/base/check.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace engine {
namespace {

constexpr std::size_t kTextBytes = 512;

std::atomic<BeforeAbort> before_abort{nullptr};
std::atomic<void*> before_abort_context{nullptr};

}  // namespace

void SetBeforeAbort(BeforeAbort last, void* context) noexcept {
  before_abort.store(nullptr);
  before_abort_context.store(context);
  before_abort.store(last);
}

void ClearBeforeAbort(void* context) noexcept {
  if (before_abort_context.load() == context) before_abort.store(nullptr);
}

void CheckFailed(const char* file, int line, const char* condition) noexcept {
  std::array<char, kTextBytes> text{};
  std::snprintf(text.data(), text.size(), "%s:%d: check failed: %s", file, line, condition);
  std::fprintf(stderr, "%s\n", text.data());
  if (const BeforeAbort last = before_abort.exchange(nullptr); last != nullptr)
    last(before_abort_context.load(), text.data());
  std::abort();
}

}  // namespace engine
