// Counts and rates of many keys, in a table of fixed size that all shards share: lock-free, exact,
// without allocation.
//
//   entry, one cache line:   | word | key: high, low, kind | due |
//
//   word:  | version 24 | state 3 | in flight 17 | connections 20 |
//            63      40   39   37   36         20  19            0
//
//   version   goes up whenever a count is taken and whenever the state changes: a compare-exchange
//             with a word that was read earlier succeeds only if nothing happened in between
//   counts    keep the entry: while one is above 0, the entry is its key's
//   due       the token bucket of the key (token_bucket.h), moved only by who holds a count
//
//   [never] --claim--> [claimed] --key written--> [tentative] --alone--> [live] --Take, Give--.
//      ^ 0 = untouched     ^                        |    |                 ^  '---------------'
//                          |          pushed aside, |    |                 |
//                          |            not alone   v    '-- the claimer   '-- counts, due
//                          +--------------------- [free]     alone
//                          '--- counts 0 and bucket full: idle, so another key may have it
//
// Where a key may be: kProbesMax entries, the same sequence for everybody, chosen by a keyed hash.
// A search walks them up to the first that was never used. An entry never becomes `never` again,
// and a claimer takes the first never-used entry or one before it: what lies behind cannot be the
// key's.
//
// One entry per key. Two threads that both miss a key could both make an entry for it. So a claimer
// first shows itself (tentative), then looks through the whole sequence again, and only if no other
// entry has the key does it make its own live. All operations on words are sequentially consistent:
// of two claimers one showed itself first, and the other, which looks after it showed itself, sees
// it. Among tentative ones the entry with the lower number stays; whoever is not alone frees its
// own and starts anew, where it finds the other. A tentative entry whose claimer has been stopped
// in mid-way holds nobody up: it is pushed aside (tentative -> free), and its claimer will notice,
// as its version is gone.
//
// Nothing is lost: a count is taken by the compare-exchange that also proves whose entry it is, and
// given back by one subtraction. Reclaiming is a compare-exchange from a word with both counts 0;
// whoever took in between has changed the version. The bucket cannot be moved without a count, so
// `due`, read after the word, is still true when that succeeds.
//
// Full (every entry of the sequence in use): kNoEntry, nothing is taken; what then is the caller's
// decision. So is a key that kRoundsMax attempts could not settle against others.
//
// Cost: one compare-exchange to take, one subtraction to give, one compare-exchange for the rate;
// a search reads one line per probe, mostly one. Memory: 64 octets per entry, touched as used.
// Limits: kConnectionsMax, kInFlightMax per key; a version comes round after 2^24 changes of one
// entry, which would have to fall between a read and the next instruction of one thread.
// It does not know what a key or a count stands for, keeps no time, and never shrinks.
#ifndef MILLRACE_ENGINE_QUOTA_KEY_TABLE_H_
#define MILLRACE_ENGINE_QUOTA_KEY_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/base/counters.h"
#include "engine/base/units.h"
#include "engine/quota/key_hash.h"
#include "engine/quota/token_bucket.h"

namespace engine {

struct TableKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint64_t kind = 0;
  friend bool operator==(const TableKey&, const TableKey&) = default;
};

enum class KeyCount : std::uint8_t { kConnections, kInFlight };

// An entry of which the holder has at least one count: stays its key's until that is given back.
struct KeyRef {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::uint32_t index = kNone;
  explicit operator bool() const noexcept { return index != kNone; }
  friend bool operator==(const KeyRef&, const KeyRef&) = default;
};

// kAtLimit, kNoEntry: nothing was taken.
enum class KeyAnswer : std::uint8_t { kTaken, kAtLimit, kNoEntry };

struct KeyTableOptions {
  std::uint32_t entries = 65'536;  // a power of two, 2 .. 2^24
  std::uint32_t probes = 16;       // 1 .. entries
  HashSecret secret;
  // How often a tentative entry of the wanted key is looked at before it is pushed aside.
  std::uint32_t patience = 128;
};

// What one entry holds at this moment, for listings.
struct KeyEntryView {
  TableKey key;
  std::uint32_t connections = 0;
  std::uint32_t in_flight = 0;
};

struct KeyTableTotals {
  std::uint64_t connections = 0;
  std::uint64_t in_flight = 0;
  std::uint32_t keys = 0;  // with a count above 0
};

