// The summary line of a message: built on the stack, then handed to the log's thread.
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include <benchmark/benchmark.h>

#include "bench/micro/allocations.h"
#include "engine/base/log.h"

namespace {

// As many fields, and as long, as the line that the daemon writes for a clean message.
engine::LogLine SummaryLine() {
  engine::LogLine line("message");
  line.Field("shard", 0)
      .Field("qid", "4RP0000000")
      .Field("client", "client.example.net")
      .Field("addr", "192.0.2.25")
      .Field("from", "<alice@example.net>")
      .Field("to", "<bob@lab.test>")
      .Field("nrcpt", 1U)
      .Field("size", 12345U)
      .Field("verdict", "continue")
      .Field("log_id", "18785-02")
      .Field("slot", "s00042")
      .Milliseconds("wait_ms", engine::Time(0))
      .Milliseconds("scan_ms", std::chrono::microseconds(412'345))
      .Milliseconds("total_ms", std::chrono::microseconds(413'001))
      .Field("edits", "insheader:5");
  return line;
}

void BM_LogLine_Summary(benchmark::State& state) {
  std::size_t bytes = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    const engine::LogLine line = SummaryLine();
    bytes = line.view().size();
    benchmark::DoNotOptimize(line.view());
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_LogLine_Summary);

class CountingSink final : public engine::LogSink {
 public:
  explicit CountingSink(std::atomic<std::uint64_t>& count) : count_(count) {}
  bool Emit(engine::Level, engine::Time, std::string_view) noexcept override {
    count_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

 private:
  std::atomic<std::uint64_t>& count_;
};

// Into the ring, as many lines at once as fit; the writer thread empties it outside of the time.
void BM_Log_Write(benchmark::State& state) {
  std::atomic<std::uint64_t> carried{0};
  engine::Log log(std::make_unique<CountingSink>(carried));
  if (!log.Start()) return state.SkipWithError("no thread");
  const engine::LogLine line = SummaryLine();
  std::uint64_t written = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i)
      log.Write(engine::Level::kInfo, line);
    state.PauseTiming();
    written += static_cast<std::uint64_t>(state.range(0));
    while (carried.load(std::memory_order_relaxed) + log.dropped() < written)
      ::sched_yield();
    state.ResumeTiming();
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  if (log.dropped() > 0) state.SkipWithError("lines dropped");
  log.Stop(std::chrono::seconds(1));
}
BENCHMARK(BM_Log_Write)->ArgName("lines")->Arg(512);

}  // namespace
