// The table's operations; states and the argument for them are in the header.
//
// Memory orders. Words: sequentially consistent, but for Give(), which releases: what its caller
// did (to `due`) is seen by who finds the counts at 0. Key parts: written between the states
// `claimed` and `tentative` with release and read with acquire. So whoever reads a part that
// belongs to a later claim has that claim's word before him, and his compare-exchange with the
// older word fails; whoever reads the word of the wanted claim has that claim's key, or a later
// one's. A key that is misread as another is therefore one that is being replaced. `due` is
// relaxed: the words order it. On x86 all of these loads and stores are plain moves but for the one
// store of `tentative`.
#include "engine/quota/key_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

#include "engine/base/check.h"

namespace engine {
namespace {

using Word = std::uint64_t;

constexpr unsigned kInFlightShift = 20;
constexpr unsigned kStateShift = 37;
constexpr unsigned kVersionShift = 40;
constexpr Word kStateMask = Word{7} << kStateShift;
constexpr Word kCountsMask = (Word{1} << kStateShift) - 1;
constexpr Word kVersionOne = Word{1} << kVersionShift;
constexpr int kReadsMax = 64;  // of an entry that changes all the time
static_assert(KeyTable::kConnectionsMax == (Word{1} << kInFlightShift) - 1);
static_assert(KeyTable::kInFlightMax == kCountsMask >> kInFlightShift);

enum class State : std::uint8_t { kNever, kFree, kClaimed, kTentative, kLive };

constexpr State StateOf(Word word) noexcept {
  return static_cast<State>((word & kStateMask) >> kStateShift);
}
constexpr Word OneOf(KeyCount count) noexcept {
  return count == KeyCount::kConnections ? Word{1} : Word{1} << kInFlightShift;
}
constexpr std::uint32_t CountIn(Word word, KeyCount count) noexcept {
  return static_cast<std::uint32_t>(count == KeyCount::kConnections
                                        ? word & KeyTable::kConnectionsMax
                                        : (word & kCountsMask) >> kInFlightShift);
}
constexpr std::uint32_t MostOf(KeyCount count) noexcept {
  return count == KeyCount::kConnections ? KeyTable::kConnectionsMax : KeyTable::kInFlightMax;
}
// The word after a change of state: the next version, no counts.
constexpr Word Next(Word word, State state) noexcept {
  const Word version = (word & ~(kStateMask | kCountsMask)) + kVersionOne;  // modulo 2^24
  return version | static_cast<Word>(state) << kStateShift;
}
constexpr bool AtLimit(Word word, KeyCount count, std::uint32_t limit) noexcept {
  return CountIn(word, count) >= std::min(limit, MostOf(count));
}

}  // namespace

template <template <typename> class Atomic>
BasicKeyTable<Atomic>::BasicKeyTable(const KeyTableOptions& options) noexcept
    : map_bytes_(std::size_t{options.entries} * sizeof(Entry)),
      mask_(options.entries - 1),
      probes_max_(options.probes),
      patience_(options.patience),
      secret_(options.secret) {
  ENGINE_CHECK(std::has_single_bit(options.entries) && options.entries >= 2);
  ENGINE_CHECK(options.entries <= kEntriesMax);
  ENGINE_CHECK(options.probes >= 1 && options.probes <= options.entries);
  // Zeros are a table of `never`. Pages are touched as entries are first used.
  static_assert(std::is_trivially_destructible_v<Entry>);
  void* map = ::mmap(nullptr,
                     map_bytes_,
                     PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1,
                     0);
  ENGINE_CHECK(map != MAP_FAILED);
  table_ = static_cast<Entry*>(map);
}

template <template <typename> class Atomic>
BasicKeyTable<Atomic>::~BasicKeyTable() {
  ::munmap(table_, map_bytes_);
}

template <template <typename> class Atomic>
auto BasicKeyTable<Atomic>::ProbesOf(const TableKey& key) const noexcept -> Probes {
  const std::array<std::uint64_t, 3> parts = {key.high, key.low, key.kind};
  const std::uint64_t hash = KeyedHash(secret_, std::as_bytes(std::span(parts)));
  return {static_cast<std::uint32_t>(hash) & mask_,
          (static_cast<std::uint32_t>(hash >> 32U) | 1U) & mask_};
}

template <template <typename> class Atomic>
std::uint32_t BasicKeyTable<Atomic>::IndexOf(const Probes& probes,
                                             std::uint32_t nth) const noexcept {
  return (probes.first + nth * probes.step) & mask_;
}

template <template <typename> class Atomic>
bool BasicKeyTable<Atomic>::HasKey(const Entry& entry, const TableKey& key) noexcept {
  return entry.high.load(std::memory_order_acquire) == key.high &&
         entry.low.load(std::memory_order_acquire) == key.low &&
         entry.kind.load(std::memory_order_acquire) == key.kind;
}

// Whether another key may have the entry, as `word` has it.
template <template <typename> class Atomic>
bool BasicKeyTable<Atomic>::IsIdle(const Entry& entry, Word word, Time now) noexcept {
  if (StateOf(word) == State::kFree) return true;
  return StateOf(word) == State::kLive && (word & kCountsMask) == 0 &&
         BucketIsFull(entry.due.load(std::memory_order_relaxed), now);
}

template <template <typename> class Atomic>
KeyAnswer BasicKeyTable<Atomic>::Take(
    const TableKey& key, KeyCount count, std::uint32_t limit, Time now, KeyRef* ref) noexcept {
  ENGINE_CHECK(limit > 0);
  const Wanted wanted{key, ProbesOf(key), count, limit, now};
  for (int round = 0; round < kRoundsMax; ++round) {
    Walk walk = Search(wanted);
    if (walk.outcome == Outcome::kAbsent) {
      if (walk.index == KeyRef::kNone) return KeyAnswer::kNoEntry;
      walk.outcome = Claim(walk, wanted);
    }
    if (walk.outcome == Outcome::kAtLimit) return KeyAnswer::kAtLimit;
    if (walk.outcome == Outcome::kTaken) {
      ref->index = walk.index;
      return KeyAnswer::kTaken;
    }
  }
  return KeyAnswer::kNoEntry;
}

template <template <typename> class Atomic>
auto BasicKeyTable<Atomic>::Search(const Wanted& wanted) noexcept -> Walk {
  Walk absent;
  for (std::uint32_t nth = 0; nth < probes_max_; ++nth) {
    const std::uint32_t index = IndexOf(wanted.probes, nth);
    Entry& entry = table_[index];
    const Word word = entry.word.load(std::memory_order_seq_cst);
    const State state = StateOf(word);
    if (state == State::kNever) {
      if (absent.index == KeyRef::kNone) absent = {Outcome::kAbsent, index, word};
      return absent;
    }
    if ((state == State::kLive || state == State::kTentative) && HasKey(entry, wanted.key)) {
      if (state == State::kLive) return {TakeIfKey(entry, word, wanted), index, 0};
      PushAside(entry, word, wanted.key);
      return {Outcome::kAgain, index, 0};
    }
    if (absent.index == KeyRef::kNone && IsIdle(entry, word, wanted.now))
      absent = {Outcome::kAbsent, index, word};
  }
  return absent;
}

// `word` was read before the key was.
template <template <typename> class Atomic>
auto BasicKeyTable<Atomic>::TakeIfKey(Entry& entry, Word word, const Wanted& wanted) noexcept
    -> Outcome {
  do {
    if (AtLimit(word, wanted.count, wanted.limit)) {
      const Word again = entry.word.load(std::memory_order_seq_cst);
      if (again == word) return Outcome::kAtLimit;  // so the key was this word's
      word = again;
    } else if (entry.word.compare_exchange_strong(word,
                                                  word + kVersionOne + OneOf(wanted.count),
                                                  std::memory_order_seq_cst,
                                                  std::memory_order_seq_cst)) {
      return Outcome::kTaken;
    }
  } while (StateOf(word) == State::kLive && HasKey(entry, wanted.key));
  return Outcome::kAgain;
}

// Another claimer of the same key is in the act. Mostly it is through in a moment.
template <template <typename> class Atomic>
void BasicKeyTable<Atomic>::PushAside(Entry& entry, Word word, const TableKey& key) noexcept {
  for (std::uint32_t i = 0; i < patience_; ++i) {
    if (entry.word.load(std::memory_order_seq_cst) != word) return;
  }
  if (!HasKey(entry, key)) return;
  // Its claimer fails to make it live, as this version is gone.
  static_cast<void>(entry.word.compare_exchange_strong(
      word, Next(word, State::kFree), std::memory_order_seq_cst, std::memory_order_seq_cst));
}

template <template <typename> class Atomic>
auto BasicKeyTable<Atomic>::Claim(const Walk& place, const Wanted& wanted) noexcept -> Outcome {
  Entry& entry = table_[place.index];
  Word word = place.victim;
  const Word claimed = Next(word, State::kClaimed);
  if (!entry.word.compare_exchange_strong(
          word, claimed, std::memory_order_seq_cst, std::memory_order_seq_cst))
    return Outcome::kAgain;
  // Ours alone until the next store.
  entry.high.store(wanted.key.high, std::memory_order_release);
  entry.low.store(wanted.key.low, std::memory_order_release);
  entry.kind.store(wanted.key.kind, std::memory_order_release);
  entry.due.store(static_cast<std::uint64_t>(wanted.now.count()), std::memory_order_relaxed);
  Word tentative = Next(claimed, State::kTentative);
  entry.word.store(tentative, std::memory_order_seq_cst);
  const bool alone = IsAlone(place.index, wanted);
  const Word next =
      alone ? Next(tentative, State::kLive) + OneOf(wanted.count) : Next(tentative, State::kFree);
  const bool settled = entry.word.compare_exchange_strong(
      tentative, next, std::memory_order_seq_cst, std::memory_order_seq_cst);
  return alone && settled ? Outcome::kTaken : Outcome::kAgain;
}

// The second look: after our entry has been shown, no other has the key. One that is as tentative
// as ours and comes after it in the table is pushed aside.
template <template <typename> class Atomic>
bool BasicKeyTable<Atomic>::IsAlone(std::uint32_t mine, const Wanted& wanted) noexcept {
  for (std::uint32_t nth = 0; nth < probes_max_; ++nth) {
    const std::uint32_t index = IndexOf(wanted.probes, nth);
    if (index == mine) continue;
    Entry& entry = table_[index];
    Word word = entry.word.load(std::memory_order_seq_cst);
    if (StateOf(word) == State::kNever) return true;
    while ((StateOf(word) == State::kLive || StateOf(word) == State::kTentative) &&
           HasKey(entry, wanted.key)) {
      if (StateOf(word) == State::kLive || index < mine) return false;
      if (entry.word.compare_exchange_strong(
              word, Next(word, State::kFree), std::memory_order_seq_cst, std::memory_order_seq_cst))
        break;
    }
  }
  return true;
}

template <template <typename> class Atomic>
std::uint32_t BasicKeyTable<Atomic>::CountOf(KeyRef ref, KeyCount count) const noexcept {
  ENGINE_CHECK(ref.index <= mask_);
  return CountIn(table_[ref.index].word.load(std::memory_order_relaxed), count);
}

template <template <typename> class Atomic>
KeyAnswer BasicKeyTable<Atomic>::TakeMore(KeyRef ref,
                                          KeyCount count,
                                          std::uint32_t limit) noexcept {
  ENGINE_CHECK(ref.index <= mask_);
  Entry& entry = table_[ref.index];
  Word word = entry.word.load(std::memory_order_relaxed);
  while (!AtLimit(word, count, limit)) {
    ENGINE_CHECK(StateOf(word) == State::kLive && (word & kCountsMask) != 0);
    if (entry.word.compare_exchange_weak(word,
                                         word + kVersionOne + OneOf(count),
                                         std::memory_order_seq_cst,
                                         std::memory_order_relaxed))
      return KeyAnswer::kTaken;
  }
  return KeyAnswer::kAtLimit;
}

template <template <typename> class Atomic>
void BasicKeyTable<Atomic>::Give(KeyRef ref, KeyCount count) noexcept {
  ENGINE_CHECK(ref.index <= mask_);
  const Word before = table_[ref.index].word.fetch_sub(OneOf(count), std::memory_order_release);
  ENGINE_CHECK(StateOf(before) == State::kLive && CountIn(before, count) > 0);
}

template <template <typename> class Atomic>
bool BasicKeyTable<Atomic>::Spend(KeyRef ref, const Rate& rate, Time now) noexcept {
  ENGINE_CHECK(ref.index <= mask_);
  Atomic<std::uint64_t>& due = table_[ref.index].due;
  std::uint64_t before = due.load(std::memory_order_relaxed);
  for (;;) {
    const BucketStep step = StepBucket(before, rate, now);
    if (step.due == before) return step.allowed;
    if (due.compare_exchange_weak(
            before, step.due, std::memory_order_relaxed, std::memory_order_relaxed))
      return step.allowed;
  }
}

template <template <typename> class Atomic>
bool BasicKeyTable<Atomic>::Read(std::uint32_t index, KeyEntryView* view) const noexcept {
  ENGINE_CHECK(index <= mask_);
  const Entry& entry = table_[index];
  Word word = entry.word.load(std::memory_order_seq_cst);
  for (int look = 0; look < kReadsMax; ++look) {
    if (StateOf(word) != State::kLive || (word & kCountsMask) == 0) return false;
    view->key = {entry.high.load(std::memory_order_acquire),
                 entry.low.load(std::memory_order_acquire),
                 entry.kind.load(std::memory_order_acquire)};
    view->connections = CountIn(word, KeyCount::kConnections);
    view->in_flight = CountIn(word, KeyCount::kInFlight);
    const Word again = entry.word.load(std::memory_order_seq_cst);
    if (again == word) return true;  // so the key was this word's
    word = again;
  }
  return false;
}

template <template <typename> class Atomic>
KeyTableTotals BasicKeyTable<Atomic>::Totals() const noexcept {
  KeyTableTotals totals;
  for (std::uint32_t i = 0; i <= mask_; ++i) {
    const Word word = table_[i].word.load(std::memory_order_seq_cst);
    if ((word & kCountsMask) == 0) continue;
    totals.connections += CountIn(word, KeyCount::kConnections);
    totals.in_flight += CountIn(word, KeyCount::kInFlight);
    ++totals.keys;
  }
  return totals;
}

template class BasicKeyTable<std::atomic>;

}  // namespace engine
