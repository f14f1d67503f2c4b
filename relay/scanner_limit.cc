// Additive increase, multiplicative decrease, over one packed word.
#include "relay/scanner_limit.h"

#include <algorithm>
#include <bit>

namespace relay {
namespace {

using engine::Time;

//   word:  | limit: 15 | mean: 15 | lowest: 15 | seen: 6 | hold: 7 | age: 6 |
constexpr unsigned kLimitBits = 15;
constexpr unsigned kTimeBits = 15;
constexpr unsigned kSeenBits = 6;
constexpr unsigned kHoldBits = 7;
constexpr unsigned kAgeBits = 6;
static_assert(kLimitBits + 2 * kTimeBits + kSeenBits + kHoldBits + kAgeBits == 64);
static_assert(LearntLimit::kLearntMax * LearntLimit::kOne < (1U << kLimitBits));
static_assert((1 + std::bit_width(LearntLimit::kTimeMax)) * LearntLimit::kTwice <=
              (1U << kTimeBits));
static_assert(LearntLimit::kMeanOver <= (1U << kSeenBits));
static_assert(LearntLimit::kMeanOver <= LearntLimit::kHoldMax);
static_assert(LearntLimit::kHoldMax < (1U << kHoldBits));
static_assert(LearntLimit::kAgeMax < (1U << kAgeBits));

constexpr std::uint32_t kOne = LearntLimit::kOne;

void Decrease(LearntLimit& state, std::uint32_t numerator, std::uint32_t denominator) noexcept {
  state.limit_64ths = std::max(state.limit_64ths * numerator / denominator, kOne);
  state.hold = std::min(state.limit(), std::uint32_t{LearntLimit::kHoldMax});
}

// Between powers of two on a straight line: less than a tenth of kTwice off.
std::uint32_t LogOf(Time time) noexcept {
  const auto units = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      time / LearntLimit::kTimeUnit, 1, std::int64_t{LearntLimit::kTimeMax}));
  const auto width = static_cast<std::uint32_t>(std::bit_width(units));
  const std::uint64_t part = std::uint64_t{units} * LearntLimit::kTwice >> (width - 1);
  return (width - 1) * LearntLimit::kTwice + static_cast<std::uint32_t>(part);
}

// A plain mean at first, then an exponential one.
void TakeIn(LearntLimit& state, std::uint32_t time) noexcept {
  const std::int64_t difference = std::int64_t{time} - state.mean;
  std::int64_t step = difference / (state.seen + 1);
  if (step == 0 && difference != 0) step = difference > 0 ? 1 : -1;
  state.mean = static_cast<std::uint32_t>(state.mean + step);
  if (state.seen < LearntLimit::kMeanOver - 1) ++state.seen;
  if (state.seen < LearntLimit::kMeanFrom) return;
  state.lowest = state.lowest == 0 ? state.mean : std::min(state.lowest, state.mean);
}

void Age(LearntLimit& state, std::uint32_t by) noexcept {
  state.age += by;
  if (state.age <= LearntLimit::kAgeMax) return;
  const std::uint32_t in_flight = state.limit();
  Decrease(state, 1, 4);
  state.age = 0;
  state.mean = state.lowest = state.seen = 0;
  state.hold = std::min(in_flight, std::uint32_t{LearntLimit::kHoldMax});
}

}  // namespace

LearntLimit OnReply(LearntLimit state, Time scan_time, std::uint32_t outstanding) noexcept {
  if (state.hold > 0 && state.seen == 0) {
    --state.hold;  // to be learnt from what is sent from now on
    return state;
  }
  TakeIn(state, LogOf(scan_time));
  if (state.hold > 0) {
    --state.hold;
    return state;
  }
  if (state.lowest == 0) return state;
  if (state.mean > state.lowest + LearntLimit::kTwice) {
    Decrease(state, 7, 8);
    state.hold = std::max(state.hold, LearntLimit::kMeanOver);
    Age(state, LearntLimit::kAgePerRise);
    return state;
  }
  // Not used up: nothing is learnt of a limit that nobody meets.
  if (outstanding < state.limit()) return state;
  const std::uint32_t before = state.limit();
  const std::uint32_t more = std::max(kOne * kOne / state.limit_64ths, 1U);
  state.limit_64ths = std::min(state.limit_64ths + more, LearntLimit::kLearntMax * kOne);
  if (state.limit() != before) Age(state, 1);
  return state;
}

LearntLimit OnTurnedAway(LearntLimit state) noexcept {
  if (state.hold == 0) Decrease(state, 1, 2);
  return state;
}

std::uint64_t ScannerLimit::Pack(const LearntLimit& state) noexcept {
  std::uint64_t word = state.limit_64ths;
  word = word << kTimeBits | state.mean;
  word = word << kTimeBits | state.lowest;
  word = word << kSeenBits | state.seen;
  word = word << kHoldBits | state.hold;
  return word << kAgeBits | state.age;
}

LearntLimit ScannerLimit::Unpack(std::uint64_t word) noexcept {
  const auto take = [&word](unsigned bits) noexcept {
    const std::uint64_t field = word & ((std::uint64_t{1} << bits) - 1);
    word >>= bits;
    return static_cast<std::uint32_t>(field);
  };
  LearntLimit state;
  state.age = take(kAgeBits);
  state.hold = take(kHoldBits);
  state.seen = take(kSeenBits);
  state.lowest = take(kTimeBits);
  state.mean = take(kTimeBits);
  state.limit_64ths = take(kLimitBits);
  return state;
}

std::uint32_t ScannerLimit::Read() const noexcept {
  const std::uint32_t fixed = fixed_.load(std::memory_order_relaxed);
  if (fixed != kLearn) return fixed;
  return Unpack(learnt_.load(std::memory_order_relaxed)).limit();
}

void ScannerLimit::Set(std::uint32_t fixed) noexcept {
  fixed_.store(fixed, std::memory_order_relaxed);
}

void ScannerLimit::Forget() noexcept {
  learnt_.store(Pack({}), std::memory_order_relaxed);
}

template <typename Next>
bool ScannerLimit::Change(Next&& next) noexcept {
  if (!learns()) return false;
  std::uint64_t word = learnt_.load(std::memory_order_relaxed);
  for (;;) {
    const LearntLimit before = Unpack(word);
    const LearntLimit after = next(before);
    if (learnt_.compare_exchange_weak(
            word, Pack(after), std::memory_order_relaxed, std::memory_order_relaxed)) {
      return before.limit() != after.limit();
    }
  }
}

bool ScannerLimit::Reply(Time scan_time, std::uint32_t outstanding) noexcept {
  return Change([=](LearntLimit state) { return OnReply(state, scan_time, outstanding); });
}

bool ScannerLimit::TurnedAway() noexcept {
  return Change([](LearntLimit state) { return OnTurnedAway(state); });
}

}  // namespace relay
