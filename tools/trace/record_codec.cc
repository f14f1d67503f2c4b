// Payloads: fields in their order, each checked when read.
#include "tools/trace/record_codec.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace trace {
namespace {

// The shortest packet: each field in one octet.
constexpr std::size_t kPacketBytesMin = 5;
constexpr unsigned kVarintBytesMax = 10;

std::uint64_t Zigzag(std::uint64_t from, std::uint64_t to) noexcept {
  const std::uint64_t difference = to - from;
  return (difference << 1) ^ (0 - (difference >> 63));
}

std::uint64_t Unzigzag(std::uint64_t value) noexcept {
  return (value >> 1) ^ (0 - (value & 1));
}

class Encoder {
 public:
  explicit Encoder(std::string* out) : out_(out) {}

  void Octet(std::uint8_t value) { out_->push_back(static_cast<char>(value)); }

  void Varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      Octet(static_cast<std::uint8_t>(value | 0x80));
    Octet(static_cast<std::uint8_t>(value));
  }

  void Text(std::string_view text) {
    Varint(text.size());
    out_->append(text);
  }

  void Body(const BodyRef& body) {
    Varint(body.bytes);
    if (body.bytes == 0) return;
    out_->append(HashOctets(body.hash));
    Varint(body.offset);
  }

  void Packets(const std::vector<Packet>& packets) {
    Varint(packets.size());
    std::uint64_t last_us = 0;
    for (const Packet& packet : packets) {
      Varint(Zigzag(last_us, packet.offset_us));
      last_us = packet.offset_us;
      Octet(static_cast<std::uint8_t>(packet.direction));
      Octet(packet.code);
      Varint(packet.body_bytes);
      Text(packet.payload);
    }
  }

 private:
  std::string* out_;
};

// Once something is not sound it gives zeros, and ok() is false.
class Decoder {
 public:
  explicit Decoder(std::string_view payload) : rest_(payload) {}

  bool ok() const noexcept { return ok_; }
  std::size_t left() const noexcept { return rest_.size(); }

  std::uint8_t Octet() {
    if (rest_.empty()) return Fail<std::uint8_t>();
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < kVarintBytesMax; ++i) {
      const std::uint8_t octet = Octet();
      if (i + 1 == kVarintBytesMax && octet > 1) break;  // more than 64 bits
      value |= std::uint64_t{octet & 0x7FU} << (7 * i);
      if (octet < 0x80) return ok_ ? value : 0;
    }
    return Fail<std::uint64_t>();
  }

  template <typename Number>
  Number VarintAs() {
    const std::uint64_t value = Varint();
    return value <= std::numeric_limits<Number>::max() ? static_cast<Number>(value)
                                                       : Fail<Number>();
  }

  // An enumerator from 0 to `last`.
  template <typename Enum>
  Enum OneOf(Enum last) {
    const std::uint8_t octet = Octet();
    return octet <= static_cast<std::uint8_t>(last) ? static_cast<Enum>(octet) : Fail<Enum>();
  }

  std::string_view Take(std::uint64_t bytes) {
    if (bytes > rest_.size()) return Fail<std::string_view>();
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }

  std::string Text() { return std::string(Take(Varint())); }

  BodyRef Body() {
    BodyRef body;
    body.bytes = Varint();
    if (body.bytes == 0) return body;
    const std::string_view hash = Take(kHashBytes);
    if (ok_) std::memcpy(body.hash.data(), hash.data(), kHashBytes);
    body.offset = Varint();
    return body;
  }

  std::vector<Packet> Packets() {
    std::vector<Packet> packets;
    const std::uint64_t count = Varint();
    if (count > left() / kPacketBytesMin) return Fail<std::vector<Packet>>();
    packets.reserve(count);
    std::uint64_t last_us = 0;
    for (std::uint64_t i = 0; i < count && ok_; ++i) {
      Packet& packet = packets.emplace_back();
      packet.offset_us = last_us + Unzigzag(Varint());
      last_us = packet.offset_us;
      packet.direction = OneOf(Direction::kToServer);
      packet.code = Octet();
      packet.body_bytes = VarintAs<std::uint32_t>();
      packet.payload = Text();
    }
    return packets;
  }

 private:
  template <typename Value>
  Value Fail() {
    ok_ = false;
    rest_ = {};
    return Value{};
  }

  std::string_view rest_;
  bool ok_ = true;
};

