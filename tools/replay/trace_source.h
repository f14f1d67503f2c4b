// A trace file as a source: its sessions, or its transactions one by one, in the order of time.
//
//   Open: one pass over the heads of the records --> an index of 56 octets a transaction
//   Begin, Load: one record, and its body (body_cache.h), when it is due
//
// What a damaged or cut file still has is played: ending() tells how it ended, and a record that
// cannot be read later costs its message alone. A body that was not captured is played as text of
// its size, and its verdict is not compared. Queue ids are the recorded ones, with a suffix
// where one comes again (in a later round always), so that none repeats within a run.
// With messages_per_session the recorded sessions are taken apart: each new one gets so many
// messages that follow each other in time, and the client of the first; a client that left within
// a message resets it instead where more messages follow.
// Limits: kTraceTransactionsMax transactions, kBodiesKeptBytes of bodies kept. One thread.
#ifndef MILLRACE_TOOLS_REPLAY_TRACE_SOURCE_H_
#define MILLRACE_TOOLS_REPLAY_TRACE_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "tools/replay/body_cache.h"
#include "tools/replay/source.h"
#include "tools/trace/trace_reader.h"

namespace replay {

inline constexpr std::size_t kTraceTransactionsMax = 100'000'000;
inline constexpr std::size_t kBodiesKeptBytes = 64 * engine::kMiB;

struct TraceOptions {
  std::optional<milter::MtaKind> kind{};   // unset: as recorded
  std::uint32_t messages_per_session = 0;  // 0: the recorded sessions
  std::uint64_t rounds = 1;                // 0: no end
  std::uint64_t limit = 0;                 // not 0: the first transactions alone
  std::vector<std::uint64_t> only{};       // not empty: these sessions of the trace alone
  std::uint64_t shuffle_seed = 0;          // not 0: in a drawn order
  // The first message of a session is due with the session, not at its own recorded time.
  bool first_with_session = true;
};

class TraceSource final : public Source {
 public:
  // Errors: as TraceReader::Open(); kNotFound: no transaction in it (or none that is wanted).
  static absl::StatusOr<std::unique_ptr<TraceSource>> Open(const std::string& path,
                                                           const TraceOptions& options);

  // OK: the file is whole. kDataLoss: where it is cut or damaged, and what was read before.
  const absl::Status& ending() const { return reader_->ending(); }
  std::uint64_t transactions() const { return transactions_.size(); }
  std::uint64_t sessions() const { return sessions_.size(); }

  std::uint64_t messages() const override;
  engine::Time NextBegin() const override;
  bool Next(std::uint64_t messages_max, SessionPlan* plan) override;
  absl::Status Begin(SessionPlan* plan) override;
  absl::Status Load(SessionPlan* plan, std::size_t message) override;
  engine::Time NextDue() const override;
  void PopDue() override;

 private:
  enum class Leading : std::uint8_t { kUnknown, kNo, kYes };
  struct SessionEntry {
    std::uint64_t time_us = 0;
    std::uint64_t offset = 0;
    std::uint32_t stored_bytes = 0;
    std::uint32_t first = 0;  // of its transactions
    std::uint32_t count = 0;
    Leading leading = Leading::kUnknown;
  };
  struct TransactionEntry {
    std::uint64_t time_us = 0;
    std::uint64_t offset = 0;
    std::uint32_t stored_bytes = 0;
    std::uint32_t session = 0;  // index
  };

  TraceSource(std::unique_ptr<trace::TraceReader> reader, TraceOptions options);
  absl::Status ReadIndex(const std::string& path);
  void ArrangeSessions();
  void ArrangeTransactions();
  void ArrangeTimes();
  bool grouped() const noexcept { return options_.messages_per_session != 0; }
  std::uint64_t units() const noexcept { return grouped() ? transactions_.size() : order_.size(); }
  std::uint64_t BeginOf(std::uint64_t unit) const;
  engine::Time TimeOf(std::uint64_t time_us, std::uint64_t round) const;
  absl::StatusOr<trace::SessionRecord> ReadSession(std::uint32_t session);
  absl::Status LearnLeading(std::uint32_t session);
  absl::Status LoadBody(const trace::TransactionRecord& record, LoadedMessage* loaded);
  std::string UniqueQueueId(const std::string& recorded, std::uint64_t round);

  std::unique_ptr<trace::TraceReader> reader_;
  const TraceOptions options_;
  std::vector<SessionEntry> sessions_;
  std::vector<TransactionEntry> transactions_;  // by session, or, grouped, by time
  std::vector<std::uint32_t> order_;            // sessions by time, or as drawn
  std::vector<std::uint64_t> due_us_;           // not grouped: when messages are due
  std::uint64_t first_us_ = 0;
  std::uint64_t round_us_ = 0;  // from a round's beginning to the next one's
  std::uint64_t next_ = 0;      // unit of this round
  std::uint64_t round_ = 0;
  std::uint64_t next_due_ = 0;  // message of this round
  std::uint64_t due_round_ = 0;
  std::uint64_t loaded_ = 0;
  absl::flat_hash_set<std::uint64_t> queue_ids_;  // hashes of those used
  BodyCache bodies_{kBodiesKeptBytes};
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_TRACE_SOURCE_H_
