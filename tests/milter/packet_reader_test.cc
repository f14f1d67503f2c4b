// Framing: views, gathering, pieces, limits; every split of every packet.
#include "milter/packet_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

engine::Bytes AsBytes(std::string* text) {
  return {reinterpret_cast<std::byte*>(text->data()), text->size()};
}

std::string Text(engine::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class PacketReaderTest : public ::testing::Test {
 protected:
  Packet Read(std::string bytes) {
    fed_ = std::move(bytes);
    reader_.Feed(AsBytes(&fed_));
    return reader_.Next();
  }
  engine::BlockPool pool_{1 << 20};
  PacketReader reader_{pool_, kPayloadMaxBytes};
  std::string fed_;
};

TEST_F(PacketReaderTest, GivesAViewWhenThePacketIsWhole) {
  const Packet packet = Read(Pack('H', "abc"));
  EXPECT_EQ(packet.result, ReadResult::kPacket);
  EXPECT_EQ(packet.command, 'H');
  EXPECT_EQ(Text(packet.payload), "abc");
  EXPECT_EQ(reinterpret_cast<const char*>(packet.payload.data()), fed_.data() + kPacketHeadBytes);
  EXPECT_EQ(pool_.bytes_in_use(), 0U);
}

TEST_F(PacketReaderTest, GathersAPacketSplitAnywhereAndGivesTheBlockBack) {
  const std::string whole = Pack('H', "some payload");
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    EXPECT_EQ(Read(whole.substr(0, cut)).result, ReadResult::kNeedMore) << cut;
    EXPECT_TRUE(reader_.half_packet());
    EXPECT_EQ(reader_.half_command(), cut >= kPacketHeadBytes ? 'H' : 0);
    const Packet packet = Read(whole.substr(cut));
    EXPECT_EQ(packet.result, ReadResult::kPacket) << cut;
    EXPECT_EQ(Text(packet.payload), "some payload") << cut;
    EXPECT_FALSE(reader_.half_packet());
    EXPECT_EQ(reader_.Next().result, ReadResult::kNeedMore);
    EXPECT_EQ(pool_.bytes_in_use(), 0U);
  }
}

TEST_F(PacketReaderTest, TakesMemoryOnlyForBytesThatCame) {
  const std::string whole = Pack('L', std::string(60000, 'x'));
  EXPECT_EQ(Read(whole.substr(0, kPacketHeadBytes)).result, ReadResult::kNeedMore);
  EXPECT_EQ(pool_.bytes_in_use(), 0U);
  EXPECT_EQ(Read("xx").result, ReadResult::kNeedMore);
  EXPECT_LE(pool_.bytes_in_use(), 256U);
}

TEST_F(PacketReaderTest, GrowsTheBlockWithoutLosingBytes) {
  std::string payload;
  for (int i = 0; i < 20000; ++i)
    payload += static_cast<char>('a' + i % 26);
  const std::string whole = Pack('L', payload);
  Packet packet;
  for (std::size_t at = 0; at < whole.size(); at += 77)
    packet = Read(whole.substr(at, 77));
  ASSERT_EQ(packet.result, ReadResult::kPacket);
  EXPECT_EQ(Text(packet.payload), payload);
}

TEST_F(PacketReaderTest, GivesBodyInPiecesWithoutABlock) {
  const std::string whole = Pack('B', "0123456789");
  Packet packet = Read(whole.substr(0, 8));
  EXPECT_EQ(packet.result, ReadResult::kPiece);
  EXPECT_FALSE(packet.last);
  EXPECT_EQ(Text(packet.payload), "012");
  EXPECT_EQ(reader_.Next().result, ReadResult::kNeedMore);
  packet = Read(whole.substr(8));
  EXPECT_TRUE(packet.last);
  EXPECT_EQ(Text(packet.payload), "3456789");
  EXPECT_EQ(pool_.bytes_in_use(), 0U);
}

TEST_F(PacketReaderTest, GivesOneEmptyLastPieceForAnEmptyBody) {
  const Packet packet = Read(Pack('E'));
  EXPECT_EQ(packet.result, ReadResult::kPiece);
  EXPECT_TRUE(packet.last);
  EXPECT_TRUE(packet.payload.empty());
  EXPECT_EQ(reader_.Next().result, ReadResult::kNeedMore);
}

TEST_F(PacketReaderTest, JudgesTheLengthBeforeTheCommandByteComes) {
  EXPECT_EQ(Read(Raw("\0\0\0\0")).result, ReadResult::kLengthZero);
  PacketReader other(pool_, kPayloadMaxBytes);
  std::string http = "GET ";
  other.Feed(AsBytes(&http));
  EXPECT_EQ(other.Next().result, ReadResult::kLengthTooLong);
}

TEST_F(PacketReaderTest, TakesTheLongestPayloadAndNoByteMore) {
  const Packet packet = Read(Pack('L', std::string(65535, 'x')));
  EXPECT_EQ(packet.result, ReadResult::kPacket);
  EXPECT_EQ(packet.payload.size(), 65535U);
  EXPECT_EQ(Read(Pack('L', std::string(65536, 'x'))).result, ReadResult::kLengthTooLong);
}

TEST_F(PacketReaderTest, AnswersTheSameErrorAgainAfterAnError) {
  EXPECT_EQ(Read(Pack('?')).result, ReadResult::kUnknownCommand);
  EXPECT_EQ(reader_.Next().result, ReadResult::kUnknownCommand);
  EXPECT_EQ(reader_.Next().command, '?');
}

TEST_F(PacketReaderTest, RefusesEveryByteThatIsNoCommand) {
  for (int byte = 0; byte < 256; ++byte) {
    PacketReader reader(pool_, kPayloadMaxBytes);
    std::string packet = Pack(static_cast<char>(byte), "x");
    reader.Feed(AsBytes(&packet));
    const bool known =
        std::string_view("ODCHMRTLNBEAQKU").find(static_cast<char>(byte)) != std::string_view::npos;
    EXPECT_EQ(reader.Next().result == ReadResult::kUnknownCommand, !known) << byte;
  }
}

TEST(PacketReaderMemoryTest, SaysNoMemoryWhenThePoolIsEmpty) {
  engine::BlockPool pool(64);
  PacketReader reader(pool, kPayloadMaxBytes);
  std::string first = Pack('L', std::string(1000, 'x')).substr(0, 200);
  reader.Feed(AsBytes(&first));
  EXPECT_EQ(reader.Next().result, ReadResult::kNoMemory);
}

TEST_F(PacketReaderTest, GivesBackWhatWasNotRead) {
  fed_ = Pack('H', "a") + Pack('H', "b");
  reader_.Feed(AsBytes(&fed_));
  EXPECT_EQ(Text(reader_.Next().payload), "a");
  std::string rest = Text(reader_.TakeUnread());
  EXPECT_EQ(rest, Pack('H', "b"));
  EXPECT_EQ(reader_.Next().result, ReadResult::kNeedMore);
  EXPECT_EQ(Text(Read(rest).payload), "b");
}

}  // namespace
}  // namespace milter
