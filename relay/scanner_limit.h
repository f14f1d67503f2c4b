// How many requests a scanner is given at once: a number that the operator knows ($max_servers), or
// one that is learnt.
//
//   learnt:   begins with kBegin; 1 .. kLearntMax
//   a reply while the limit is used up    + 1/limit         one more for each round of replies
//   turned away (refused, backlog full)   x 1/2
//   scan time (geometric mean of the      x 7/8
//     last) above twice its lowest
//   kAgeMax changes since the last time   x 1/4             the lowest is learnt anew
//
// Additive increase, multiplicative decrease, as in TCP congestion control (Chiu and Jain, 1989;
// RFC 5681): several daemons on one scanner come to a fair share. After a decrease as many replies
// pass as the limit is before the next one: what is in flight was sent under the old limit.
// The scan time is taken from the request to the whole reply: it has the wait in the scanner's
// backlog in it, which is what rises when more is sent than it has children. Times differ from
// message to message by much more than that (30 ms where nothing is to be scanned, seconds for an
// archive), so that a mean of them follows the few longest. The mean of their logarithms does not,
// and a backlog moves it most, because everybody waits there; it is exponential over kMeanOver
// replies, and a measure after kMeanFrom. After a decrease as many pass before the next one. The
// lowest mean is the measure only as long as it was measured without a backlog, and as mail stays
// what it is; so it is forgotten now and then, with the limit cut for the moment (as BBR does with
// its round-trip time).
// The whole state is one atomic word; no clock, no chance.
#ifndef MILLRACE_RELAY_SCANNER_LIMIT_H_
#define MILLRACE_RELAY_SCANNER_LIMIT_H_

#include <atomic>
#include <cstdint>

#include "engine/base/units.h"

namespace relay {

struct LearntLimit {
  static constexpr std::uint32_t kBegin = 8;
  static constexpr std::uint32_t kLearntMax = 256;
  static constexpr std::uint32_t kOne = 64;  // of limit_64ths
  static constexpr std::uint32_t kMeanOver = 64;
  static constexpr std::uint32_t kMeanFrom = 16;
  static constexpr std::uint32_t kTwice = 1U << 10U;  // of mean and lowest
  static constexpr std::uint32_t kHoldMax = 127;
  static constexpr std::uint32_t kAgeMax = 63;
  static constexpr std::uint32_t kAgePerRise = 4;             // a decrease for a risen scan time
  static constexpr std::uint32_t kTimeMax = (1U << 18U) - 1;  // 131 s
  static constexpr engine::Time kTimeUnit = std::chrono::microseconds(500);

  std::uint32_t limit_64ths = kBegin * kOne;
  // 1 + log2 of scan times in kTimeUnit, in 1/kTwice.
  std::uint32_t mean = 0;
  std::uint32_t lowest = 0;  // mean; 0: to be learnt
  std::uint32_t seen = 0;    // replies that `mean` is of, up to kMeanOver - 1
  std::uint32_t hold = 0;    // replies until it may decrease again
  std::uint32_t age = 0;     // of `lowest`, in changes of the limit

  std::uint32_t limit() const noexcept { return limit_64ths / kOne; }
  friend bool operator==(const LearntLimit&, const LearntLimit&) = default;
};

// `outstanding`: requests in the scanner's hands, the one that is being answered included.
LearntLimit OnReply(LearntLimit state, engine::Time scan_time, std::uint32_t outstanding) noexcept;
LearntLimit OnTurnedAway(LearntLimit state) noexcept;

// One scanner's limit. Any thread. Relaxed orders suffice: the word is all there is, and whoever
// derives something from it (ScannerGroup::Refresh) does so anew within a second.
class ScannerLimit {
 public:
  // `fixed`: at least 1, or kLearn.
  static constexpr std::uint32_t kLearn = 0;
  explicit ScannerLimit(std::uint32_t fixed) noexcept : fixed_(fixed) {}
  ScannerLimit(const ScannerLimit&) = delete;
  ScannerLimit& operator=(const ScannerLimit&) = delete;

  std::uint32_t Read() const noexcept;
  bool learns() const noexcept { return fixed_.load(std::memory_order_relaxed) == kLearn; }
  void Set(std::uint32_t fixed) noexcept;  // kLearn: goes on where it was
  void Forget() noexcept;                  // another scanner from here on

  // True: the limit is another one now.
  bool Reply(engine::Time scan_time, std::uint32_t outstanding) noexcept;
  bool TurnedAway() noexcept;

  static std::uint64_t Pack(const LearntLimit& state) noexcept;
  static LearntLimit Unpack(std::uint64_t word) noexcept;

 private:
  template <typename Next>
  bool Change(Next&& next) noexcept;

  std::atomic<std::uint32_t> fixed_;
  std::atomic<std::uint64_t> learnt_{Pack({})};
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCANNER_LIMIT_H_
