// The message file: octets gathered and written, a slot's whole round with the look before reuse.
//
// Files are on tmpfs (/dev/shm). One iteration of BM_Spool_* is one message.
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/micro/allocations.h"
#include "engine/base/check.h"
#include "engine/io/posix_disk.h"
#include "engine/spool/spool.h"
#include "engine/spool/spool_writer.h"

namespace {

constexpr std::string_view kLine =
    "The quick brown fox jumps over the lazy dog and back again, all day long.\r\n";
constexpr std::size_t kHeaderFields = 14;
constexpr std::string_view kHeaderField = "Subject: Re: minutes of the meeting on Thursday\n";
constexpr std::uint64_t kMessageBytesMax = 1024 * engine::kMiB;

std::string TextLines(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += kLine;
  text.resize(bytes);
  return text;
}

// A spool on tmpfs, removed at the end.
class TmpfsSpool {
 public:
  TmpfsSpool() {
    ENGINE_CHECK(::mkdtemp(root_.data()) != nullptr);
    absl::StatusOr<std::unique_ptr<engine::PosixDisk>> disk =
        engine::PosixDisk::Open({.root = root_});
    ENGINE_CHECK(disk.ok());
    disk_ = *std::move(disk);
    spool_ = std::make_unique<engine::Spool>(*disk_, engine::SpoolLimits(), engine::SpoolOptions());
    writer_ = std::make_unique<engine::SpoolWriter>(*spool_);
  }
  ~TmpfsSpool() {
    ENGINE_CHECK(spool_->Close() == 0);
    writer_.reset();
    spool_.reset();
    disk_.reset();
    ENGINE_CHECK(::rmdir(root_.c_str()) == 0);
  }
  TmpfsSpool(const TmpfsSpool&) = delete;
  TmpfsSpool& operator=(const TmpfsSpool&) = delete;

  engine::Spool& spool() { return *spool_; }
  engine::SpoolWriter& writer() { return *writer_; }

 private:
  std::string root_ = "/dev/shm/millrace-bench-XXXXXX";
  std::unique_ptr<engine::PosixDisk> disk_;
  std::unique_ptr<engine::Spool> spool_;
  std::unique_ptr<engine::SpoolWriter> writer_;
};

// Header fields copied, the body referenced, one pwritev; into a slot that keeps its blocks.
void WriteMessage(engine::SpoolWriter& writer, engine::SpoolSlot& slot, engine::ConstBytes body) {
  writer.Open(slot, kMessageBytesMax);
  int error = 0;
  for (std::size_t i = 0; i < kHeaderFields; ++i)
    error |= writer.AddCopy(kHeaderField);
  error |= writer.AddRef(body);
  error |= writer.Flush();
  ENGINE_CHECK(error == 0);
}

// Take, write, seal, look, give back: all that the spool costs a message.
void BM_Spool_Message(benchmark::State& state) {
  const std::string body = TextLines(static_cast<std::size_t>(state.range(0)));
  TmpfsSpool place;
  const engine::Time now = std::chrono::seconds(1);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    engine::SpoolRefusal why = engine::SpoolRefusal::kNone;
    engine::SpoolSlot* slot = place.spool().Take(now, &why);
    ENGINE_CHECK(slot != nullptr);
    WriteMessage(place.writer(), *slot, std::as_bytes(std::span(body)));
    ENGINE_CHECK(place.spool().Seal(*slot) == 0);
    place.spool().GiveBack(*slot, engine::SpoolFate::kVerdict, now);
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Spool_Message)->ArgName("bytes")->Arg(2900)->Arg(11100)->Arg(65535);

// The writer alone, over blocks that the slot kept. Stopping the clock around the rest adds a
// little.
void BM_SpoolWriter_Tmpfs(benchmark::State& state) {
  const std::string body = TextLines(static_cast<std::size_t>(state.range(0)));
  TmpfsSpool place;
  const engine::Time now = std::chrono::seconds(1);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    engine::SpoolRefusal why = engine::SpoolRefusal::kNone;
    engine::SpoolSlot* slot = place.spool().Take(now, &why);
    ENGINE_CHECK(slot != nullptr);
    WriteMessage(place.writer(), *slot, std::as_bytes(std::span(body)));
    state.PauseTiming();
    place.spool().GiveBack(*slot, engine::SpoolFate::kUnread, now);
    state.ResumeTiming();
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_SpoolWriter_Tmpfs)->ArgName("bytes")->Arg(2900)->Arg(11100)->Arg(65535);

}  // namespace
