// The ring, the writer thread, and the limiter of the asynchronous log.
#include "engine/base/log.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"

namespace engine {
namespace {

// futex(2), as std::atomic has no wait with a time limit. It may return early; all who call it look
// again.
void FutexWait(std::atomic<std::uint32_t>& word, std::uint32_t value, Time at_most) noexcept {
  static_assert(sizeof word == sizeof value && std::atomic<std::uint32_t>::is_always_lock_free);
  const timespec limit{.tv_sec = 0, .tv_nsec = at_most.count()};
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, at_most == kNever ? nullptr : &limit);
}

void FutexWake(std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

}  // namespace

std::string_view LevelName(Level level) noexcept {
  switch (level) {
    case Level::kError: return "error";
    case Level::kWarning: return "warning";
    case Level::kNotice: return "notice";
    case Level::kInfo: return "info";
    case Level::kDebug: return "debug";
  }
  return "?";
}

std::size_t LogSink::EmitAll(std::span<const LogEntry> entries) noexcept {
  std::size_t lost = 0;
  for (const LogEntry& entry : entries)
    lost += Emit(entry.level, entry.wall_time, entry.line) ? 0U : 1U;
  return lost;
}

// Shared by the Log and its thread. Whoever of the two leaves last deletes it: a thread stuck in
// its sink outlives the Log.
struct Log::Writer {
  struct Cell {  // NOLINT(cppcoreguidelines-pro-type-member-init): filled before it is read
    std::atomic<std::uint64_t> sequence;  // == position: free; position + 1: filled
    Time wall_time;
    std::size_t length;
    Level level;
    std::array<char, LogLine::kBytesMax> text;
  };
  static_assert((kLineCount & (kLineCount - 1)) == 0, "positions are masked");

  explicit Writer(std::unique_ptr<LogSink> to) : sink(std::move(to)), cells(new Cell[kLineCount]) {
    for (std::size_t i = 0; i < kLineCount; ++i) {
      cells[i].sequence.store(i, std::memory_order_relaxed);
    }
  }

  static constexpr std::size_t kBatchMax = 64;
  static constexpr std::size_t kHurryCount = kLineCount / 2;
  // What the writer thread does, as far as others have to know.
  static constexpr std::uint32_t kBusy = 0;       // it will look at the ring before it sleeps
  static constexpr std::uint32_t kIdle = 1;       // sleeps until it is woken
  static constexpr std::uint32_t kGathering = 2;  // sleeps for kGatherMax

  void Push(Level level, std::string_view line) noexcept;
  void Wake() noexcept;
  void CarryLast(std::string_view line) noexcept;
  void Run() noexcept;
  bool EmitSome() noexcept;
  void SleepAs(std::uint32_t how, Time at_most) noexcept;
  void TellDropped() noexcept;
  void Deliver(Level level, Time wall_time, std::string_view line) noexcept;
  static void Leave(Writer* writer) noexcept {
    if (writer->one_left.exchange(true, std::memory_order_acq_rel)) delete writer;
  }

