// The promise that a message never meets another's octets, on real directories: PosixDisk below
// $TMPDIR and, where there is one, in /dev/shm.
//
// Method: every message carries a marker of its own. Readers misbehave in every way that the design
// names. What a reader kept must be its own message; and once Tick has passed ten seconds, no
// marker is found anywhere below the spool.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/posix_disk.h"
#include "engine/spool/spool.h"
#include "engine/spool/spool_writer.h"
#include "tests/engine/temp_dir.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class SpoolPosixTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ::signal(SIGIO, SIG_IGN);  // as the daemon: a broken lease must not end the process
    auto disk = PosixDisk::Open({.root = root_.path()});
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = std::move(*disk);
    spool_ = std::make_unique<Spool>(*disk_, SpoolLimits(), SpoolOptions());
    writer_ = std::make_unique<SpoolWriter>(*spool_);
  }
  void TearDown() override {
    if (spool_ == nullptr) return;
    EXPECT_EQ(spool_->Close(), 0U);
    EXPECT_TRUE(fs::is_empty(root_.path()));
    spool_.reset();
  }

  static std::string MarkerOf(int number) { return "marker-" + std::to_string(number) + "-end\n"; }
  // A long message for even numbers, so that a shorter one follows it in the same file.
  SpoolSlot& Message(int number) {
    SpoolRefusal why{};
    SpoolSlot* slot = spool_->Take(now_, &why);
    EXPECT_NE(slot, nullptr) << SpoolRefusalName(why);
    writer_->Open(*slot, 1 * kMiB);
    for (int i = number % 2 == 0 ? 200 : 1; i > 0; --i)
      EXPECT_EQ(writer_->AddCopy(MarkerOf(number)), 0);
    EXPECT_EQ(writer_->Flush(), 0);
    EXPECT_EQ(spool_->Seal(*slot), 0);
    const std::string content = ReadAll(std::string(slot->mail_file()));
    EXPECT_TRUE(IsPurely(content, number)) << "message " << number;
    return *slot;
  }
  // Does `content` consist of that message's marker and nothing else?
  static bool IsPurely(std::string_view content, int number) {
    const std::string marker = MarkerOf(number);
    if (content.size() % marker.size() != 0 || content.empty()) return false;
    for (; !content.empty(); content.remove_prefix(marker.size()))
      if (content.substr(0, marker.size()) != marker) return false;
    return true;
  }
  std::vector<std::string> FilesWithMarkers() {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root_.path())) {
      if (entry.is_regular_file() && ReadAll(entry.path()).find("marker-") != std::string::npos)
        found.push_back(entry.path());
    }
    return found;
  }
  void PassTenSeconds() {
    now_ += 10s;
    spool_->Tick(now_);
  }

  TempDir root_{GetParam()};
  TempDir outside_{GetParam()};  // the same file system: hard links work
  Time now_ = 1000s;
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<SpoolWriter> writer_;
};

TEST_P(SpoolPosixTest, ReusesACleanSlotAndForgetsItsContent) {
  for (int number = 0; number < 10; ++number)
    spool_->GiveBack(Message(number), SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool_->counters().made, 1U);
  EXPECT_EQ(spool_->counters().reused, 9U);
  EXPECT_TRUE(spool_->reuse());
  EXPECT_FALSE(FilesWithMarkers().empty());
  PassTenSeconds();
  EXPECT_TRUE(FilesWithMarkers().empty());
}

TEST_P(SpoolPosixTest, NeverOverwritesALinkKeptOutside) {
  SpoolSlot& slot = Message(0);
  const std::string kept = outside_ / "evidence";
  ASSERT_EQ(::link(std::string(slot.mail_file()).c_str(), kept.c_str()), 0);
  spool_->GiveBack(slot, SpoolFate::kVerdict, now_);
  spool_->GiveBack(Message(1), SpoolFate::kVerdict, now_);
  PassTenSeconds();
  EXPECT_TRUE(IsPurely(ReadAll(kept), 0));
  EXPECT_EQ(spool_->counters().retired_linked, 1U);
  EXPECT_TRUE(FilesWithMarkers().empty());
}

