// The index of a trace, and the records behind it.
#include "tools/replay/trace_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/replay/arrivals.h"
#include "tools/replay/transaction_set.h"
#include "tools/trace/transcript.h"

namespace replay {
namespace {

constexpr std::uint64_t kLoneRoundUs = 1'000'000;  // of a trace whose sessions begin all at once

engine::Time Microseconds(std::uint64_t count) {
  return std::chrono::microseconds(count);
}

template <typename T>
void Shuffle(std::uint64_t seed, std::vector<T>* all) {
  Draws draws(seed);
  for (std::size_t i = all->size(); i > 1; --i)
    std::swap((*all)[i - 1], (*all)[draws.Below(i)]);
}

bool BodyIsMissing(const trace::TransactionRecord& record) {
  return record.captured != trace::Captured::kWhole && record.captured != trace::Captured::kNone;
}

milter::Stop StopBeforeMore(milter::Stop stop) {
  if (stop.how == milter::StopHow::kPlayOn) return stop;
  if (stop.after == milter::Command::kEndOfMessage) return {};  // waits for the verdict instead
  stop.how = milter::StopHow::kReset;
  return stop;
}

}  // namespace

TraceSource::TraceSource(std::unique_ptr<trace::TraceReader> reader, TraceOptions options)
    : reader_(std::move(reader)), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<TraceSource>> TraceSource::Open(const std::string& path,
                                                               const TraceOptions& options) {
  absl::StatusOr<std::unique_ptr<trace::TraceReader>> reader = trace::TraceReader::Open(path);
  if (!reader.ok()) return reader.status();
  std::unique_ptr<TraceSource> source(new TraceSource(*std::move(reader), options));
  const absl::Status status = source->ReadIndex(path);
  if (!status.ok()) return status;
  if (source->grouped()) {
    source->ArrangeTransactions();
  } else {
    source->ArrangeSessions();
  }
  source->ArrangeTimes();
  return source;
}

absl::Status TraceSource::ReadIndex(const std::string& path) {
  absl::flat_hash_map<std::uint64_t, std::uint32_t> open;
  std::vector<std::uint64_t> missing = options_.only;
  while (const std::optional<trace::Entry> entry = reader_->Next()) {
    if (entry->kind == trace::RecordKind::kSession) {
      const bool wanted = options_.only.empty() ||
                          std::find(options_.only.begin(), options_.only.end(), entry->session) !=
                              options_.only.end();
      if (!wanted) continue;
      std::erase(missing, entry->session);
      open[entry->session] = static_cast<std::uint32_t>(sessions_.size());
      sessions_.push_back({.time_us = entry->time_us,
                           .offset = entry->offset,
                           .stored_bytes = entry->stored_bytes});
    } else if (entry->kind == trace::RecordKind::kTransaction) {
      const auto session = open.find(entry->session);
      if (session == open.end()) continue;
      transactions_.push_back({.time_us = entry->time_us,
                               .offset = entry->offset,
                               .stored_bytes = entry->stored_bytes,
                               .session = session->second});
      ++sessions_[session->second].count;
      if (transactions_.size() > kTraceTransactionsMax)
        return absl::ResourceExhaustedError(
            absl::StrCat(path, ": more than ", kTraceTransactionsMax, " transactions"));
    } else if (entry->kind == trace::RecordKind::kClose) {
      open.erase(entry->session);
    }
  }
  const absl::Status& ending = reader_->ending();
  const absl::string_view comma = ending.ok() ? "" : "; ";
  if (!missing.empty())
    return absl::NotFoundError(
        absl::StrCat(path, ": no session ", missing.front(), " in it", comma, ending.message()));
  if (!transactions_.empty()) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat(path, ": no transactions to play", comma, ending.message()));
}

void TraceSource::ArrangeSessions() {
  std::stable_sort(
      transactions_.begin(),
      transactions_.end(),
      [](const TransactionEntry& a, const TransactionEntry& b) { return a.session < b.session; });
  std::uint32_t first = 0;
  for (SessionEntry& session : sessions_) {
    session.first = first;
    first += session.count;
  }
  order_.resize(sessions_.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::stable_sort(order_.begin(), order_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return sessions_[a].time_us < sessions_[b].time_us;
  });
  if (options_.limit != 0) {
    std::uint64_t left = options_.limit;
    std::size_t kept = 0;
    while (kept < order_.size() && left > 0) {
      SessionEntry& session = sessions_[order_[kept++]];
      session.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(session.count, left));
      left -= session.count;
    }
    order_.resize(kept);
  }
  if (options_.shuffle_seed != 0) Shuffle(options_.shuffle_seed, &order_);
}

