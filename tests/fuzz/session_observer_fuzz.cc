// libFuzzer: both byte streams of a milter connection, any octets in any pieces, into the observer;
// its records into the decoder.
//
// Input: pieces, each an octet (top bit: from the filter; the rest: length) and its octets.
// Checks: records come in their order, hold what passed and nothing else, and do not depend on the
// pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "tools/trace/record_codec.h"
#include "tools/trace/session_observer.h"
#include "tools/trace/transcript.h"

namespace {

class Sink final : public trace::RecordSink {
 public:
  void OnSession(trace::SessionRecord&& record) override {
    ENGINE_CHECK(order_.empty());
    order_ = "s";
    AddOctets(record.packets, {});
    trace::Encode(record, &records_);
    const trace::RecordedSession session = trace::DecodeSession(record);
    ENGINE_CHECK(session.not_understood <= record.packets.size());
  }
  void OnTransaction(trace::TransactionRecord&& record, std::string&& body) override {
    ENGINE_CHECK(order_ == "s");
    ENGINE_CHECK(record.index == transactions_);
    ++transactions_;
    AddOctets(record.packets, body);
    trace::Encode(record, &records_);
    records_ += body;
    const trace::RecordedTransaction one =
        trace::DecodeTransaction(record, std::move(body), (record.index & 1) != 0);
    ENGINE_CHECK(one.result.outcome == record.outcome);
    ENGINE_CHECK(one.rcpt_us.size() == one.transaction.recipients.size());
    ENGINE_CHECK(one.result.recipients_accepted.size() == one.rcpt_us.size());
  }
  void OnClose(trace::CloseRecord&& record) override {
    ENGINE_CHECK(order_ == "s");
    ENGINE_CHECK(record.transactions == transactions_);
    order_ = "c";
    AddOctets(record.packets, {});
    trace::Encode(record, &records_);
  }

  bool done() const { return order_ == "c"; }
  const std::string& records() const { return records_; }
  const std::string& octets(trace::Direction direction) const {
    return octets_[static_cast<std::size_t>(direction)];
  }

 private:
  void AddOctets(const std::vector<trace::Packet>& packets, std::string_view body) {
    for (const trace::Packet& packet : packets) {
      std::string& out = octets_[static_cast<std::size_t>(packet.direction)];
      const std::size_t length = 1 + packet.payload.size() + packet.body_bytes;
      for (int shift = 24; shift >= 0; shift -= 8)
        out += static_cast<char>(length >> shift);
      out += static_cast<char>(packet.code);
      out += packet.payload;
      out += body.substr(0, packet.body_bytes);
      body.remove_prefix(packet.body_bytes);
    }
    ENGINE_CHECK(body.empty());
  }

  std::string order_;
  std::string records_;
  std::string octets_[2];
  std::uint32_t transactions_ = 0;
};

// `piece_bytes` cuts the pieces further.
void Play(std::string_view input, std::size_t piece_bytes, Sink* sink, std::string* fed) {
  trace::SessionObserver observer(*sink, 1, 1);
  while (!input.empty()) {
    const auto head = static_cast<unsigned char>(input.front());
    const auto direction =
        (head & 0x80) != 0 ? trace::Direction::kToServer : trace::Direction::kToFilter;
    std::string_view piece = input.substr(1, head & 0x7F);
    input.remove_prefix(1 + piece.size());
    fed[static_cast<std::size_t>(direction)] += piece;
    while (!piece.empty()) {
      const std::string some(piece.substr(0, piece_bytes));
      observer.OnOctets(direction, some, 1);
      piece.remove_prefix(some.size());
    }
  }
  observer.OnEnd(trace::Ending::kServerClosed, 0, 1);
  ENGINE_CHECK(sink->done());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Sink whole;
  std::string fed[2];
  Play(input, 128, &whole, fed);
  for (const trace::Direction direction :
       {trace::Direction::kToFilter, trace::Direction::kToServer}) {
    const std::string& octets = fed[static_cast<std::size_t>(direction)];
    ENGINE_CHECK(octets.starts_with(whole.octets(direction)));
  }
  Sink cut;
  std::string again[2];
  Play(input, 1, &cut, again);
  ENGINE_CHECK(cut.records() == whole.records());
  return 0;
}
