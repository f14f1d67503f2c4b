// Whether amavisd is told a directory or the file alone, by who owns its socket.
#include "relay/spool_sharing.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace relay {
namespace {

constexpr uid_t kOtherUser = 64321;
constexpr gid_t kOtherGroup = 64322;

// Runs as root, as the whole suite does: giving files to other users needs it.
class SpoolSharingTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sharing-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::create_directory(root_ + "/work");
    std::ofstream(root_ + "/scanner").put('s');  // its owner is what counts
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Own(const std::string& name, uid_t user, gid_t group) const {
    ASSERT_EQ(::chown((root_ + name).c_str(), user, group), 0) << "the suite runs as root";
  }
  absl::StatusOr<SpoolSharing> Share() const {
    const auto address = engine::ParseAddress("unix:" + root_ + "/scanner");
    EXPECT_TRUE(address.ok());
    return ShareSpool(*address, root_ + "/work");
  }

  std::string root_;
};

TEST_F(SpoolSharingTest, SameUserIsToldTheDirectory) {
  const auto sharing = Share();
  ASSERT_TRUE(sharing.ok());
  EXPECT_TRUE(sharing->send_tempdir);
  EXPECT_EQ(sharing->file_mode, 0640U);
  EXPECT_EQ(sharing->note, "");
}

TEST_F(SpoolSharingTest, MissingSocketMeansTheSameUser) {
  std::filesystem::remove(root_ + "/scanner");
  const auto sharing = Share();
  ASSERT_TRUE(sharing.ok());
  EXPECT_TRUE(sharing->send_tempdir);
}

TEST_F(SpoolSharingTest, OtherUserOfTheDirectorysGroupIsToldTheFileAlone) {
  Own("/scanner", kOtherUser, ::getegid());
  const auto sharing = Share();
  ASSERT_TRUE(sharing.ok()) << sharing.status();
  EXPECT_FALSE(sharing->send_tempdir);
  EXPECT_EQ(sharing->file_mode, 0660U);
  EXPECT_EQ(sharing->directory_mode, 0750U);
  EXPECT_NE(sharing->note.find("$TEMPBASE"), std::string::npos);
}

TEST_F(SpoolSharingTest, OtherUserOfAnotherGroupIsAnErrorThatNamesTheRemedy) {
  Own("/scanner", kOtherUser, kOtherGroup);
  const auto sharing = Share();
  ASSERT_FALSE(sharing.ok());
  const std::string text(sharing.status().message());
  EXPECT_NE(text.find("group 64322"), std::string::npos) << text;
  EXPECT_NE(text.find("--user=USER:GROUP"), std::string::npos) << text;
}

// Who is not in the group cannot hand its set-group-id bit down to new directories.
TEST_F(SpoolSharingTest, DirectoryOfAGroupThatWeAreNotInIsNoHelp) {
  Own("/scanner", kOtherUser, kOtherGroup);
  Own("/work", ::geteuid(), kOtherGroup);
  ASSERT_EQ(::chmod((root_ + "/work").c_str(), 02750), 0);
  EXPECT_FALSE(Share().ok());
}

}  // namespace
}  // namespace relay
