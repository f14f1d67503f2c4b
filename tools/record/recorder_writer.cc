// The writer's thread: events to observers, their records to the filter and the output.
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"
#include "engine/base/check.h"
#include "tools/record/recorder.h"

namespace record {
namespace {

constexpr std::uint64_t kSyncEveryUs = 1'000'000;

}  // namespace

// What an observer has made of a session's octets.
class Recorder::Sink final : public trace::RecordSink {
 public:
  explicit Sink(Recorder& recorder) noexcept : recorder_(recorder) {}
  virtual ~Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  void OnSession(trace::SessionRecord&& record) override {
    if (recorder_.failed()) return;
    if (filter() != nullptr) filter()->Rewrite(record);
    recorder_.Check(recorder_.output_->Write(record));
  }
  void OnTransaction(trace::TransactionRecord&& record, std::string&& body) override {
    if (recorder_.failed()) return;
    if (filter() != nullptr) filter()->Rewrite(record, body);
    const std::uint64_t before = recorder_.output_->file_bytes();
    if (!recorder_.Check(recorder_.output_->Write(record, body))) return;
    recorder_.counters_.Add(Recorded::kTransactions);
    recorder_.CountBody(record.body, before);
    if (record.captured > trace::Captured::kNone) recorder_.counters_.Add(Recorded::kNotCaptured);
  }
  void OnClose(trace::CloseRecord&& record) override {
    if (recorder_.failed()) return;
    if (filter() != nullptr) filter()->Rewrite(record);
    if (recorder_.Check(recorder_.output_->Write(record)))
      recorder_.counters_.Add(Recorded::kSessions);
  }