void TraceSource::ArrangeTransactions() {
  std::stable_sort(
      transactions_.begin(),
      transactions_.end(),
      [](const TransactionEntry& a, const TransactionEntry& b) { return a.time_us < b.time_us; });
  if (options_.limit != 0 && options_.limit < transactions_.size())
    transactions_.resize(options_.limit);
  if (options_.shuffle_seed != 0) Shuffle(options_.shuffle_seed, &transactions_);
}

// When messages are due, and how long a round is: up to its last beginning, and one mean distance
// between sessions more.
void TraceSource::ArrangeTimes() {
  std::uint64_t last_us = 0;
  first_us_ = UINT64_MAX;
  for (std::uint64_t unit = 0; unit < units(); ++unit) {
    first_us_ = std::min(first_us_, BeginOf(unit));
    last_us = std::max(last_us, BeginOf(unit));
  }
  const std::uint64_t span = last_us - first_us_;
  round_us_ = span == 0 ? kLoneRoundUs : span + span / (units() - 1);
  if (grouped()) return;
  for (const std::uint32_t index : order_) {
    const SessionEntry& session = sessions_[index];
    for (std::uint32_t i = 0; i < session.count; ++i) {
      const std::uint64_t own = transactions_[session.first + i].time_us;
      const bool with_session = i == 0 && options_.first_with_session;
      due_us_.push_back(with_session ? session.time_us : std::max(own, session.time_us));
    }
  }
  std::sort(due_us_.begin(), due_us_.end());
}

std::uint64_t TraceSource::BeginOf(std::uint64_t unit) const {
  return grouped() ? transactions_[unit].time_us : sessions_[order_[unit]].time_us;
}

engine::Time TraceSource::TimeOf(std::uint64_t time_us, std::uint64_t round) const {
  return Microseconds(time_us - std::min(time_us, first_us_) + round * round_us_);
}

std::uint64_t TraceSource::messages() const {
  return options_.rounds * (grouped() ? transactions_.size() : due_us_.size());
}

engine::Time TraceSource::NextBegin() const {
  if (options_.rounds != 0 && round_ >= options_.rounds) return engine::kNever;
  return TimeOf(BeginOf(next_), round_);
}

bool TraceSource::Next(std::uint64_t messages_max, SessionPlan* plan) {
  if (NextBegin() == engine::kNever) return false;
  std::uint64_t first = next_;
  std::uint64_t count = 0;
  plan->round = round_;
  if (grouped()) {
    plan->entry = transactions_[next_].session;
    count = std::min<std::uint64_t>({messages_max, options_.messages_per_session, units() - next_});
    next_ += count;
  } else {
    plan->entry = order_[next_++];
    first = sessions_[plan->entry].first;
    count = std::min<std::uint64_t>(messages_max, sessions_[plan->entry].count);
  }
  const std::uint64_t begin_us = sessions_[plan->entry].time_us;
  plan->messages.resize(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t time_us = transactions_[first + i].time_us;
    plan->messages[i].entry = first + i;
    plan->messages[i].offset = Microseconds(time_us - std::min(time_us, begin_us));
  }
  if (next_ == units()) {
    next_ = 0;
    ++round_;
  }
  return true;
}

absl::StatusOr<trace::SessionRecord> TraceSource::ReadSession(std::uint32_t session) {
  const SessionEntry& entry = sessions_[session];
  absl::StatusOr<trace::Record> record = reader_->Read({.kind = trace::RecordKind::kSession,
                                                        .offset = entry.offset,
                                                        .time_us = entry.time_us,
                                                        .stored_bytes = entry.stored_bytes});
  if (!record.ok()) return record.status();
  auto* read = std::get_if<trace::SessionRecord>(&*record);
  if (read == nullptr) return absl::DataLossError("a record of another kind: the file was changed");
  return std::move(*read);
}

absl::Status TraceSource::Begin(SessionPlan* plan) {
  const auto session = static_cast<std::uint32_t>(plan->entry);
  const absl::StatusOr<trace::SessionRecord> record = ReadSession(session);
  if (!record.ok()) return record.status();
  trace::RecordedSession decoded = trace::DecodeSession(*record);
  const bool leading = (decoded.answer.protocol & milter::kLeadingSpace) != 0;
  sessions_[session].leading = leading ? Leading::kYes : Leading::kNo;
  plan->kind = options_.kind.value_or(decoded.kind);
  plan->connect_offset = Microseconds(decoded.connect_us);
  plan->helo_offset = Microseconds(decoded.helo_us);
  plan->script = std::move(decoded.script);
  plan->script.transactions.clear();
  plan->script.transactions.resize(plan->messages.size());
  return absl::OkStatus();
}

