// libFuzzer: a server's bytes into the SMTP client, every option: it ends, reports, and never
// overruns.
//
//   input: options (bit 0 no pipelining, 1 no xclient, 2 no quit, 3 bytes end in a close),
//          fill size, chunk size, then the server's bytes
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tools/replay/smtp_client.h"

namespace {

constexpr std::size_t kHeadBytes = 3;

milter::MtaScript MakeScript() {
  milter::MtaScript script;
  milter::Transaction transaction;
  transaction.sender = {"<a@b>", {"SIZE=1", "BODY=8BITMIME", "RET=HDRS"}, {{"auth_authen", "x=y"}}};
  transaction.recipients = {{"<c@d>", {"NOTIFY=NEVER"}, {}}, {"<e@f>", {}, {}}};
  transaction.headers = {{"Subject", " x"}, {"To", " y\n\tz"}};
  transaction.body = "hello\r\n.\xff\n";
  script.transactions.assign(5, transaction);
  script.transactions[1].retry_data = true;
  script.transactions[1].unknown_line = "FOO";
  script.transactions[2].helo = "again";
  script.transactions[2].stop = {milter::StopHow::kReset, milter::Command::kRcpt, 1};
  script.transactions[3].recipients.clear();
  return script;
}

void FillAll(replay::SmtpClient& client, std::size_t fill_bytes) {
  std::vector<std::byte> sent(fill_bytes);
  for (std::size_t filled = client.Fill(sent); filled != 0; filled = client.Fill(sent)) {
    if (filled > sent.size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kHeadBytes) return 0;
  static const milter::MtaScript kScript = MakeScript();
  const replay::SmtpOptions options = {.xclient = (data[0] & 2) == 0,
                                       .pipelining = (data[0] & 1) == 0,
                                       .declare_8bit = true,
                                       .paced = false,
                                       .quit = (data[0] & 4) == 0};
  const std::size_t fill_bytes = data[1] == 0 ? 1 : data[1];
  const std::size_t chunk_bytes = data[2] == 0 ? 1 : data[2];
  replay::SmtpClient client(options, kScript);
  for (std::size_t at = kHeadBytes; at < size; at += chunk_bytes) {
    FillAll(client, fill_bytes);
    std::vector<std::byte> chunk(std::min(chunk_bytes, size - at));
    std::memcpy(chunk.data(), data + at, chunk.size());
    client.Feed(chunk);
  }
  FillAll(client, fill_bytes);
  if ((data[0] & 8) != 0) client.FeedEnd();
  if (client.error() != replay::SmtpError::kNone && !client.finished()) std::abort();
  if ((data[0] & 8) != 0 && !client.finished()) std::abort();
  if (!client.finished() && !client.awaits_reply()) std::abort();
  if (client.transactions_done() > kScript.transactions.size()) std::abort();
  for (const milter::TransactionResult& result : client.results()) {
    const bool decided = result.outcome != milter::Outcome::kNone;
    if (decided == result.reply_text.empty()) std::abort();
  }
  return 0;
}