SessionRecord DecodeSessionRecord(const RecordHead& head, Decoder& in) {
  SessionRecord record{.session = head.session, .time_us = head.time_us, .packets = {}};
  record.packets = in.Packets();
  return record;
}

TransactionRecord DecodeTransactionRecord(const RecordHead& head, Decoder& in) {
  TransactionRecord record;
  record.session = head.session;
  record.time_us = head.time_us;
  record.index = in.VarintAs<std::uint32_t>();
  record.outcome = in.OneOf(milter::Outcome::kDiscarded);
  record.decided_at = in.Octet();
  record.captured = in.OneOf(Captured::kTooLarge);
  record.body = in.Body();
  record.packets = in.Packets();
  return record;
}

CloseRecord DecodeCloseRecord(const RecordHead& head, Decoder& in) {
  CloseRecord record;
  record.session = head.session;
  record.time_us = head.time_us;
  record.ending = in.OneOf(Ending::kRecorderClosed);
  record.transactions = in.VarintAs<std::uint32_t>();
  record.error = in.VarintAs<std::uint32_t>();
  record.packets = in.Packets();
  return record;
}

ScanRecord DecodeScanRecord(const RecordHead& head, Decoder& in) {
  ScanRecord record;
  record.time_us = head.time_us;
  record.request_us = in.Varint();
  record.reply_us = in.Varint();
  record.captured = in.OneOf(Captured::kTooLarge);
  record.message = in.Body();
  record.request = in.Text();
  record.reply = in.Text();
  return record;
}

}  // namespace

std::string_view HashOctets(const ContentHash& hash) noexcept {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

void Encode(const SessionRecord& record, std::string* out) {
  Encoder(out).Packets(record.packets);
}

void Encode(const TransactionRecord& record, std::string* out) {
  Encoder encoder(out);
  encoder.Varint(record.index);
  encoder.Octet(static_cast<std::uint8_t>(record.outcome));
  encoder.Octet(record.decided_at);
  encoder.Octet(static_cast<std::uint8_t>(record.captured));
  encoder.Body(record.body);
  encoder.Packets(record.packets);
}

void Encode(const CloseRecord& record, std::string* out) {
  Encoder encoder(out);
  encoder.Octet(static_cast<std::uint8_t>(record.ending));
  encoder.Varint(record.transactions);
  encoder.Varint(record.error);
  encoder.Packets(record.packets);
}

void Encode(const ScanRecord& record, std::string* out) {
  Encoder encoder(out);
  encoder.Varint(record.request_us);
  encoder.Varint(record.reply_us);
  encoder.Octet(static_cast<std::uint8_t>(record.captured));
  encoder.Body(record.message);
  encoder.Text(record.request);
  encoder.Text(record.reply);
}

std::optional<Record> Decode(const RecordHead& head, std::string_view payload, bool later_minor) {
  Decoder in(payload);
  std::optional<Record> record;
  switch (static_cast<RecordKind>(head.kind)) {
    case RecordKind::kMeta: return MetaRecord{head.time_us, std::string(payload)};
    case RecordKind::kEnd: return EndRecord{head.time_us, std::string(payload)};
    case RecordKind::kSession: record = DecodeSessionRecord(head, in); break;
    case RecordKind::kTransaction: record = DecodeTransactionRecord(head, in); break;
    case RecordKind::kClose: record = DecodeCloseRecord(head, in); break;
    case RecordKind::kScan: record = DecodeScanRecord(head, in); break;
    case RecordKind::kBody: break;
  }
  if (!in.ok() || (in.left() != 0 && !later_minor)) return std::nullopt;
  return record;
}

}  // namespace trace
