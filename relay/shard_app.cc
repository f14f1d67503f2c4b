// One shard's slabs, ticks and shutdown.
#include "relay/shard_app.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "engine/base/check.h"

namespace relay {
namespace {

using engine::Time;

constexpr Time kTickEvery = std::chrono::seconds(1);
constexpr Time kStopTickEvery = std::chrono::milliseconds(50);
constexpr Time kSpaceLookEvery = std::chrono::seconds(10);  // where no message makes one
constexpr std::uint32_t kWarningsPerInterval = 5;
constexpr Time kWarningInterval = std::chrono::seconds(60);

// A session has at most a message in progress and the macros of its next one.
constexpr std::uint32_t kMessagesPerSession = 2;

// Jobs that have given their slot back and wait for their ticket alone.
constexpr std::uint32_t kLeavingJobs = 1024;

// Past the deadline of Stop(): for the removal of the spool where its disk stalls.
constexpr Time kRemoveWithin = std::chrono::milliseconds(500);

engine::SpoolOptions SpoolOptionsOf(const ShardParts& parts, engine::SpoolWork& work) noexcept {
  return {.reuse = parts.settings.spool_reuse,
          .work = &work,
          .reuse_ended =
              [](void* log, int error) noexcept {
                static_cast<engine::Log*>(log)->Write(
                    engine::Level::kWarning,
                    engine::LogLine("spool files cannot be reused here")
                        .Errno("error", error)
                        .Field("next", "a new file for each message"));
              },
          .context = &parts.log};
}

}  // namespace

ShardApp::ShardApp(const ShardParts& parts) noexcept
    : parts_(parts),
      settings_(&parts.settings),
      blocks_(parts.settings.block_bytes_max),
      spool_work_(parts.loop, blocks_, parts.governor),
      spool_(parts.loop.disk(), parts.settings.spool_limits, SpoolOptionsOf(parts, spool_work_)),
      writer_(spool_),
      sessions_(parts.settings.sessions_max + kRefusingSessionsMax),
      messages_((parts.settings.sessions_max + kRefusingSessionsMax) * kMessagesPerSession),
      jobs_(parts.settings.messages_max + kLeavingJobs),
      scanner_errors_(kWarningsPerInterval, kWarningInterval),
      broken_replies_(kWarningsPerInterval, kWarningInterval),
      refused_sessions_(kWarningsPerInterval, kWarningInterval),
      accept_warnings_(kWarningsPerInterval, kWarningInterval),
      refused_clients_(kWarningsPerInterval, kWarningInterval),
      table_full_(kWarningsPerInterval, kWarningInterval),
      splices_(parts.pipes != nullptr),
      chance_(parts.seed * 2 + parts.shard) {
  settings_->Retain();
  if (parts.shard == 0) probes_.emplace(parts_.loop, parts_.scanners);
  tick_.app = this;
  tick_.fire = [](engine::Timer& t, Time now) noexcept {
    static_cast<AppTimer&>(t).app->OnTick(now);
  };
  parts_.loop.Set(tick_, parts_.loop.now() + kTickEvery);
}

ShardApp::~ShardApp() {
  ENGINE_CHECK(done_);
  settings_->Release();
}

void ShardApp::Take(const Settings& next) noexcept {
  next.Retain();
  settings_->Release();
  settings_ = &next;
}

const ListenerSettings* ShardApp::NewerOf(const ListenerSettings& listener) const noexcept {
  if (listener.settings == settings_) return nullptr;
  const ListenerSettings& newer = settings_->listeners[listener.index];
  return newer.id == listener.id ? &newer : nullptr;
}

void ShardApp::Adopt(int fd, std::uint32_t listener_index) noexcept {
  const ListenerSettings& listener = settings().listeners[listener_index];
  const std::uint32_t limit = settings().sessions_max;
  const std::uint32_t before = parts_.shared.sessions.Add();
  SessionHold hold;
  const bool refusing = before >= limit || !TakeListener(listener, &hold);
  RelaySession* session = nullptr;
  // Counted over all shards: each shard's table alone has room for the whole limit.
  if (!stopping_ && before < limit + kRefusingSessionsMax) {
    session = sessions_.Make(*this, listener, refusing);
  }
  if (session == nullptr || refusing) {
    NoteRefusedSession(before < limit && refusing ? listener.sessions_max : 0, session != nullptr);
  }
  if (session == nullptr) {
    GiveBack(hold);
    parts_.shared.sessions.Give();
    parts_.loop.Close(parts_.loop.Adopt(fd, nobody_, engine::ReadMode::kPaused));
    parts_.host.OnSessionEnded();
    return;
  }
  counters_.Add(Count::kSessionsBegun);
  CountFor(session->listener(), ListenerCount::kSessionsBegun);
  session->hold() = hold;
  session->Begin(fd);
}

// `listener_max`: the limit that it was, 0: that of all sessions, or none.
void ShardApp::NoteRefusedSession(std::uint32_t listener_max, bool is_told) noexcept {
  counters_.Add(Count::kSessionsRefused);
  const auto suppressed = refused_sessions_.Admit(parts_.loop.now());
  if (!suppressed) return;
  const bool of_listener = listener_max != 0;
  Write(engine::Level::kWarning,
        Line(stopping_     ? "session while stopping"
             : of_listener ? "too many sessions of a listener"
                           : "too many sessions")
            .Field("limit", of_listener ? listener_max : settings().sessions_max)
            .Field("suppressed", *suppressed)
            .Field("next", is_told ? "421" : "closed"));
}

SlotTaken ShardApp::TakeSlot(engine::SpoolWaiter* waiter,
                             engine::SpoolSlot** slot,
                             Refusal* why) noexcept {
  if (!parts_.shared.messages.Take(settings().messages_max)) {
    *why = SpoolFullRefusal("messages in work");
    return SlotTaken::kRefused;
  }
  engine::SpoolRefusal refusal = engine::SpoolRefusal::kNone;
  *slot = spool_.Take(parts_.loop.now(), &refusal, waiter);
  if (*slot != nullptr) return SlotTaken::kNow;
  if (refusal == engine::SpoolRefusal::kNone) return SlotTaken::kLater;
  *why = SlotRefused(refusal);
  return SlotTaken::kRefused;
}

Refusal ShardApp::SlotRefused(engine::SpoolRefusal why) noexcept {
  parts_.shared.messages.Give();
  const std::string_view reason = engine::SpoolRefusalName(why);
  return why == engine::SpoolRefusal::kStalled ? StalledRefusal(reason) : SpoolFullRefusal(reason);
}

void ShardApp::CancelSlotWait(engine::SpoolWaiter& waiter) noexcept {
  spool_.CancelWait(waiter);
  parts_.shared.messages.Give();
}

void ShardApp::GiveSlotBack(engine::SpoolSlot& slot, engine::SpoolFate fate) noexcept {
  spool_.GiveBack(slot, fate, parts_.loop.now());
  parts_.shared.messages.Give();
}

engine::Pipe* ShardApp::TakePipe() noexcept {
  const std::uint64_t refusals = parts_.pipes->refusals();
  engine::Pipe* pipe = parts_.pipes->Take(parts_.loop.now());
  counters_.Add(pipe != nullptr ? Count::kBodiesSpliced : Count::kSplicesRefused);
  if (parts_.pipes->refusals() != refusals && !std::exchange(pipe_refusal_told_, true)) {
    Write(engine::Level::kWarning,
          Line("no pipe of a useful size for bodies")
              .Field("next", "they are written; see fs.pipe-user-pages-soft, or open files"));
  }
  return pipe;
}

void ShardApp::EndSplicing(int error) noexcept {
  ENGINE_CHECK(splices_);
  splices_ = false;
  counters_.Add(Count::kSplicingEnded);
  Write(engine::Level::kWarning,
        Line("the spool's file system cannot splice")
            .Errno("error", error)
            .Field("next", "bodies are written; set --spool-splice=off"));
}

Message* ShardApp::MakeMessage() noexcept {
  Message* message = messages_.Make(blocks_);
  if (message != nullptr) counters_.Add(Count::kMessagesBegun);
  return message;
}

void ShardApp::FreeMessage(Message& message) noexcept {
  ENGINE_CHECK(message.slot == nullptr);
  GiveBack(message.hold);
  counters_.Add(Count::kMessagesEnded);
  messages_.Free(message);
}

ScanJob* ShardApp::MakeJob(ScanOwner& owner,
                           ScannerGroup& group,
                           engine::SpoolSlot& slot,
                           const ScanRequest& request) noexcept {
  ScanJob* job = jobs_.Make(*this, owner, group, slot, request);
  if (job != nullptr) counters_.Add(Count::kScansBegun);
  return job;
}

void ShardApp::FreeJob(ScanJob& job) noexcept {
  GiveBack(job.hold());
  counters_.Add(Count::kScansEnded);
  jobs_.Free(job);
}

void ShardApp::FreeSession(RelaySession& session) noexcept {
  GiveBack(session.hold());
  counters_.Add(Count::kSessionsEnded);
  CountFor(session.listener(), ListenerCount::kSessionsEnded);
  parts_.shared.sessions.Give();
  sessions_.Free(session);
  parts_.host.OnSessionEnded();
}

void ShardApp::CountRefusal(const Refusal& refusal, const ListenerSettings& listener) noexcept {
  meters_.reasons.Count(refusal);
  CountFor(listener, ListenerCount::kRefused);
  switch (refusal.failure) {
    case FailureClass::kUnreachable: counters_.Add(Count::kRefusedUnreachable); return;
    case FailureClass::kScanFailed: counters_.Add(Count::kRefusedScanFailed); return;
    case FailureClass::kOverload: counters_.Add(Count::kRefusedOverload); return;
    case FailureClass::kPassing: counters_.Add(Count::kRefusedPassing); return;
    case FailureClass::kMessageLimit: counters_.Add(Count::kRefusedMessageLimit); return;
  }
}

std::string_view ShardApp::DateText() noexcept {
  const std::int64_t second = parts_.wall_clock();
  if (second != date_second_) {
    date_second_ = second;
    const std::time_t time = second;
    std::tm local{};
    ::localtime_r(&time, &local);
    // The daemon never calls setlocale(), so the names are English.
    date_bytes_ =
        std::strftime(date_.data(), date_.size(), "%a, %d %b %Y %H:%M:%S %z (%Z)", &local);
  }
  return {date_.data(), date_bytes_};
}

engine::LogLine ShardApp::Line(std::string_view event) const noexcept {
  engine::LogLine line(event);
  line.Field("shard", parts_.shard);
  return line;
}

void ShardApp::NoteAcceptPauses() noexcept {
  const std::uint64_t pauses = parts_.loop.accept_pauses();
  if (pauses == accept_pauses_) return;
  counters_.Add(Count::kAcceptPauses, static_cast<std::int64_t>(pauses - accept_pauses_));
  accept_pauses_ = pauses;
  if (const auto suppressed = accept_warnings_.Admit(parts_.loop.now())) {
    Write(engine::Level::kWarning,
          Line("out of descriptors: accepting paused")
              .Field("suppressed", *suppressed)
              .Field("next", "sessions go on; raise the limit of open files"));
  }
}

// For readers in other threads.
void ShardApp::PublishGauges() noexcept {
  ShardGauges& gauges = meters_.gauges;
  gauges.Set(Gauge::kSpoolTaken, spool_.taken());
  gauges.Set(Gauge::kSpoolFree, spool_.free_slots());
  gauges.Set(Gauge::kSpoolRetired, spool_.retired());
  gauges.Set(Gauge::kSpoolKeptBytes, spool_.kept_bytes());
  gauges.Set(Gauge::kSpoolLooked, spool_.budget().known() ? 1 : 0);
  gauges.Set(Gauge::kSpoolBytesFree, spool_.budget().bytes_free());
  gauges.Set(Gauge::kSpoolInodesFree, spool_.budget().inodes_free());
  gauges.Set(Gauge::kSpoolMade, spool_.counters().made);
  gauges.Set(Gauge::kSpoolReused, spool_.counters().reused);
  gauges.Set(Gauge::kSpoolRemovalsFailed, spool_.counters().removals_failed);
  gauges.Set(Gauge::kBlockBytes, blocks_.bytes_in_use());
  gauges.Set(Gauge::kScans, jobs_.in_use());
}

void ShardApp::OnTick(Time now) noexcept {
  NoteAcceptPauses();
  TickScanners();
  if (stopping_) {
    EndWhenIdle(now);
    if (done_) return;
  } else {
    spool_.Tick(now);
    spool_.budget().LookAgainAfter(now, kSpaceLookEvery);
  }
  PublishGauges();
  parts_.loop.Set(tick_, now + (stopping_ ? kStopTickEvery : kTickEvery));
}

void ShardApp::Stop(Time deadline) noexcept {
  if (stopping_) return;
  stopping_ = true;
  if (probes_) probes_->Stop();
  stop_deadline_ = deadline;
  parts_.loop.Set(tick_, parts_.loop.now());
}

void ShardApp::EndWhenIdle(Time now) noexcept {
  bool in_work = false;
  sessions_.ForEach([&in_work](RelaySession& session) { in_work = in_work || session.in_work(); });
  if (in_work && now < stop_deadline_) return;
  CloseEverything(now);
}

void ShardApp::CloseEverything(Time now) noexcept {
  sessions_.ForEach([](RelaySession& session) { session.EndNow(); });
  // What is left are orphans, and tickets on their way home.
  jobs_.ForEach([](ScanJob& job) { job.Kill(); });
  if (jobs_.in_use() > 0) return;
  if (!spool_closed_) spool_.Close();
  spool_closed_ = true;
  // The loop may not go away under file work; where the disk never answers, the process ends
  // without waiting for this shard (Daemon::Stop).
  const bool waits = !spool_work_.idle();
  if (waits && now < stop_deadline_ + kRemoveWithin) return;
  const std::uint32_t left = spool_.directories();
  if (left > 0 && !left_behind_told_) {
    left_behind_told_ = true;
    Write(engine::Level::kWarning,
          Line("spool directories left behind")
              .Field("count", left)
              .Field("next", "the next start removes them"));
  }
  if (waits) return;
  done_ = true;
  parts_.host.OnDone();
}

}  // namespace relay
