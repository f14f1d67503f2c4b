// Trace files: what is written is read, whatever happens to the file.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/trace_samples.h"
#include "tools/trace/content_hash.h"
#include "tools/trace/record_codec.h"

namespace trace {
namespace {

using ::testing::TestWithParam;

class TraceLevelTest : public TestWithParam<int> {
 protected:
  WriterOptions options() const { return {.append = false, .level = GetParam()}; }
  Folder folder_;
};

INSTANTIATE_TEST_SUITE_P(Levels, TraceLevelTest, testing::Values(0, 3));

TEST_P(TraceLevelTest, EveryKindIsReadAsItWasWritten) {
  const std::string path = folder_.File("a.trace");
  WriteSamples(*OpenWriter(path, options()));
  TransactionRecord transaction = SampleTransaction();
  ScanRecord scan = SampleScan();
  const std::unique_ptr<TraceReader> reader = OpenReader(path);
  // Where the body's record is.
  while (const auto entry = reader->Next()) {
    if (entry->kind != RecordKind::kBody) continue;
    transaction.body = {HashOf(kSampleBody), kSampleBody.size(), entry->offset};
    scan.message = transaction.body;
  }
  const std::string body = "body " + std::string(kSampleBody);
  EXPECT_EQ(ReadAll(path),
            (std::vector<std::string>{Text(MetaRecord{5, R"({"program":"test"})"}),
                                      Text(SampleSession()),
                                      Text(transaction),
                                      body,
                                      Text(scan),
                                      body,
                                      Text(SampleClose()),
                                      Text(EndRecord{9, R"({"reason":"stopped"})"}),
                                      "whole"}));
}

TEST_P(TraceLevelTest, LargeBodiesAreReadAsTheyWereWritten) {
  const std::string path = folder_.File("a.trace");
  std::vector<std::string> bodies = {"", "x", std::string(std::size_t{1} << 20, 'z'), ""};
  std::uint32_t value = 1;
  for (int i = 0; i < 200'000; ++i) {
    value = value * 1664525 + 1013904223;
    bodies.back() += static_cast<char>(value >> 24);  // does not get shorter
  }
  const std::unique_ptr<TraceWriter> writer = OpenWriter(path, options());
  std::vector<TransactionRecord> records(bodies.size(), SampleTransaction());
  for (std::size_t i = 0; i < bodies.size(); ++i)
    ASSERT_TRUE(writer->Write(records[i], bodies[i]).ok());
  const std::unique_ptr<TraceReader> reader = OpenReader(path);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const auto body = reader->ReadBody(records[i].body);
    ASSERT_TRUE(body.ok()) << body.status();
    EXPECT_EQ(*body, bodies[i]);
  }
}

TEST(TraceFileTest, ExtremeValuesAreReadAsTheyWereWritten) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  Folder folder;
  const std::string path = folder.File("a.trace");
  SessionRecord session{.session = kMost, .time_us = kMost, .packets = {}};
  for (const std::uint64_t offset : {kMost, std::uint64_t{0}, kMost / 2, kMost / 2 + 1}) {
    session.packets.push_back(
        {offset, Direction::kToServer, 255, 0xFFFFFFFF, std::string(300, '\xFF')});
  }
  ASSERT_TRUE(OpenWriter(path)->Write(session).ok());
  EXPECT_EQ(ReadAll(path), (std::vector<std::string>{Text(session), "whole"}));
}

TEST(TraceFileTest, EqualBodiesAreStoredOnce) {
  Folder folder;
  const std::string path = folder.File("a.trace");
  const std::unique_ptr<TraceWriter> writer = OpenWriter(path);
  TransactionRecord first = SampleTransaction();
  TransactionRecord second = SampleTransaction();
  ASSERT_TRUE(writer->Write(first, kSampleBody).ok());
  const std::uint64_t after_first = writer->records();
  ASSERT_TRUE(writer->Write(second, kSampleBody).ok());
  EXPECT_EQ(after_first, 2U);
  EXPECT_EQ(writer->records(), 3U);
  EXPECT_EQ(first.body.offset, second.body.offset);
}

TEST(TraceFileTest, ABodyIsOnlyGivenForItsHash) {
  Folder folder;
  const std::string path = folder.File("a.trace");
  const std::unique_ptr<TraceWriter> writer = OpenWriter(path);
  TransactionRecord record = SampleTransaction();
  ASSERT_TRUE(writer->Write(record, kSampleBody).ok());
  const std::unique_ptr<TraceReader> reader = OpenReader(path);
  BodyRef other = record.body;
  other.hash[0] ^= 1;
  EXPECT_EQ(reader->ReadBody(other).status().code(), absl::StatusCode::kDataLoss);
  other = record.body;
  ++other.bytes;
  EXPECT_EQ(reader->ReadBody(other).status().code(), absl::StatusCode::kDataLoss);
  other = record.body;
  other.offset = 1;
  EXPECT_EQ(reader->ReadBody(other).status().code(), absl::StatusCode::kDataLoss);
  other.offset = std::numeric_limits<std::uint64_t>::max();
  EXPECT_FALSE(reader->ReadBody(other).ok());
}

