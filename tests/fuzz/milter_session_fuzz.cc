// libFuzzer: a mail server's bytes into the filter session. The first two bytes choose options and
// chunk size; the same bytes in one piece and in chunks must give the same events, and reply_due
// the same count.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/base/block_pool.h"
#include "milter/macros.h"
#include "milter/session.h"

namespace {

struct Tally {
  std::size_t events = 0;
  std::size_t due = 0;
  std::size_t aborts = 0;
  std::size_t text_bytes = 0;
  std::size_t body_bytes = 0;
  bool operator==(const Tally&) const = default;
};

void Count(const milter::Event& event, Tally* tally) {
  if (event.kind != milter::EventKind::kBody) ++tally->events;  // pieces depend on the chunks
  tally->due += event.reply_due ? 1 : 0;
  tally->aborts += event.aborts_message ? 1 : 0;
  tally->text_bytes += event.name.size() + event.value.size() + event.client.address.size();
  tally->body_bytes += event.body.size();
  milter::MacroReader macros(event.value);
  milter::Macro macro;
  while (macros.Next(&macro))
    tally->text_bytes += macro.name.size() + macro.value.size();
  milter::EsmtpReader arguments(event.value);
  std::string_view argument;
  while (arguments.Next(&argument))
    tally->text_bytes += argument.size();
}

Tally Play(const milter::FilterOptions& options,
           const std::uint8_t* data,
           std::size_t size,
           std::size_t chunk_bytes) {
  engine::BlockPool pool(std::size_t{1} << 20);
  milter::FilterSession session(options, pool);
  Tally tally;
  for (std::size_t at = 0; at < size; at += chunk_bytes) {
    std::vector<std::byte> chunk(std::min(chunk_bytes, size - at));
    std::memcpy(chunk.data(), data + at, chunk.size());
    session.Feed(chunk);
    for (;;) {
      const milter::Event event = session.Next();
      if (event.kind == milter::EventKind::kNeedMore) break;
      Count(event, &tally);
      std::fill(event.body.begin(), event.body.end(), std::byte{0});
      if (event.kind == milter::EventKind::kEndOfMessage) session.VerdictSent();
    }
  }
  return tally;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  milter::FilterOptions options;
  options.required_actions = 0;
  if ((data[0] & 1) != 0) options.protocol = 0;
  if ((data[0] & 2) != 0) options.protocol = milter::kProtocolAll;
  const std::size_t chunk_bytes = data[1] == 0 ? 1 : data[1];
  if (!(Play(options, data + 2, size - 2, chunk_bytes) == Play(options, data + 2, size - 2, size)))
    std::abort();
  return 0;
}
