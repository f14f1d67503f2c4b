// The failure path of ENGINE_CHECK.
#include "engine/base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace engine {
namespace {

std::atomic<void (*)(void*) noexcept> before_abort{nullptr};
std::atomic<void*> before_abort_context{nullptr};

}  // namespace

void SetBeforeAbort(void (*last)(void* context) noexcept, void* context) noexcept {
  before_abort.store(nullptr);
  before_abort_context.store(context);
  before_abort.store(last);
}

void ClearBeforeAbort(void* context) noexcept {
  if (before_abort_context.load() == context) before_abort.store(nullptr);
}

void CheckFailed(const char* file, int line, const char* condition) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  if (auto* const last = before_abort.exchange(nullptr); last != nullptr)
    last(before_abort_context.load());
  std::abort();
}

}  // namespace engine
