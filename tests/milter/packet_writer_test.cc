// Packets whole or not at all, and counting.
#include "milter/packet_writer.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

std::string Written(const PacketWriter& writer, const std::array<std::byte, 64>& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), writer.written()};
}

void PutSample(PacketWriter* writer) {
  writer->Begin('C');
  writer->PutString("host");
  writer->PutByte('4');
  writer->PutU16(25);
  writer->PutU32(0x01020304);
  EXPECT_TRUE(writer->End());
}

const std::string kSample = Pack('C',
                                 Raw("host\0"
                                     "4\0\x19\x01\x02\x03\x04"));

TEST(PacketWriterTest, WritesBigEndianNumbersAndStrings) {
  std::array<std::byte, 64> buffer{};
  PacketWriter writer(buffer);
  PutSample(&writer);
  EXPECT_EQ(Escape(Written(writer, buffer)), Escape(kSample));
  EXPECT_EQ(writer.needed(), kSample.size());
  EXPECT_FALSE(writer.full());
}

TEST(PacketWriterTest, LeavesNoHalfPacketInAnyTooSmallBuffer) {
  for (std::size_t size = 0; size < 2 * kSample.size(); ++size) {
    std::array<std::byte, 64> buffer{};
    PacketWriter writer(engine::Bytes(buffer).first(size));
    PutSample(&writer);
    PutSample(&writer);
    EXPECT_EQ(writer.written(), size / kSample.size() * kSample.size());
    EXPECT_EQ(writer.needed(), 2 * kSample.size());
    EXPECT_TRUE(writer.full());
    for (std::size_t i = size; i < buffer.size(); ++i)
      EXPECT_EQ(buffer[i], std::byte{0});
  }
}

TEST(PacketWriterTest, KeepsOrderAfterAPacketThatDidNotFit) {
  std::array<std::byte, 64> buffer{};
  PacketWriter writer(engine::Bytes(buffer).first(8));
  PutSample(&writer);
  writer.Begin('c');
  EXPECT_TRUE(writer.End());
  EXPECT_EQ(writer.written(), 0U);
  EXPECT_EQ(writer.needed(), kSample.size() + kPacketHeadBytes);
}

TEST(PacketWriterTest, RefusesAPayloadOverTheLimit) {
  PacketWriter writer({});
  const std::string limit(kPayloadMaxBytes, 'x');
  writer.Begin('b');
  writer.Put(limit);
  EXPECT_TRUE(writer.End());
  writer.Begin('b');
  writer.Put(limit);
  writer.PutByte('x');
  EXPECT_FALSE(writer.End());
  EXPECT_EQ(writer.needed(), kPayloadMaxBytes + kPacketHeadBytes);
}

}  // namespace
}  // namespace milter
