// How many requests a scanner has, and how many it may have: one word, exact across shards.
//
//   word:  | probe: 1 | pinned: 1 | limit: 31 | outstanding: 31 |
//
//   room()      = max(limit - outstanding, 0)    what a request may still take
//   capacity()  = max(limit, outstanding)        what the group's slot pool counts for this scanner
//
//                    outstanding   limit         room             capacity, and so the pool's limit
//   TryTake          + 1           -             - 1 (must be     -
//                                                at least 1)
//   Give             - 1           -             + 1              -
//    over the limit  - 1           -             -                - 1: the slot is absorbed
//    pinned          - 1           - 1 (above 0) -                - 1: absorbed
//   Set              -             set           changes          changes by the difference
//
// The promise that follows, with "in hand" for slots that the pool has granted and that have not
// been taken to a scanner yet:   free slots + in hand = sum of room()   over the group's scanners.
// So whoever holds a slot finds a scanner with room, unless a limit has just become smaller; and a
// slot that a scanner's open breaker or smaller limit leaves without room never comes back to the
// pool, where it would be granted to somebody who could not use it.
// Pinned: a scanner that is open or half open. Its room is for one probe at most, and requests that
// end meanwhile (orphans of the time before) must not make more of it. `probe`: the probe has been
// taken.
//
// Memory orders: the word is all of the state, so each change is atomic and needs nothing more for
// exactness. A taker reads what the one who made the room has written before (the scanner's
// address, by ScannerGroup::Apply): Give and Set release, TryTake acquires. Set and Read are
// sequentially consistent for the reason that is told at ScannerHealth.
#ifndef MILLRACE_RELAY_SCANNER_ROOM_H_
#define MILLRACE_RELAY_SCANNER_ROOM_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "engine/base/check.h"

namespace relay {

struct Room {
  std::uint32_t outstanding = 0;
  std::uint32_t limit = 0;
  bool pinned = false;
  bool probe = false;

  std::uint32_t room() const noexcept { return limit > outstanding ? limit - outstanding : 0; }
  std::uint32_t capacity() const noexcept { return std::max(limit, outstanding); }
  friend bool operator==(const Room&, const Room&) = default;
};

class ScannerRoom {
 public:
  static constexpr std::uint32_t kLimitMax = (1U << 30U);

  ScannerRoom() noexcept = default;
  ScannerRoom(const ScannerRoom&) = delete;
  ScannerRoom& operator=(const ScannerRoom&) = delete;

  enum class Taken : std::uint8_t { kNo, kYes, kAsProbe };
  Taken TryTake() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
      const Room before = Unpack(word);
      if (before.room() == 0) return Taken::kNo;
      Room after = before;
      ++after.outstanding;
      after.probe = before.pinned;
      if (word_.compare_exchange_weak(
              word, Pack(after), std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return before.pinned ? Taken::kAsProbe : Taken::kYes;
      }
    }
  }

  struct Given {
    bool absorbed = false;    // the slot does not go back to the pool
    bool limit_gone = false;  // it is zero now, and was not
    bool pinned = false;
  };
  Given Give() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    for (;;) {
      const Room before = Unpack(word);
      ENGINE_CHECK(before.outstanding > 0);
      Room after = before;
      --after.outstanding;
      if (before.pinned && after.limit > 0) --after.limit;
      if (word_.compare_exchange_weak(
              word, Pack(after), std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return {.absorbed = after.capacity() < before.capacity(),
                .limit_gone = before.limit > 0 && after.limit == 0,
                .pinned = before.pinned};
      }
    }
  }

  // False: the word is no longer `*expected`, which is read anew.
  bool Set(Room* expected, const Room& to) noexcept {
    ENGINE_CHECK(to.limit <= kLimitMax);
    std::uint64_t word = Pack(*expected);
    if (word_.compare_exchange_strong(
            word, Pack(to), std::memory_order_seq_cst, std::memory_order_seq_cst)) {
      return true;
    }
    *expected = Unpack(word);
    return false;
  }
  Room Read() const noexcept { return Unpack(word_.load(std::memory_order_seq_cst)); }

 private:
  static std::uint64_t Pack(const Room& room) noexcept {
    return (room.probe ? std::uint64_t{1} << 63U : 0) |
           (room.pinned ? std::uint64_t{1} << 62U : 0) | std::uint64_t{room.limit} << 31U |
           room.outstanding;
  }
  static Room Unpack(std::uint64_t word) noexcept {
    constexpr std::uint32_t kLow = (1U << 31U) - 1;
    return {.outstanding = static_cast<std::uint32_t>(word) & kLow,
            .limit = static_cast<std::uint32_t>(word >> 31U) & kLow,
            .pinned = (word >> 62U & 1U) != 0,
            .probe = word >> 63U != 0};
  }

  alignas(64) std::atomic<std::uint64_t> word_{0};
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SCANNER_ROOM_H_
