// A few pipes of one shard, for bodies on their way from a socket to a file.
//
//   Take() -> [pipe, empty] -- the taker fills and empties it, over many turns --> Give()
//
// A pipe that comes back with bytes in it is thrown away: they belong to nobody any more, and the
// next taker must never meet them. Pipes are made when first asked for and kept. Limits: kPipesMax;
// where the system refuses one (descriptors; pipe-user-pages-soft, which shows as a pipe of a page
// or two), the next try is kTryAgainAfter later, and the taker does without. No heap. One thread.
#ifndef MILLRACE_ENGINE_IO_PIPE_POOL_H_
#define MILLRACE_ENGINE_IO_PIPE_POOL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/io/pipe.h"

namespace engine {

class PipePool {
 public:
  static constexpr std::size_t kPipesMax = 4;  // two descriptors and up to 1 MiB each
  static constexpr Time kTryAgainAfter = std::chrono::seconds(10);

  PipePool() noexcept = default;
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;
  virtual ~PipePool() = default;

  // nullptr: all are taken, or the system gives none.
  Pipe* Take(Time now) noexcept {
    for (std::size_t i = 0; i < kPipesMax; ++i) {
      if (taken_[i]) continue;
      if (pipes_[i] == nullptr && now >= next_try_) {
        pipes_[i] = Make(i);
        if (pipes_[i] == nullptr) {
          ++refusals_;
          next_try_ = now + kTryAgainAfter;
        }
      }
      if (pipes_[i] == nullptr) continue;
      taken_[i] = true;
      return pipes_[i];
    }
    return nullptr;
  }

  void Give(Pipe& pipe) noexcept {
    std::size_t i = 0;
    while (i < kPipesMax && pipes_[i] != &pipe)
      ++i;
    ENGINE_CHECK(i < kPipesMax && taken_[i]);
    taken_[i] = false;
    if (pipe.bytes() == 0) return;
    pipes_[i] = nullptr;
    Drop(i);
  }

  std::uint64_t refusals() const noexcept { return refusals_; }  // by the system
  std::size_t taken() const noexcept {
    std::size_t count = 0;
    for (const bool one : taken_)
      count += one ? 1 : 0;
    return count;
  }

 private:
  // The pipe of place `i`, empty; nullptr: refused.
  virtual Pipe* Make(std::size_t i) noexcept = 0;
  virtual void Drop(std::size_t i) noexcept = 0;

  std::array<Pipe*, kPipesMax> pipes_{};
  std::array<bool, kPipesMax> taken_{};
  std::uint64_t refusals_ = 0;
  Time next_try_ = Time::min();
};

class PosixPipePool final : public PipePool {
 public:
  // A smaller pipe gathers too little to be worth its calls.
  static constexpr std::size_t kCapacityMin = 256 * kKiB;

 private:
  Pipe* Make(std::size_t i) noexcept override {
    PosixPipe& pipe = pipes_[i].emplace();
    if (pipe.ok() && pipe.capacity() >= kCapacityMin) return &pipe;
    pipes_[i].reset();
    return nullptr;
  }
  void Drop(std::size_t i) noexcept override { pipes_[i].reset(); }

  std::array<std::optional<PosixPipe>, kPipesMax> pipes_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_PIPE_POOL_H_
