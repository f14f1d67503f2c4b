// Writing traces: rights, locks, appending, and disks that fill up.
#include "tools/trace/trace_writer.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/trace_samples.h"
#include "tools/trace/record_codec.h"

namespace trace {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat now {};
  EXPECT_EQ(::stat(path.c_str(), &now), 0);
  return now.st_mode & 07777;
}

class TraceWriterTest : public testing::Test {
 protected:
  absl::Status OpenStatus(bool append) const {
    return TraceWriter::Open(path_, {.append = append}).status();
  }

  Folder folder_;
  std::string path_ = folder_.File("a.trace");
};

TEST_F(TraceWriterTest, TheFileIsTheOwnersWhateverTheUmask) {
  for (const mode_t mask : {0000, 0022, 0777}) {
    const mode_t before = ::umask(mask);
    const std::string path = folder_.File(std::to_string(mask));
    OpenWriter(path);
    ::umask(before);
    EXPECT_EQ(ModeOf(path), 0600U);
  }
}

TEST_F(TraceWriterTest, AFileThatIsThereIsNotOverwritten) {
  SetContents(path_, "mine");
  EXPECT_EQ(OpenStatus(false).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Contents(path_), "mine");
  EXPECT_EQ(OpenStatus(true).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Contents(path_), "mine");
}

TEST_F(TraceWriterTest, SymbolicLinksAreNotFollowed) {
  std::filesystem::create_symlink(folder_.File("other"), path_);
  EXPECT_FALSE(OpenStatus(false).ok());
  EXPECT_FALSE(OpenStatus(true).ok());
  OpenWriter(folder_.File("other"));
  EXPECT_FALSE(OpenStatus(true).ok());
}

TEST_F(TraceWriterTest, AFileThatOthersCanReadIsNotAppendedTo) {
  WriteSamples(*OpenWriter(path_));
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  const absl::Status status = OpenStatus(true);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(status.message().find("chmod 600"), absl::string_view::npos) << status;
}

