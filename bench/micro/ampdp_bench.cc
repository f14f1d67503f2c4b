// The AM.PDP protocol of one message: request out, reply in, values coded.
#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "ampdp/attribute.h"
#include "ampdp/reply.h"
#include "ampdp/reply_reader.h"
#include "ampdp/request_writer.h"
#include "bench/micro/allocations.h"
#include "engine/base/arena.h"
#include "engine/base/block_pool.h"
#include "engine/base/check.h"

namespace {

constexpr std::size_t kArenaBytes = 1 * engine::kMiB;

// tests/golden/ampdp/clean_small.ampdp: amavisd's answer to a clean message.
constexpr std::string_view kReply =
    "version_server=2\r\n"
    "log_id=18785-02\r\n"
    "setreply=250 2.5.0 Ok,%20id=18785-02,%20continue%20delivery\r\n"
    "insheader=0 X-Spam-Status No,%20score=-1%20tagged_above=-999%20required=6%0a%20"
    "tests=[ALL_TRUSTED=-1]%20autolearn=disabled\r\n"
    "insheader=0 X-Spam-Level \r\n"
    "insheader=0 X-Spam-Score -1\r\n"
    "insheader=0 X-Spam-Flag NO\r\n"
    "insheader=0 X-Virus-Scanned lab%20amavisd\r\n"
    "return_value=continue\r\n"
    "exit_code=0\r\n"
    "\r\n";

void BM_RequestWriter_Message(benchmark::State& state) {
  const std::vector<std::string_view> recipients(static_cast<std::size_t>(state.range(0)),
                                                 "<bob.of.the.long.name@lab.test>");
  const ampdp::Request request = {
      .queue_id = "4RP0000000",
      .protocol_name = "ESMTP",
      .sender = "<alice@example.net>",
      .recipients = recipients,
      .tempdir = "/var/lib/amavis/tmp/millrace-Ab12xY/0/s00042",
      .mail_file = "/var/lib/amavis/tmp/millrace-Ab12xY/0/s00042/email.txt",
      .client_address = "192.0.2.25",
      .client_port = 34567,
      .client_name = "client.example.net",
      .helo_name = "client.example.net"};
  std::vector<char> to(ampdp::RequestBytes(request));
  bench::NoAllocations none(state);
  for (auto _ : state) {
    const std::size_t need = ampdp::RequestBytes(request);
    std::size_t written = ampdp::WriteRequest(request, {to.data(), need});
    benchmark::DoNotOptimize(written);
    benchmark::DoNotOptimize(to.data());
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(to.size()));
}
BENCHMARK(BM_RequestWriter_Message)->ArgName("recipients")->Arg(1)->Arg(50)->Arg(1000);

// Frame it, then parse it in place; the copy that makes a fresh buffer is part of the time.
void BM_ReplyParser_Clean(benchmark::State& state) {
  const auto chunk = static_cast<std::size_t>(state.range(0));
  std::array<char, kReply.size()> buffer;
  engine::BlockPool pool(kArenaBytes);
  engine::Arena arena(pool, kArenaBytes);
  bench::NoAllocations none(state);
  for (auto _ : state) {
    std::copy(kReply.begin(), kReply.end(), buffer.begin());
    ampdp::ReplyReader reader;
    ampdp::BlockStatus status = ampdp::BlockStatus::kNeedMore;
    for (std::size_t come = 0; status == ampdp::BlockStatus::kNeedMore;) {
      come = std::min(come + chunk, buffer.size());
      status = reader.Scan({buffer.data(), come});
    }
    ampdp::Reply reply;
    const ampdp::ReplyError error = ampdp::ParseReply(buffer, arena, &reply);
    ENGINE_CHECK(error.ok() && reply.edits.size() == 5);
    benchmark::DoNotOptimize(reply);
    arena.Reset();
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(buffer.size()));
}
BENCHMARK(BM_ReplyParser_Clean)->ArgName("chunk")->Arg(4096)->Arg(64);

std::string AddressText(std::size_t bytes) {
  constexpr std::string_view kAddress = "<somebody.of.us@a-long.example.net>";
  std::string text;
  while (text.size() < bytes)
    text += kAddress;
  text.resize(bytes);
  return text;
}

// The floor of the two coders.
void BM_Attribute_Copy(benchmark::State& state) {
  const std::string text = AddressText(static_cast<std::size_t>(state.range(0)));
  std::vector<char> to(text.size());
  bench::NoAllocations none(state);
  for (auto _ : state) {
    std::memcpy(to.data(), text.data(), text.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(BM_Attribute_Copy)->ArgName("bytes")->Arg(32)->Arg(1024);

void BM_Attribute_Encode(benchmark::State& state) {
  const std::string text = AddressText(static_cast<std::size_t>(state.range(0)));
  std::vector<char> to(ampdp::EncodedBytes(text, ampdp::Coding::kClient));
  bench::NoAllocations none(state);
  for (auto _ : state) {
    char* end = ampdp::Encode(text, ampdp::Coding::kClient, to.data());
    benchmark::DoNotOptimize(end);
    benchmark::ClobberMemory();
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(BM_Attribute_Encode)->ArgName("bytes")->Arg(32)->Arg(1024);

// As a header field's value comes: its blanks coded, the rest plain.
void BM_Attribute_Decode(benchmark::State& state) {
  constexpr std::string_view kValue = "No, score=-1 tagged_above=-999 required=6 ";
  std::string text;
  while (text.size() < static_cast<std::size_t>(state.range(0)))
    text += kValue;
  text.resize(static_cast<std::size_t>(state.range(0)));
  std::vector<char> encoded(ampdp::EncodedBytes(text, ampdp::Coding::kServer));
  ampdp::Encode(text, ampdp::Coding::kServer, encoded.data());
  std::vector<char> buffer(encoded.size());
  bench::NoAllocations none(state);
  for (auto _ : state) {
    std::copy(encoded.begin(), encoded.end(), buffer.begin());
    ampdp::Decoded decoded = ampdp::DecodeInPlace(buffer);
    ENGINE_CHECK(decoded.ok());
    benchmark::DoNotOptimize(decoded);
  }
  none.Finish();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(encoded.size()));
}
BENCHMARK(BM_Attribute_Decode)->ArgName("bytes")->Arg(32)->Arg(1024);

}  // namespace
