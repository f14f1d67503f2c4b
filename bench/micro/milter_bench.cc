// The milter protocol of one message: packets, the filter's session, macros, the verdict's replies.
//
// One iteration of *_Session is one session with one message, fed as the receives would bring it;
// items are packets. Its floor, BM_Packets_Copy, is a memcpy of the same octets.
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/micro/allocations.h"
#include "bench/micro/recorded_session.h"
#include "engine/base/block_pool.h"
#include "engine/base/units.h"
#include "milter/macros.h"
#include "milter/packet_reader.h"
#include "milter/replies.h"
#include "milter/session.h"

namespace {

constexpr std::size_t kPoolBytes = 4 * engine::kMiB;

engine::Bytes BytesOf(std::string& text) {
  return std::as_writable_bytes(std::span<char>(text));
}

// What moving a session's octets once costs.
void BM_Packets_Copy(benchmark::State& state) {
  bench::RecordedSession session = bench::RecordSession(static_cast<std::size_t>(state.range(0)));
  std::string to(session.bytes, '\0');
  bench::NoAllocations none(state);
  for (auto _ : state) {
    char* at = to.data();
    for (const std::string& flight : session.flights)
      at = std::copy(flight.begin(), flight.end(), at);
    benchmark::DoNotOptimize(at);
    benchmark::ClobberMemory();
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations() * session.packets);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(session.bytes));
}
BENCHMARK(BM_Packets_Copy)->ArgName("bytes")->Arg(2900)->Arg(11100)->Arg(1 << 20);

// Heads and views alone.
void BM_PacketReader_Session(benchmark::State& state) {
  bench::RecordedSession session = bench::RecordSession(static_cast<std::size_t>(state.range(0)));
  engine::BlockPool pool(kPoolBytes);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    milter::PacketReader reader(pool, milter::kPayloadMaxBytes);
    for (std::string& flight : session.flights) {
      reader.Feed(BytesOf(flight));
      milter::Packet packet;
      do {
        packet = reader.Next();
        benchmark::DoNotOptimize(packet);
      } while (packet.result != milter::ReadResult::kNeedMore);
    }
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations() * session.packets);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(session.bytes));
}
BENCHMARK(BM_PacketReader_Session)->ArgName("bytes")->Arg(2900)->Arg(11100)->Arg(1 << 20);

// One body packet of the largest size.
void BM_PacketReader_BodyChunk(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  std::string packet(milter::kPacketHeadBytes + bytes, 'x');
  const std::size_t length = bytes + 1;
  for (std::size_t i = 0; i < milter::kLengthBytes; ++i)
    packet[i] = static_cast<char>(length >> (8 * (milter::kLengthBytes - 1 - i)));
  packet[milter::kLengthBytes] = static_cast<char>(milter::Command::kBody);
  engine::BlockPool pool(kPoolBytes);
  milter::PacketReader reader(pool, milter::kPayloadMaxBytes);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    reader.Feed(BytesOf(packet));
    milter::Packet piece = reader.Next();
    benchmark::DoNotOptimize(piece);
    piece = reader.Next();
    benchmark::DoNotOptimize(piece);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PacketReader_BodyChunk)->ArgName("bytes")->Arg(65535);

void Play(milter::FilterSession& filter, engine::Bytes rest, std::size_t chunk) {
  while (!rest.empty()) {
    const std::size_t take = chunk == 0 ? rest.size() : std::min(chunk, rest.size());
    filter.Feed(rest.first(take));
    rest = rest.subspan(take);
    milter::Event event;
    do {
      event = filter.Next();
      benchmark::DoNotOptimize(event);
      if (filter.awaits_verdict()) filter.VerdictSent();
    } while (event.kind != milter::EventKind::kNeedMore);
  }
}

// The whole session: states, commands decoded, events. `chunk`: octets per receive, 0: as recorded.
void BM_FilterSession_Session(benchmark::State& state) {
  bench::RecordedSession session = bench::RecordSession(static_cast<std::size_t>(state.range(0)));
  const auto chunk = static_cast<std::size_t>(state.range(1));
  const milter::FilterOptions options;
  engine::BlockPool pool(kPoolBytes);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    milter::FilterSession filter(options, pool);
    for (std::string& flight : session.flights)
      Play(filter, BytesOf(flight), chunk);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations() * session.packets);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(session.bytes));
}
BENCHMARK(BM_FilterSession_Session)
    ->ArgNames({"bytes", "chunk"})
    ->Args({2900, 0})
    ->Args({11100, 0})
    ->Args({11100, 4096})
    ->Args({11100, 64})
    ->Args({1 << 20, 0});

// The pairs of Postfix's MACRO packet before MAIL; items are macros.
void BM_MacroReader_Mail(benchmark::State& state) {
  std::string pairs;
  for (const std::string_view text : {"i",
                                      "4RP0000000",
                                      "{auth_type}",
                                      "PLAIN",
                                      "{auth_authen}",
                                      "alice@example.net",
                                      "{mail_addr}",
                                      "alice@example.net",
                                      "{mail_host}",
                                      "example.net"}) {
    pairs.append(text).push_back('\0');
  }
  std::int64_t macros = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    milter::MacroReader reader(pairs);
    milter::Macro macro;
    while (reader.Next(&macro)) {
      benchmark::DoNotOptimize(macro);
      ++macros;
    }
  }
  none.Finish();
  state.SetItemsProcessed(macros);
}
BENCHMARK(BM_MacroReader_Mail);

// What a clean message with amavisd's five header fields is answered.
void BM_ReplyWriter_Edits(benchmark::State& state) {
  std::array<std::byte, 4096> to{};
  std::size_t written = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    milter::ReplyWriter writer(to, true);
    bool good = writer.InsertHeader(0,
                                    "X-Spam-Status",
                                    "No, score=-1 tagged_above=-999 required=6\n"
                                    " tests=[ALL_TRUSTED=-1] autolearn=disabled");
    good &= writer.InsertHeader(0, "X-Spam-Level", "");
    good &= writer.InsertHeader(0, "X-Spam-Score", "-1");
    good &= writer.InsertHeader(0, "X-Spam-Flag", "NO");
    good &= writer.InsertHeader(0, "X-Virus-Scanned", "lab amavisd");
    writer.Continue();
    written = writer.written();
    benchmark::DoNotOptimize(good);
    benchmark::DoNotOptimize(to);
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(written));
}
BENCHMARK(BM_ReplyWriter_Edits);

}  // namespace