TEST_F(TraceWriterTest, OneWriterAtATime) {
  const std::unique_ptr<TraceWriter> writer = OpenWriter(path_);
  EXPECT_EQ(OpenStatus(true).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TraceWriterTest, LevelsOutsideTheRangeAreRefused) {
  EXPECT_EQ(TraceWriter::Open(path_, {.append = false, .level = 20}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TraceWriter::Open(path_, {.append = false, .level = -1}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(TraceWriterTest, AppendingGoesOn) {
  WriteSamples(*OpenWriter(path_, {.append = true}));
  std::vector<std::string> lines = ReadAll(path_);
  {
    const std::unique_ptr<TraceWriter> writer = OpenWriter(path_, {.append = true});
    EXPECT_EQ(writer->last_session(), 3U);
    EXPECT_EQ(writer->records(), 7U);
    SessionRecord next = SampleSession();
    next.session = 4;
    ASSERT_TRUE(writer->Write(next).ok());
    EXPECT_EQ(writer->last_session(), 4U);
    lines.insert(lines.end() - 1, Text(next));
  }
  EXPECT_EQ(ReadAll(path_), lines);
}

TEST_F(TraceWriterTest, ATornTailIsCutOffWhereverItWasTorn) {
  WriteSamples(*OpenWriter(path_));
  const std::string octets = Contents(path_);
  const std::vector<std::string> whole = ReadAll(path_);
  const std::string cut = folder_.File("cut.trace");
  for (std::size_t bytes = 0; bytes <= octets.size(); ++bytes) {
    SetContents(cut, octets.substr(0, bytes));
    ASSERT_TRUE(OpenWriter(cut, {.append = true})->Write(SampleClose()).ok());
    const std::vector<std::string> lines = ReadAll(cut);
    ASSERT_GE(lines.size(), 2U);
    ASSERT_EQ(lines.back(), "whole") << bytes;
    ASSERT_EQ(lines[lines.size() - 2], Text(SampleClose())) << bytes;
    for (std::size_t i = 0; i + 2 < lines.size(); ++i)
      ASSERT_EQ(lines[i], whole[i]);
  }
}

// After a power cut the length may be there and the octets not.
TEST_F(TraceWriterTest, ATailOfZerosIsCutOff) {
  WriteSamples(*OpenWriter(path_));
  const std::string octets = Contents(path_);
  const std::vector<std::string> whole = ReadAll(path_);
  SetContents(path_, octets + std::string(5000, '\0'));
  OpenWriter(path_, {.append = true});
  EXPECT_EQ(Contents(path_), octets);
  // The last record's payload.
  std::string torn = octets;
  torn.replace(torn.size() - 4, 4, 4, '\0');
  SetContents(path_, torn);
  EXPECT_EQ(OpenWriter(path_, {.append = true})->records(), 6U);
  EXPECT_EQ(ReadAll(path_).size(), whole.size() - 1);
}

TEST_F(TraceWriterTest, AFileWithDamageInItsMiddleIsLeftAlone) {
  WriteSamples(*OpenWriter(path_));
  std::string octets = Contents(path_);
  octets[kFileHeadBytes + 9] ^= 1;
  SetContents(path_, octets);
  const absl::Status status = OpenStatus(true);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("damaged at 24"), absl::string_view::npos) << status;
  EXPECT_EQ(Contents(path_), octets);
}

// Neither is one whose last record before the damage is damaged as well.
TEST_F(TraceWriterTest, ADamagedRecordBeforeTheDamageIsLeftAlone) {
  WriteSamples(*OpenWriter(path_));
  const std::unique_ptr<TraceReader> reader = OpenReader(path_);
  reader->Next();
  const std::uint64_t second = reader->sound_bytes();
  std::string octets = Contents(path_);
  octets[second - 1] ^= 1;
  octets[second + 9] ^= 1;
  SetContents(path_, octets);
  EXPECT_EQ(OpenStatus(true).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Contents(path_), octets);
}

// The soft limit on file sizes, back to what it was at the end.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_signal_ = ::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    Set(bytes);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    static_cast<void>(::signal(SIGXFSZ, before_signal_));
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  void Set(rlim_t bytes) const {
    rlimit now = before_;
    now.rlim_cur = bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &now), 0);
  }

 private:
  rlimit before_{};
  void (*before_signal_)(int) = SIG_DFL;
};

TEST_F(TraceWriterTest, AFullDiskLeavesWholeRecordsAndEndsTheWriting) {
  WriteSamples(*OpenWriter(path_));
  const std::uint64_t whole = Contents(path_).size();
  const std::vector<std::string> lines = ReadAll(path_);
  std::string payload;
  Encode(SampleClose(), &payload);
  for (std::uint64_t room = 0; room < kRecordHeadBytes + payload.size(); ++room) {
    SetContents(path_, Contents(path_).substr(0, whole));
    const std::unique_ptr<TraceWriter> writer = OpenWriter(path_, {.append = true});
    const FileSizeLimit limit(whole + room);
    const absl::Status status = writer->Write(SampleClose());
    ASSERT_FALSE(status.ok());
    for (const char* part : {"EFBIG", "a close cannot be written", "7 records in"})
      ASSERT_NE(status.message().find(part), absl::string_view::npos) << status;
    ASSERT_NE(status.message().find(path_), absl::string_view::npos) << status;
    // It stays so, even with room.
    limit.Set(RLIM_INFINITY);
    ASSERT_EQ(writer->Write(SampleSession()), status);
    ASSERT_EQ(writer->Sync(), status);
    ASSERT_EQ(writer->file_bytes(), whole);
    ASSERT_EQ(ReadAll(path_), lines);
  }
}

TEST_F(TraceWriterTest, WithoutRoomForTheHeadNoFileIsLeft) {
  const FileSizeLimit limit(10);
  EXPECT_FALSE(OpenStatus(false).ok());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(TraceWriterTest, RecordsOverTheLimitAreRefusedAndTheNextIsWritten) {
  const std::unique_ptr<TraceWriter> writer = OpenWriter(path_, {.append = false, .level = 1});
  const std::uint64_t empty = writer->file_bytes();
  const absl::Status status =
      writer->Write(MetaRecord{1, std::string(std::size_t{kRecordBytesMax} + 1, ' ')});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(writer->file_bytes(), empty);
  EXPECT_TRUE(writer->Write(MetaRecord{1, std::string(kRecordBytesMax, ' ')}).ok());
  EXPECT_TRUE(writer->Sync().ok());
  EXPECT_EQ(ReadAll(path_).back(), "whole");
}

// The table of known bodies is bounded: the oldest is written again.
TEST_F(TraceWriterTest, AnOldBodyIsWrittenAgain) {
  const std::unique_ptr<TraceWriter> writer = OpenWriter(path_, {.append = false, .level = 0});
  TransactionRecord record;
  ASSERT_TRUE(writer->Write(record, "first").ok());
  const std::uint64_t first = record.body.offset;
  for (std::size_t i = 1; i < kBodiesKnownMax; ++i)
    ASSERT_TRUE(writer->Write(record, std::to_string(i)).ok());
  ASSERT_TRUE(writer->Write(record, "first").ok());
  EXPECT_EQ(record.body.offset, first);
  ASSERT_TRUE(writer->Write(record, "one more").ok());
  ASSERT_TRUE(writer->Write(record, "first").ok());
  EXPECT_GT(record.body.offset, first);
}

}  // namespace
}  // namespace trace