// `Atomic` is std::atomic; the test puts one in its place that tries every order of events.
template <template <typename> class Atomic>
class BasicKeyTable {
 public:
  static constexpr std::uint32_t kConnectionsMax = (1U << 20U) - 1;
  static constexpr std::uint32_t kInFlightMax = (1U << 17U) - 1;
  static constexpr std::uint32_t kUnlimited = UINT32_MAX;  // as many as an entry can count
  static constexpr std::uint32_t kEntriesMax = 1U << 24U;
  static constexpr int kRoundsMax = 64;

  explicit BasicKeyTable(const KeyTableOptions& options) noexcept;
  ~BasicKeyTable();
  BasicKeyTable(const BasicKeyTable&) = delete;
  BasicKeyTable& operator=(const BasicKeyTable&) = delete;

  // All but the constructor and the destructor: any thread.

  // Takes one of `count` for `key` unless that has `limit` (at least 1) already. kTaken: *ref names
  // its entry. `now` tells which other entries are idle.
  KeyAnswer Take(
      const TableKey& key, KeyCount count, std::uint32_t limit, Time now, KeyRef* ref) noexcept;
  // The same for an entry of which the caller holds a count: no search. Never kNoEntry.
  KeyAnswer TakeMore(KeyRef ref, KeyCount count, std::uint32_t limit) noexcept;
  // How many the entry has at this moment. The caller holds a count.
  std::uint32_t CountOf(KeyRef ref, KeyCount count) const noexcept;
  // Once for each that was taken. The last one may make the entry another key's.
  void Give(KeyRef ref, KeyCount count) noexcept;
  // One event of the key's rate; false: too many, nothing was spent. The caller holds a count.
  bool Spend(KeyRef ref, const Rate& rate, Time now) noexcept;

  // Snapshots, each entry read whole; for metrics and invariants, not for the way of a message.
  // False: the entry holds nothing at this moment.
  bool Read(std::uint32_t index, KeyEntryView* view) const noexcept;
  KeyTableTotals Totals() const noexcept;
  std::uint32_t entries() const noexcept { return mask_ + 1; }

 private:
  using Word = std::uint64_t;
  struct alignas(kCacheLineBytes) Entry {
    Atomic<Word> word;
    Atomic<std::uint64_t> high;
    Atomic<std::uint64_t> low;
    Atomic<std::uint64_t> kind;
    Atomic<std::uint64_t> due;
  };
  struct Probes {
    std::uint32_t first;
    std::uint32_t step;  // odd: meets every entry before it comes round
  };
  struct Wanted {
    const TableKey& key;
    Probes probes;
    KeyCount count;
    std::uint32_t limit;
    Time now;
  };
  enum class Outcome : std::uint8_t { kTaken, kAtLimit, kAbsent, kAgain };
  // What one walk found. kTaken, kAtLimit: at `index`. kAbsent: `index` may be claimed, if `victim`
  // is still its word; kNone: there is no such entry.
  struct Walk {
    Outcome outcome = Outcome::kAbsent;
    std::uint32_t index = KeyRef::kNone;
    Word victim = 0;
  };

  Probes ProbesOf(const TableKey& key) const noexcept;
  std::uint32_t IndexOf(const Probes& probes, std::uint32_t nth) const noexcept;
  static bool HasKey(const Entry& entry, const TableKey& key) noexcept;
  static bool IsIdle(const Entry& entry, Word word, Time now) noexcept;
  Walk Search(const Wanted& wanted) noexcept;
  static Outcome TakeIfKey(Entry& entry, Word word, const Wanted& wanted) noexcept;
  void PushAside(Entry& entry, Word word, const TableKey& key) noexcept;
  Outcome Claim(const Walk& place, const Wanted& wanted) noexcept;
  bool IsAlone(std::uint32_t mine, const Wanted& wanted) noexcept;

  Entry* table_ = nullptr;
  std::size_t map_bytes_ = 0;
  std::uint32_t mask_;
  std::uint32_t probes_max_;
  std::uint32_t patience_;
  HashSecret secret_;
};

extern template class BasicKeyTable<std::atomic>;
using KeyTable = BasicKeyTable<std::atomic>;

}  // namespace engine

#endif  // MILLRACE_ENGINE_QUOTA_KEY_TABLE_H_
