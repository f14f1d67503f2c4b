// libFuzzer: a filter's bytes into the mail server's end, both kinds: it ends, reports, and never
// overruns.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "milter/mta_session.h"

namespace {

milter::MtaScript MakeScript() {
  milter::MtaScript script;
  milter::Transaction transaction;
  transaction.sender = {"<a@b>", {"SIZE=1"}, {}};
  transaction.recipients = {{"<c@d>", {}, {}}, {"<e@f>", {}, {}}};
  transaction.headers = {{"Subject", " x"}, {"To", " y"}};
  transaction.body = "hello\r\n";
  transaction.queue_id = "QID";
  script.transactions = {transaction, transaction};
  return script;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const milter::MtaScript kScript = MakeScript();
  milter::MtaOptions options;
  options.kind = (data[0] & 1) != 0 ? milter::MtaKind::kSendmail : milter::MtaKind::kPostfix;
  const std::size_t chunk_bytes = data[1] == 0 ? 1 : data[1];
  milter::MtaSession mta(options, kScript);
  std::array<std::byte, 512> sent{};
  for (std::size_t at = 2; at < size; at += chunk_bytes) {
    while (mta.Fill(sent) != 0) {
    }
    std::vector<std::byte> chunk(std::min(chunk_bytes, size - at));
    std::memcpy(chunk.data(), data + at, chunk.size());
    mta.Feed(chunk);
  }
  while (mta.Fill(sent) != 0) {
  }
  for (const milter::TransactionResult& result : mta.results()) {
    static_cast<void>(milter::ApplyEdits(kScript.transactions[0], result.edits, true));
  }
  if (mta.error() != milter::MtaError::kNone && mta.awaits_reply()) std::abort();
  return 0;
}
