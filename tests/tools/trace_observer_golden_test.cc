// Byte streams to records: recorded sessions of real mail servers, cut in every way.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"
#include "tests/tools/trace_samples.h"

namespace trace {
namespace {

using milter::GoldenConnection;
using milter::GoldenConnections;
using milter::Pack;

constexpr Direction kServer = Direction::kToFilter;
constexpr Direction kFilter = Direction::kToServer;

// Without times, which depend on the cutting.
std::vector<std::string> Timeless(const Kept& kept) {
  std::vector<std::string> lines = {kept.order};
  const auto add = [&](auto record) {
    record.time_us = 0;
    for (Packet& packet : record.packets)
      packet.offset_us = 0;
    lines.push_back(Text(record));
  };
  for (const SessionRecord& record : kept.sessions)
    add(record);
  for (const TransactionRecord& record : kept.transactions)
    add(record);
  for (const CloseRecord& record : kept.closes)
    add(record);
  lines.insert(lines.end(), kept.bodies.begin(), kept.bodies.end());
  return lines;
}

void AddOctets(const std::vector<Packet>& packets, std::string_view body, std::string* out) {
  for (const Packet& packet : packets) {
    *out += packet.direction == kServer ? '>' : '<';
    *out += Pack(static_cast<char>(packet.code),
                 packet.payload + std::string(body.substr(0, packet.body_bytes)));
    body.remove_prefix(std::min<std::size_t>(body.size(), packet.body_bytes));
  }
  EXPECT_TRUE(body.empty());
}

// What went over the wire, told from the records.
std::string OctetsOf(const Kept& kept) {
  std::string out;
  AddOctets(kept.sessions.at(0).packets, {}, &out);
  for (std::size_t i = 0; i < kept.transactions.size(); ++i)
    AddOctets(kept.transactions[i].packets, kept.bodies[i], &out);
  AddOctets(kept.closes.at(0).packets, {}, &out);
  return out;
}

TEST(TraceObserverGoldenTest, TheRecordsHoldEveryPacketInItsOrder) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    Kept kept;
    Observe(connection, 0, Ending::kServerClosed, kept);
    std::string expected;
    for (const milter::GoldenPacket& packet : connection.packets)
      expected += (packet.from_mta ? '>' : '<') + Pack(packet.code, packet.payload);
    ASSERT_EQ(OctetsOf(kept), expected) << connection.name;
    EXPECT_EQ(kept.order, "s" + std::string(kept.transactions.size(), 't') + "c");
    EXPECT_EQ(kept.closes[0].ending, Ending::kQuit) << connection.name;
    EXPECT_EQ(kept.closes[0].transactions, kept.transactions.size());
  }
}

TEST(TraceObserverGoldenTest, EveryChunkingGivesTheSameRecords) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    Kept whole;
    Observe(connection, 0, Ending::kServerClosed, whole);
    const std::vector<std::string> lines = Timeless(whole);
    std::size_t octets = 0;
    for (const milter::GoldenPacket& packet : connection.packets)
      octets += packet.payload.size();
    const std::size_t last = octets < 20'000 ? 70 : 3;
    for (std::size_t chunk = 1; chunk <= last; ++chunk) {
      Kept kept;
      Observe(connection, chunk, Ending::kServerClosed, kept);
      ASSERT_EQ(Timeless(kept), lines) << connection.name << " by " << chunk;
    }
  }
}

Direction DirectionOf(const milter::GoldenPacket& packet) {
  return packet.from_mta ? kServer : kFilter;
}

// The first `count` packets, and `half`, the beginning of the next one.
Kept Observed(const GoldenConnection& connection, std::size_t count, std::string_view half) {
  Kept kept;
  SessionObserver observer(kept, 1, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const milter::GoldenPacket& packet = connection.packets[i];
    observer.OnOctets(DirectionOf(packet), Pack(packet.code, packet.payload), 2);
  }
  observer.OnOctets(DirectionOf(connection.packets[count]), half, 3);
  observer.OnEnd(Ending::kServerClosed, 0, 4);
  return kept;
}

// A session that is cut off after any packet, or in it, has what was whole.
TEST(TraceObserverGoldenTest, EveryPrefixIsRecorded) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    if (connection.packets.size() > 150) continue;
    std::string expected;
    for (std::size_t count = 0; count < connection.packets.size(); ++count) {
      const milter::GoldenPacket& next = connection.packets[count];
      const std::string octets = Pack(next.code, next.payload);
      for (const std::size_t bytes : {std::size_t{0}, std::size_t{3}, octets.size() - 1}) {
        const Kept kept = Observed(connection, count, octets.substr(0, bytes));
        ASSERT_EQ(OctetsOf(kept), expected) << connection.name << " " << count << " " << bytes;
      }
      expected += (next.from_mta ? '>' : '<') + octets;
    }
  }
}

}  // namespace
}  // namespace trace