  std::unique_ptr<LogSink> sink;
  std::unique_ptr<Cell[]> cells;
  alignas(64) std::atomic<std::uint64_t> tail{0};
  alignas(64) std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint32_t> state{kBusy};
  std::atomic<bool> stopping{false};
  std::atomic<bool> one_left{false};
  // The writer thread's own.
  std::uint64_t head = 0;
  std::uint64_t dropped_told = 0;
  std::uint64_t lines_since_told = 0;
  bool sink_works = true;
  // The Log's own.
  pthread_t thread{};
  bool started = false;
  bool abandoned = false;
};

void Log::Writer::Push(Level level, std::string_view line) noexcept {
  std::uint64_t position = tail.load(std::memory_order_relaxed);
  Cell* cell = nullptr;
  for (;;) {
    cell = &cells[position & (kLineCount - 1)];
    const std::uint64_t sequence = cell->sequence.load(std::memory_order_acquire);
    if (sequence == position) {
      if (tail.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) break;
    } else if (sequence < position) {  // still holds the line of one lap ago
      dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    } else {
      position = tail.load(std::memory_order_relaxed);
    }
  }
  cell->wall_time = WallNow();
  cell->length = std::min(line.size(), cell->text.size());
  cell->level = level;
  std::memcpy(cell->text.data(), line.data(), cell->length);
  // Sequentially consistent, as is the writer's store to `state` before its last look: one of us
  // sees the other.
  cell->sequence.store(position + 1);
  const std::uint32_t seen = state.load();
  const bool hurry = level == Level::kError || position % kHurryCount == 0;
  if (seen == kIdle || (seen == kGathering && hurry)) Wake();
}

void Log::Writer::Wake() noexcept {
  if (state.exchange(kBusy) != kBusy) FutexWake(state);
}

// A check has failed: what was gathered says how it came to that, `line` what it was. (A daemon's
// standard error goes nowhere.)
void Log::Writer::CarryLast(std::string_view line) noexcept {
  if (pthread_equal(pthread_self(), thread) != 0) return;
  Push(Level::kError, line);
  const std::uint64_t end = tail.load();
  const Cell& last = cells[(end - 1) & (kLineCount - 1)];
  Wake();
  const Time until = MonotonicNow() + kAbortWaitMax;
  while (last.sequence.load() < end - 1 + kLineCount && MonotonicNow() < until)
    ::poll(nullptr, 0, 1);
}

void Log::Writer::Deliver(Level level, Time wall_time, std::string_view line) noexcept {
  sink_works = sink->Emit(level, wall_time, line);
  if (!sink_works) dropped.fetch_add(1, std::memory_order_relaxed);
}

// Carries the lines that are there, at most kBatchMax. False: there was none.
bool Log::Writer::EmitSome() noexcept {
  std::array<LogEntry, kBatchMax> batch;
  std::size_t count = 0;
  while (count < batch.size()) {
    const Cell& cell = cells[(head + count) & (kLineCount - 1)];
    if (cell.sequence.load() != head + count + 1) break;
    batch[count++] = {cell.level, cell.wall_time, {cell.text.data(), cell.length}};
  }
  if (count == 0) return false;
  const std::size_t lost = sink->EmitAll(std::span(batch).first(count));
  sink_works = lost == 0;
  if (lost != 0) dropped.fetch_add(lost, std::memory_order_relaxed);
  for (; count > 0; --count, ++head, ++lines_since_told)
    cells[head & (kLineCount - 1)].sequence.store(head + kLineCount, std::memory_order_release);
  return true;
}

void Log::Writer::TellDropped() noexcept {
  const std::uint64_t now_dropped = dropped.load(std::memory_order_relaxed);
  lines_since_told = 0;
  if (now_dropped == dropped_told || !sink_works) return;
  LogLine line("log lines dropped");
  line.Field("lines", now_dropped - dropped_told);
  if (sink->Emit(Level::kWarning, WallNow(), line.view())) dropped_told = now_dropped;
}

// Sleeps unless there is something to do.
void Log::Writer::SleepAs(std::uint32_t how, Time at_most) noexcept {
  state.store(how);
  const Cell& next = cells[head & (kLineCount - 1)];
  const bool may = !stopping.load() && (how == kGathering || next.sequence.load() != head + 1);
  if (may) FutexWait(state, how, at_most);
  state.store(kBusy);
}

void Log::Writer::Run() noexcept {
  for (bool carried = false;; carried = false) {
    // Under steady overload the ring is never empty: then the loss is told once per lap.
    while (EmitSome()) {
      carried = true;
      if (lines_since_told >= kLineCount) TellDropped();
    }
    TellDropped();
    if (stopping.load()) {
      if (EmitSome()) continue;  // written before Stop(), seen by us after the last look
      return;
    }
    if (carried) {
      SleepAs(kGathering, kGatherMax);
    } else {
      SleepAs(kIdle, kNever);
    }
  }
}

Log::Log(std::unique_ptr<LogSink> sink) : writer_(std::make_unique<Writer>(std::move(sink))) {
  ENGINE_CHECK(writer_->sink != nullptr);
}

Log::~Log() {
  if (writer_->started) Stop(kStopWaitMax);
  if (writer_->abandoned) Writer::Leave(writer_.release());
}

bool Log::Start() {
  ENGINE_CHECK(!writer_->started);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals belong to the shards
  const int error = pthread_create(
      &writer_->thread,
      nullptr,
      [](void* raw) -> void* {
        auto* writer = static_cast<Writer*>(raw);
        writer->Run();
        Writer::Leave(writer);
        return nullptr;
      },
      writer_.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return false;
  pthread_setname_np(writer_->thread, "log");
  writer_->started = true;
  SetBeforeAbort([](void* writer,
                    const char* text) noexcept { static_cast<Writer*>(writer)->CarryLast(text); },
                 writer_.get());
  return true;
}

void Log::Write(Level level, std::string_view line) noexcept {
  if (writer_->started) {
    writer_->Push(level, line);
  } else if (writer_->abandoned) {  // its sink is still blocked
    writer_->dropped.fetch_add(1, std::memory_order_relaxed);
  } else {
    writer_->Deliver(level, WallNow(), line.substr(0, LogLine::kBytesMax));
  }
}

bool Log::Stop(Time wait_max) noexcept {
  if (!writer_->started) return !writer_->abandoned;
  writer_->started = false;
  ClearBeforeAbort(writer_.get());
  writer_->stopping.store(true);
  writer_->Wake();
  // timedjoin counts on the wall clock; a step of it shortens or lengthens this one wait.
  const Time until = WallNow() + wait_max;
  const timespec deadline{
      .tv_sec = std::chrono::duration_cast<std::chrono::seconds>(until).count(),
      .tv_nsec = (until % std::chrono::seconds(1)).count(),
  };
  if (pthread_timedjoin_np(writer_->thread, nullptr, &deadline) != 0) {
    pthread_detach(writer_->thread);
    writer_->abandoned = true;
    return false;
  }
  writer_->one_left.store(false);  // the thread has left; the Log owns all again
  return true;
}

std::uint64_t Log::dropped() const noexcept {
  return writer_->dropped.load(std::memory_order_relaxed);
}

std::optional<std::uint32_t> LogLimiter::Admit(Time now) noexcept {
  if (!begun_ || now - window_start_ >= interval_) {
    begun_ = true;
    window_start_ = now;
    admitted_ = 0;
  }
  if (admitted_ >= lines_max_) {
    if (suppressed_ != UINT32_MAX) ++suppressed_;
    return std::nullopt;
  }
  ++admitted_;
  return std::exchange(suppressed_, 0);
}

}  // namespace engine