// Whether header values were recorded with their white space.
absl::Status TraceSource::LearnLeading(std::uint32_t session) {
  if (sessions_[session].leading != Leading::kUnknown) return absl::OkStatus();
  const absl::StatusOr<trace::SessionRecord> record = ReadSession(session);
  if (!record.ok()) return record.status();
  const trace::RecordedSession decoded = trace::DecodeSession(*record);
  const bool leading = (decoded.answer.protocol & milter::kLeadingSpace) != 0;
  sessions_[session].leading = leading ? Leading::kYes : Leading::kNo;
  return absl::OkStatus();
}

absl::Status TraceSource::Load(SessionPlan* plan, std::size_t message) {
  MessagePlan& planned = plan->messages[message];
  const TransactionEntry& entry = transactions_[planned.entry];
  absl::Status status = LearnLeading(entry.session);
  if (!status.ok()) return status;
  absl::StatusOr<trace::Record> read = reader_->Read({.kind = trace::RecordKind::kTransaction,
                                                      .offset = entry.offset,
                                                      .time_us = entry.time_us,
                                                      .stored_bytes = entry.stored_bytes});
  if (!read.ok()) return read.status();
  const auto* record = std::get_if<trace::TransactionRecord>(&*read);
  if (record == nullptr)
    return absl::DataLossError("a record of another kind: the file was changed");
  auto loaded = std::make_unique<LoadedMessage>();
  status = LoadBody(*record, loaded.get());
  if (!status.ok()) return status;
  const bool leading = sessions_[entry.session].leading == Leading::kYes;
  trace::RecordedTransaction decoded = trace::DecodeTransaction(*record, "", leading);
  loaded->session = record->session;
  loaded->index = record->index;
  loaded->name = absl::StrCat(record->session, ".", record->index);
  loaded->recorded_queue_id = decoded.transaction.queue_id;
  // That recipients were refused is a verdict of its own: of all of them, there is no other.
  const std::vector<bool>& accepted = decoded.result.recipients_accepted;
  const bool refusal = std::find(accepted.begin(), accepted.end(), false) != accepted.end();
  if ((decoded.has_verdict || refusal) && !BodyIsMissing(*record))
    loaded->recorded = std::move(decoded.result);
  loaded->steps = {.mail_us = decoded.mail_us,
                   .rcpt_us = std::move(decoded.rcpt_us),
                   .data_us = decoded.data_us,
                   .content_us = decoded.content_us};
  milter::Transaction& transaction = plan->script.transactions[message];
  transaction = std::move(decoded.transaction);
  transaction.shared_body = loaded->body.get();
  transaction.queue_id = UniqueQueueId(transaction.queue_id, plan->round);
  if (message + 1 < plan->messages.size()) transaction.stop = StopBeforeMore(transaction.stop);
  planned.loaded = std::move(loaded);
  return absl::OkStatus();
}

// A body that was not captured is played as lines of text of its size.
absl::Status TraceSource::LoadBody(const trace::TransactionRecord& record, LoadedMessage* loaded) {
  const trace::BodyRef& ref = record.body;
  if (BodyIsMissing(record)) {
    std::string filler;
    std::size_t bytes = 0;
    for (const trace::Packet& packet : record.packets)
      bytes += packet.body_bytes;
    FillBody(std::min(bytes, kMessageBytesMax), &filler);
    loaded->body = std::make_shared<const std::string>(std::move(filler));
    return absl::OkStatus();
  }
  if (ref.bytes == 0) {
    static const std::shared_ptr<const std::string> kNone = std::make_shared<const std::string>();
    loaded->body = kNone;
    return absl::OkStatus();
  }
  loaded->body = bodies_.Find(ref.hash);
  if (loaded->body != nullptr) return absl::OkStatus();
  absl::StatusOr<std::string> body = reader_->ReadBody(ref);
  if (!body.ok()) return body.status();
  loaded->body = std::make_shared<const std::string>(*std::move(body));
  bodies_.Keep(ref.hash, loaded->body);
  return absl::OkStatus();
}

std::string TraceSource::UniqueQueueId(const std::string& recorded, std::uint64_t round) {
  const std::uint64_t number = loaded_++;
  if (recorded.empty()) return QueueIdOf(number);
  if (round == 0 && queue_ids_.insert(absl::HashOf(recorded)).second) return recorded;
  return absl::StrFormat("%sR%07X", recorded, number);
}

engine::Time TraceSource::NextDue() const {
  const bool over = options_.rounds != 0 && due_round_ >= options_.rounds;
  return over || due_us_.empty() ? engine::kNever : TimeOf(due_us_[next_due_], due_round_);
}

void TraceSource::PopDue() {
  if (++next_due_ < due_us_.size()) return;
  next_due_ = 0;
  ++due_round_;
}

}  // namespace replay