 private:
  RecordFilter* filter() const noexcept { return recorder_.options_.filter; }
  Recorder& recorder_;
};

Recorder::Recorder(std::unique_ptr<RecorderOutput> output, RecorderOptions options)
    : output_(std::move(output)),
      options_(std::move(options)),
      queue_(options_.buffer_bytes),
      sink_(std::make_unique<Sink>(*this)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      next_session_(output_->last_session() + 1) {
  ENGINE_CHECK(wake_ >= 0);
}

Recorder::~Recorder() {
  Stop();
  Discard();
  ::close(wake_);
}

void Recorder::Run() noexcept {
  for (;;) {
    // Read before the queue: what was given before the end is in it then.
    const bool over = stopping_.load(std::memory_order_seq_cst) || !recording();
    Drain();
    if (over || failed()) break;
    SyncIfDue();
    WaitForWork();
  }
  CutSessions();
  RecorderEnd expected = RecorderEnd::kRecording;
  end_.compare_exchange_strong(expected, RecorderEnd::kStopped, std::memory_order_acq_rel);
  if (!failed()) WriteEnd();
  if (!failed() && end() != RecorderEnd::kStopped)
    LogEnd("the buffer was full: disk or processor too slow");
  observers_.clear();
}

void Recorder::Drain() noexcept {
  Event event;
  std::array<std::string_view, 2> octets;
  while (!failed() && queue_.Front(&event, &octets)) {
    Take(event, octets);
    queue_.Pop(event);
  }
}

void Recorder::Discard() noexcept {
  Event event;
  std::array<std::string_view, 2> octets;
  while (queue_.Front(&event, &octets)) {
    delete static_cast<Scanned*>(event.object);
    queue_.Pop(event);
  }
}

void Recorder::Take(const Event& event, const std::array<std::string_view, 2>& octets) noexcept {
  switch (event.kind) {
    case EventKind::kOpen:
      observers_.emplace(
          event.session,
          std::make_unique<trace::SessionObserver>(*sink_, event.session, event.time_us));
      return;
    case EventKind::kOctets: return Feed(event, octets);
    case EventKind::kClose: {
      const auto at = observers_.find(event.session);
      if (at == observers_.end()) return;
      held_bytes_ -= at->second->held_bytes();
      at->second->OnEnd(static_cast<trace::Ending>(event.detail), event.bytes, event.time_us);
      observers_.erase(at);
      return;
    }
    case EventKind::kScan: {
      const std::unique_ptr<Scanned> scanned(static_cast<Scanned*>(event.object));
      WriteScan(*scanned);
      scan_bytes_.fetch_sub(scanned->bytes, std::memory_order_relaxed);
      return;
    }
  }
}

// A session that takes all memory is recorded no further, so that the others are.
void Recorder::Feed(const Event& event, const std::array<std::string_view, 2>& octets) noexcept {
  const auto at = observers_.find(event.session);
  if (at == observers_.end()) return;
  trace::SessionObserver& observer = *at->second;
  held_bytes_ -= observer.held_bytes();
  for (const std::string_view part : octets) {
    if (!part.empty())
      observer.OnOctets(static_cast<trace::Direction>(event.detail), part, event.time_us);
  }
  if (held_bytes_ + observer.held_bytes() <= kSessionsBytesMax) {
    held_bytes_ += observer.held_bytes();
    return;
  }
  observer.OnEnd(trace::Ending::kNotUnderstood, 0, event.time_us);
  observers_.erase(at);
  counters_.Add(Recorded::kCut);
}

void Recorder::WriteScan(Scanned& scanned) noexcept {
  std::string none;
  std::string& message = scanned.copy != nullptr ? scanned.copy->content() : none;
  if (options_.filter != nullptr) options_.filter->Rewrite(scanned.record, message);
  const std::uint64_t before = output_->file_bytes();
  if (!Check(output_->Write(scanned.record, message))) return;
  counters_.Add(Recorded::kScans);
  CountBody(scanned.record.message, before);
  if (scanned.record.captured > trace::Captured::kNone) counters_.Add(Recorded::kNotCaptured);
}

void Recorder::CountBody(const trace::BodyRef& body, std::uint64_t file_bytes_before) noexcept {
  if (body.bytes == 0) return;
  counters_.Add(body.offset >= file_bytes_before ? Recorded::kBodiesKept : Recorded::kBodiesKnown);
}

void Recorder::SyncIfDue() noexcept {
  if (!options_.sync_every_second) return;
  const std::uint64_t now_us = WallMicroseconds();
  if (now_us < synced_at_us_ + kSyncEveryUs && now_us >= synced_at_us_) return;
  synced_at_us_ = now_us;
  Check(output_->Sync());
}

void Recorder::CutSessions() noexcept {
  const std::uint64_t now_us = WallMicroseconds();
  for (auto& [session, observer] : observers_) {
    counters_.Add(Recorded::kCut);
    if (!failed()) observer->OnEnd(trace::Ending::kRecorderClosed, 0, now_us);
  }
}

void Recorder::WriteEnd() noexcept {
  trace::EndRecord record;
  record.time_us = WallMicroseconds();
  record.json = absl::StrCat("{\"reason\":\"",
                             RecorderEndText(end()),
                             "\",\"sessions\":",
                             counters_.Read(Recorded::kSessions),
                             ",\"transactions\":",
                             counters_.Read(Recorded::kTransactions),
                             ",\"scans\":",
                             counters_.Read(Recorded::kScans),
                             ",\"dropped\":",
                             counters_.Read(Recorded::kCut),
                             "}");
  if (Check(output_->Write(record))) Check(output_->Sync());
}

// False: the recording has ended.
bool Recorder::Check(const absl::Status& status) noexcept {
  if (status.ok()) return true;
  if (end_.exchange(RecorderEnd::kWriteFailed, std::memory_order_acq_rel) !=
      RecorderEnd::kWriteFailed) {
    LogEnd(engine::ToStd(status.message()));
  }
  return false;
}

void Recorder::LogEnd(std::string_view reason) noexcept {
  if (options_.log == nullptr) return;
  engine::LogLine line("recording ended early, mail goes on:");
  line.Field("reason", reason)
      .Field("sessions", counters_.Read(Recorded::kSessions))
      .Field("transactions", counters_.Read(Recorded::kTransactions))
      .Field("scans", counters_.Read(Recorded::kScans))
      .Field("cut", counters_.Read(Recorded::kCut) + (failed() ? observers_.size() : 0));
  options_.log->Write(engine::Level::kError, line);
}

}  // namespace record
