// The relay's texts of one message: macros found and kept, the synthesized Received field.
#include <array>
#include <string_view>

#include <benchmark/benchmark.h>

#include "bench/micro/allocations.h"
#include "engine/base/block_pool.h"
#include "engine/base/check.h"
#include "relay/macro_name.h"
#include "relay/received.h"
#include "relay/session_text.h"

namespace {

// The names of Postfix's MACRO packets of one session, most of which are not read.
void BM_FindMacro_Session(benchmark::State& state) {
  constexpr std::array<std::string_view, 16> kNames = {"j",
                                                       "daemon_name",
                                                       "daemon_addr",
                                                       "client_addr",
                                                       "client_name",
                                                       "client_port",
                                                       "client_resolve",
                                                       "v",
                                                       "_",
                                                       "tls_version",
                                                       "i",
                                                       "auth_type",
                                                       "mail_addr",
                                                       "rcpt_addr",
                                                       "rcpt_mailer",
                                                       "msg_id"};
  bench::NoAllocations none(state);
  for (auto _ : state) {
    for (std::string_view name : kNames) {
      benchmark::DoNotOptimize(name);
      auto found = relay::FindMacro(name);
      benchmark::DoNotOptimize(found);
    }
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kNames.size()));
}
BENCHMARK(BM_FindMacro_Session);

// What a client says of itself in one session, kept and forgotten.
void BM_SessionText_Session(benchmark::State& state) {
  engine::BlockPool pool(engine::kMiB);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    relay::SessionText text(pool);
    bool kept = text.Set(relay::Macro::kMtaName, "mx.lab.test");
    kept &= text.Set(relay::Macro::kDaemonName, "mx.lab.test");
    kept &= text.Set(relay::Macro::kClientName, "client.example.net");
    kept &= text.Set(relay::Macro::kMtaVersion, "Postfix 3.7.11");
    kept &= text.Set(relay::SessionText::Field::kHost, "client.example.net");
    kept &= text.Set(relay::SessionText::Field::kAddress, "192.0.2.25");
    kept &= text.Set(relay::SessionText::Field::kHelo, "client.example.net");
    ENGINE_CHECK(kept);
    benchmark::DoNotOptimize(text);
  }
  none.Finish();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_SessionText_Session);

void BM_Received_Write(benchmark::State& state) {
  const relay::ReceivedFacts facts = {.helo = "client.example.net",
                                      .client_name = "client.example.net",
                                      .client_address = "192.0.2.25",
                                      .auth_type = {},
                                      .auth_ssf = {},
                                      .auth_authen = {},
                                      .mta_name = "mx.lab.test",
                                      .protocol = "ESMTP",
                                      .queue_id = "4RP0000000",
                                      .date = "Sun, 22 Nov 2026 09:59:58 +0000 (UTC)",
                                      .sender = "<alice@example.net>"};
  std::array<char, relay::kReceivedBytesMax> to{};
  std::size_t written = 0;
  bench::NoAllocations none(state);
  for (auto _ : state) {
    written = relay::WriteReceived(facts, to);
    benchmark::DoNotOptimize(to);
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(written));
}
BENCHMARK(BM_Received_Write);

}  // namespace