TEST_P(SpoolPosixTest, NeverWritesIntoAFileThatReplacedItsOwn) {
  SpoolSlot& slot = Message(0);
  const std::string path(slot.mail_file());
  ASSERT_EQ(::rename(path.c_str(), (outside_ / "moved").c_str()), 0);
  std::ofstream(path) << "somebody's own";
  spool_->GiveBack(slot, SpoolFate::kVerdict, now_);
  spool_->GiveBack(Message(1), SpoolFate::kVerdict, now_);
  PassTenSeconds();
  EXPECT_TRUE(IsPurely(ReadAll(outside_ / "moved"), 0));
  EXPECT_EQ(spool_->counters().retired_foreign, 1U);
  EXPECT_TRUE(FilesWithMarkers().empty());
}

TEST_P(SpoolPosixTest, NeverWritesIntoAFileThatAReaderHasOpen) {
  for (const SpoolFate fate : {SpoolFate::kVerdict, SpoolFate::kDoubt, SpoolFate::kUnread}) {
    SpoolSlot& slot = Message(0);
    const int reader = ::open(std::string(slot.mail_file()).c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    spool_->GiveBack(slot, fate, now_);
    spool_->GiveBack(Message(1), SpoolFate::kVerdict, now_);
    PassTenSeconds();
    std::string content(100000, '\0');
    const ssize_t got = ::pread(reader, content.data(), content.size(), 0);
    ASSERT_GT(got, 0);
    EXPECT_TRUE(IsPurely(std::string_view(content).substr(0, static_cast<std::size_t>(got)), 0));
    ::close(reader);
    EXPECT_TRUE(FilesWithMarkers().empty());
  }
}

TEST_P(SpoolPosixTest, EmptiesPartsOfAnyDepthWithoutFollowingLinks) {
  std::ofstream(outside_ / "precious") << "kept";
  SpoolSlot& slot = Message(0);
  const std::string directory(slot.directory());
  fs::create_directories(directory + "/parts/a/b/c");
  std::ofstream(directory + "/parts/a/b/c/p001") << MarkerOf(0);
  ASSERT_EQ(::link(std::string(slot.mail_file()).c_str(), (directory + "/parts/p002").c_str()), 0);
  ASSERT_EQ(::symlink(outside_.path().c_str(), (directory + "/parts/link").c_str()), 0);
  spool_->GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool_->free_slots(), 1U);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), fs::directory_iterator()), 1);
  EXPECT_EQ(ReadAll(outside_ / "precious"), "kept");
  PassTenSeconds();
  EXPECT_TRUE(FilesWithMarkers().empty());
}

TEST_P(SpoolPosixTest, RetiresAFileWhoseModeWasChanged) {
  SpoolSlot& slot = Message(0);
  ASSERT_EQ(::chmod(std::string(slot.mail_file()).c_str(), 0666), 0);
  spool_->GiveBack(slot, SpoolFate::kVerdict, now_);
  EXPECT_EQ(spool_->counters().retired_foreign, 1U);
}

TEST_P(SpoolPosixTest, LeavesNoMarkerAfterEveryMisbehaviourInTurn) {
  int number = 0;
  for (int round = 0; round < 5; ++round) {
    for (const SpoolFate fate : {SpoolFate::kVerdict, SpoolFate::kDoubt, SpoolFate::kUnread}) {
      SpoolSlot& plain = Message(number++);
      SpoolSlot& linked = Message(number++);
      const std::string kept = outside_ / std::to_string(number);
      ASSERT_EQ(::link(std::string(linked.mail_file()).c_str(), kept.c_str()), 0);
      SpoolSlot& gone = Message(number++);
      fs::remove_all(std::string(gone.directory()));
      spool_->GiveBack(plain, fate, now_);
      spool_->GiveBack(linked, fate, now_);
      spool_->GiveBack(gone, fate, now_);
      EXPECT_TRUE(IsPurely(ReadAll(kept), number - 2));
    }
  }
  PassTenSeconds();
  EXPECT_TRUE(FilesWithMarkers().empty());
}

std::vector<std::string> Places() {
  std::vector<std::string> places = {fs::temp_directory_path().string()};
  if (::access("/dev/shm", W_OK | X_OK) == 0) places.emplace_back("/dev/shm");
  return places;
}

INSTANTIATE_TEST_SUITE_P(Places, SpoolPosixTest, testing::ValuesIn(Places()));

}  // namespace
}  // namespace engine
