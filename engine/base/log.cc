// The ring, the writer thread, and the limiter of the asynchronous log.
#include "engine/base/log.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"

namespace engine {

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

  void Push(Level level, std::string_view line) noexcept;
  void Run() noexcept;
  bool EmitNext() noexcept;
  void TellDropped() noexcept;
  void Deliver(Level level, Time wall_time, std::string_view line) noexcept;
  static void Leave(Writer* writer) noexcept {
    if (writer->one_left.exchange(true, std::memory_order_acq_rel)) delete writer;
  }

  std::unique_ptr<LogSink> sink;
  std::unique_ptr<Cell[]> cells;
  alignas(64) std::atomic<std::uint64_t> tail{0};
  alignas(64) std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint32_t> sleeping{0};
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
  // Sequentially consistent, as is the writer's store to `sleeping` before its last look: one of us
  // sees the other.
  cell->sequence.store(position + 1);
  if (sleeping.load() != 0 && sleeping.exchange(0) != 0) sleeping.notify_one();
}

void Log::Writer::Deliver(Level level, Time wall_time, std::string_view line) noexcept {
  sink_works = sink->Emit(level, wall_time, line);
  if (!sink_works) dropped.fetch_add(1, std::memory_order_relaxed);
}

bool Log::Writer::EmitNext() noexcept {
  Cell& cell = cells[head & (kLineCount - 1)];
  if (cell.sequence.load() != head + 1) return false;
  Deliver(cell.level, cell.wall_time, {cell.text.data(), cell.length});
  cell.sequence.store(head + kLineCount, std::memory_order_release);
  ++head;
  ++lines_since_told;
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

void Log::Writer::Run() noexcept {
  for (;;) {
    // Under steady overload the ring is never empty: then the loss is told once per lap.
    while (EmitNext()) {
      if (lines_since_told >= kLineCount) TellDropped();
    }
    TellDropped();
    if (stopping.load()) return;
    sleeping.store(1);
    const Cell& next = cells[head & (kLineCount - 1)];
    if (next.sequence.load() == head + 1 || stopping.load()) {
      sleeping.store(0);
      continue;
    }
    sleeping.wait(1);
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
  writer_->stopping.store(true);
  writer_->sleeping.store(0);
  writer_->sleeping.notify_one();
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
