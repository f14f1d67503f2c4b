// For the milter tests: both ends joined, byte for byte.
#include "tests/milter/mta_probe.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace milter {

Transaction SampleTransaction() {
  Transaction transaction;
  transaction.sender = {"<alice@example.net>", {"SIZE=100"}, {}};
  transaction.recipients = {{"<bob@lab.test>", {}, {}}, {"<carol@lab.test>", {"NOTIFY=NEVER"}, {}}};
  transaction.headers = {{"Subject", " one"}, {"To", "two"}, {"X-Fold", "  a\n\tb"}};
  transaction.body = "hello\r\nworld\r\n";
  transaction.queue_id = "4CC63A76085";
  return transaction;
}

MtaScript SampleScript(std::size_t transactions) {
  MtaScript script;
  script.macros = {{"j", "mx.lab.test"}, {"v", "Postfix 3.7.11"}};
  for (std::size_t i = 0; i < transactions; ++i)
    script.transactions.push_back(SampleTransaction());
  return script;
}

MtaProbe::MtaProbe(const MtaOptions& mta, const MtaScript& script, const FilterOptions& filter)
    : mta_options_(mta),
      script_(script),
      filter_options_(filter),
      mta_(mta_options_, script_),
      filter_(filter_options_, pool_) {}

void MtaProbe::Run(const Answerer& answer, std::size_t chunk_bytes) {
  std::vector<std::byte> chunk(chunk_bytes);
  for (;;) {
    const std::size_t filled = mta_.Fill(chunk);
    const std::string_view bytes(reinterpret_cast<const char*>(chunk.data()), filled);
    sent_ += bytes;
    FeedFilter(bytes, answer);
    if (filled == 0 && replies_.empty()) return;
    const std::size_t reply = std::min(replies_.size(), chunk_bytes);
    mta_.Feed(std::as_bytes(std::span(replies_).first(reply)));
    replies_.erase(0, reply);
  }
}

void MtaProbe::FeedFilter(std::string_view bytes, const Answerer& answer) {
  std::vector<std::byte> copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  filter_.Feed(copy);
  for (;;) {
    const Event event = filter_.Next();
    if (event.kind == EventKind::kNeedMore) return;
    if (event.kind == EventKind::kMacro) {
      letters_ += static_cast<char>(event.stage + ('a' - 'A'));
    } else if (event.kind == EventKind::kBody) {
      body_.append(reinterpret_cast<const char*>(event.body.data()), event.body.size());
      if (!letters_.ends_with('B')) letters_ += 'B';
    } else {
      letters_ += static_cast<char>(event.command);
    }
    lines_.push_back(Render(event));
    Answer(event, answer);
  }
}

void MtaProbe::Answer(const Event& event, const Answerer& answer) {
  if (!event.reply_due) return;
  std::vector<std::byte> buffer(std::size_t{1} << 18);
  ReplyWriter writer(buffer, filter_.leading_space(), filter_.actions());
  if (event.kind == EventKind::kNegotiated) {
    writer.Negotiate(filter_.answer());
  } else if (!answer || !answer(event, writer)) {
    writer.Continue();
  }
  replies_.append(reinterpret_cast<const char*>(buffer.data()), writer.written());
  if (event.kind == EventKind::kEndOfMessage) filter_.VerdictSent();
}

std::vector<std::string> PacketLines(std::string_view bytes) {
  std::vector<std::string> lines;
  for (Frame frame = NextFrame(bytes); frame.result == FrameResult::kFrame;
       frame = NextFrame(bytes)) {
    lines.push_back(static_cast<char>(frame.code) + (" " + Escape(frame.payload)));
    bytes.remove_prefix(frame.bytes);
  }
  return lines;
}

}  // namespace milter