// The lines of the whole file that are also the first ones of `lines`, all but its last.
void ExpectBeginning(const std::vector<std::string>& lines, const std::vector<std::string>& whole) {
  ASSERT_FALSE(lines.empty());
  ASSERT_LE(lines.size(), whole.size());
  for (std::size_t i = 0; i + 1 < lines.size(); ++i)
    ASSERT_EQ(lines[i], whole[i]);
}

TEST_P(TraceLevelTest, CutAnywhereAllRecordsBeforeAreRead) {
  const std::string path = folder_.File("a.trace");
  WriteSamples(*OpenWriter(path, options()));
  const std::vector<std::string> whole = ReadAll(path);
  const std::string octets = Contents(path);
  std::vector<std::uint64_t> ends = {kFileHeadBytes};
  const std::unique_ptr<TraceReader> reader = OpenReader(path);
  while (reader->Next())
    ends.push_back(reader->sound_bytes());

  const std::string cut = folder_.File("cut.trace");
  SetContents(cut, octets);
  std::size_t records = ends.size() - 1;  // whole ones, bodies included
  for (std::size_t bytes = octets.size(); bytes-- != 0;) {
    std::filesystem::resize_file(cut, bytes);
    const std::vector<std::string> lines = ReadAll(cut);
    if (bytes < kFileHeadBytes) {
      ASSERT_EQ(lines.size(), 1U);
      ASSERT_NE(lines[0].find("cut off in the file's head"), std::string::npos) << lines[0];
      continue;
    }
    while (ends[records] > bytes)
      --records;
    ExpectBeginning(lines, whole);
    if (ends[records] == bytes) {
      ASSERT_EQ(lines.back(), "whole") << bytes;
      continue;
    }
    const std::string at = "at " + std::to_string(ends[records]) + ":";
    const std::string count = "; " + std::to_string(records) + " records come before";
    ASSERT_NE(lines.back().find("cut off"), std::string::npos) << lines.back();
    ASSERT_NE(lines.back().find(at), std::string::npos) << lines.back();
    ASSERT_NE(lines.back().find(count), std::string::npos) << lines.back();
  }
}

TEST_P(TraceLevelTest, EveryChangedOctetIsToldOrChangesNothing) {
  const std::string path = folder_.File("a.trace");
  WriteSamples(*OpenWriter(path, options()));
  const std::vector<std::string> whole = ReadAll(path);
  const std::string octets = Contents(path);
  const std::string changed = folder_.File("changed.trace");
  SetContents(changed, octets);
  std::fstream file(changed, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t at, char octet) {
    file.seekp(static_cast<std::streamoff>(at)).put(octet).flush();
  };
  for (std::size_t at = 0; at < octets.size(); ++at) {
    for (const int bits : {1, 0x80, 0xFF}) {
      put(at, static_cast<char>(octets[at] ^ bits));
      const std::vector<std::string> lines = ReadAll(changed);
      ASSERT_NE(lines.back(), "whole") << at;
      ASSERT_NE(lines.back().find(changed), std::string::npos) << lines.back();
      ExpectBeginning(lines, whole);
    }
    put(at, octets[at]);
  }
  EXPECT_EQ(ReadAll(changed), whole);
}

TEST(TraceFileTest, AfterDamageTheNextRecordIsFound) {
  Folder folder;
  const std::string path = folder.File("a.trace");
  WriteSamples(*OpenWriter(path));
  const std::unique_ptr<TraceReader> sound = OpenReader(path);
  std::vector<Entry> entries;
  while (const auto entry = sound->Next())
    entries.push_back(*entry);
  std::string octets = Contents(path);
  octets[entries[2].offset + 17] ^= 4;
  SetContents(path, octets);

  const std::unique_ptr<TraceReader> reader = OpenReader(path);
  EXPECT_TRUE(reader->Next());
  EXPECT_TRUE(reader->Next());
  EXPECT_FALSE(reader->Next());
  EXPECT_EQ(reader->ending().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(reader->cut_off());
  ASSERT_TRUE(reader->Resync());
  EXPECT_EQ(reader->skipped_bytes(), entries[3].offset - entries[2].offset);
  for (std::size_t i = 3; i < entries.size(); ++i) {
    const auto entry = reader->Next();
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->offset, entries[i].offset);
  }
  EXPECT_FALSE(reader->Next());
  EXPECT_TRUE(reader->ending().ok());
  reader->Rewind();
  EXPECT_EQ(reader->Next()->offset, entries[0].offset);
}

TEST(TraceFileTest, BehindTheLastRecordThereIsNothingToFind) {
  Folder folder;
  const std::string path = folder.File("a.trace");
  WriteSamples(*OpenWriter(path));
  SetContents(path, Contents(path) + std::string(1000, 'R'));
  const std::unique_ptr<TraceReader> reader = OpenReader(path);
  while (reader->Next()) {
  }
  const std::uint64_t end = reader->sound_bytes();
  EXPECT_FALSE(reader->Resync());
  EXPECT_EQ(reader->sound_bytes(), end);
}

TEST(TraceFileTest, AReaderFollowsAFileThatGrows) {
  Folder folder;
  const std::string path = folder.File("a.trace");
  const std::string growing = folder.File("growing.trace");
  WriteSamples(*OpenWriter(path));
  const std::string octets = Contents(path);
  SetContents(growing, octets.substr(0, kFileHeadBytes));
  const std::unique_ptr<TraceReader> reader = OpenReader(growing);
  std::size_t records = 0;
  for (std::size_t bytes = kFileHeadBytes; bytes <= octets.size(); bytes += 7) {
    SetContents(growing, octets.substr(0, bytes));
    while (reader->Next())
      ++records;
    EXPECT_TRUE(reader->ending().ok() || reader->cut_off());
  }
  SetContents(growing, octets);
  while (reader->Next())
    ++records;
  EXPECT_EQ(records, 7U);
  EXPECT_TRUE(reader->ending().ok());
  EXPECT_EQ(reader->file_bytes(), octets.size());
}

TEST(TraceFileTest, WhatIsNoTraceIsRefused) {
  Folder folder;
  const std::string path = folder.File("a");
  SetContents(path, "From MAILER-DAEMON Sun Nov 22 08:00:00 2026\n");
  EXPECT_EQ(TraceReader::Open(path).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TraceReader::Open(folder.File("none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(TraceReader::Open("/dev/null").status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo(folder.File("fifo").c_str(), 0600), 0);
  EXPECT_EQ(TraceReader::Open(folder.File("fifo")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TraceFileTest, AnotherMajorVersionIsRefusedALaterMinorOneRead) {
  Folder folder;
  const std::string path = folder.File("a.trace");
  WriteSamples(*OpenWriter(path, {.append = false, .level = 0}));
  const std::vector<std::string> whole = ReadAll(path);
  const auto with_version = [&](char major, char minor, std::string_view behind) {
    std::string octets = Contents(path);
    octets[8] = major;
    octets[10] = minor;
    const std::uint32_t crc = Crc32(std::string_view(octets).substr(0, 20));
    for (unsigned i = 0; i < 4; ++i)
      octets[20 + i] = static_cast<char>(crc >> (8 * i));
    SetContents(folder.File("b.trace"), octets + std::string(behind));
    return folder.File("b.trace");
  };
  EXPECT_EQ(TraceReader::Open(with_version(2, 0, "")).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ReadAll(with_version(1, 1, "")), whole);

  // A kind that we do not know, and a field behind those that we know.
  const std::string extra = "new";
  const RecordHead unknown{.kind = 99,
                           .encoding = Encoding::kPlain,
                           .stored_bytes = 3,
                           .raw_bytes = 3,
                           .payload_crc = Crc32(extra)};
  std::string payload;
  Encode(SampleClose(), &payload);
  payload += extra;
  const auto size = static_cast<std::uint32_t>(payload.size());
  const RecordHead longer{.kind = static_cast<std::uint8_t>(RecordKind::kClose),
                          .encoding = Encoding::kPlain,
                          .stored_bytes = size,
                          .raw_bytes = size,
                          .session = SampleClose().session,
                          .time_us = SampleClose().time_us,
                          .payload_crc = Crc32(payload)};
  const RecordHeadBytes first = EncodeRecordHead(unknown);
  const RecordHeadBytes second = EncodeRecordHead(longer);
  const std::string behind = std::string(first.data(), first.size()) + extra +
                             std::string(second.data(), second.size()) + payload;
  std::vector<std::string> more = whole;
  more.insert(more.end() - 1, Text(SampleClose()));
  EXPECT_EQ(ReadAll(with_version(1, 1, behind)), more);
  // In a file of our version such a record is damaged.
  EXPECT_NE(ReadAll(with_version(1, 0, behind)).back().find("not sound"), std::string::npos);
}

}  // namespace
}  // namespace trace
