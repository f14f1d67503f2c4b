// The start-up steps up to the privilege drop: what is refused, with which words, and what the
// process has become.
#include "relay/startup.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <gtest/gtest.h>

#include "tests/relay/startup_fixture.h"

namespace relay {
namespace {

TEST_F(StartupTest, PreparesAndCleansUp) {
  EXPECT_EQ(PrepareAs(::geteuid()), "ok");
  EXPECT_FALSE(std::filesystem::exists(config_.listeners[0].socket));
  EXPECT_FALSE(std::filesystem::exists(config_.program.pid_file));
}

TEST_F(StartupTest, RefusesRootWithoutAUserAndNamesTheRemedy) {
  config_.program.user.clear();
  if (IsRoot()) {
    EXPECT_TRUE(Has(PrepareAs(0), "refusing to run as root: give --user=USER"));
    EXPECT_FALSE(std::filesystem::exists(config_.listeners[0].socket));
  } else {
    EXPECT_EQ(PrepareAs(::geteuid()), "ok");
  }
}

TEST_F(StartupTest, RefusesRootAsTheUser) {
  for (const char* user : {"root", "0", "root:mail", "0:0"}) {
    config_.program.user = user;
    config_.program.group.clear();
    const std::string_view given = user;
    if (const std::size_t colon = given.find(':'); colon != std::string_view::npos) {
      config_.program.user = given.substr(0, colon);
      config_.program.group = given.substr(colon + 1);
    }
    EXPECT_TRUE(Has(PrepareAs(::geteuid()), "refusing to run as root")) << user;
  }
}

TEST_F(StartupTest, RefusesAnUnknownUserOrGroup) {
  config_.program.user = "no-such-user-here";
  EXPECT_EQ(PrepareAs(::geteuid()), "no such user: no-such-user-here");
  config_.program.user = "nobody";
  config_.program.group = "no-such-group-here";
  EXPECT_EQ(PrepareAs(::geteuid()), "no such group: no-such-group-here");
  config_.program.user = "4294967295";  // would mean "leave as is"
  EXPECT_EQ(PrepareAs(::geteuid()), "no such user: 4294967295");
}

TEST_F(StartupTest, RefusesToBecomeAnotherUserWithoutRoot) {
  config_.program.user = "daemon";
  EXPECT_TRUE(Has(PrepareAs(user_), "only root can change users"));
}

TEST_F(StartupTest, RunsAsTheUnprivilegedUserWhoStartsIt) {
  config_.program.user.clear();
  config_.program.group.clear();
  EXPECT_EQ(PrepareAs(user_), "ok");
}

TEST_F(StartupTest, DropsEveryPrivilegeForGood) {
  const std::string text = InChild(::geteuid(), [this] {
    absl::StatusOr<Startup> startup = Startup::Prepare(config_);
    if (!startup.ok()) return std::string(startup.status().message());
    std::string state = ReadFile("/proc/self/status");
    state += "root=" + std::to_string(::setresuid(0, 0, 0) == 0 || ::setuid(0) == 0);
    startup->CleanUp();
    return state;
  });
  if (IsRoot()) {
    EXPECT_TRUE(Has(text, "Uid:\t54321\t54321\t54321\t54321\n")) << text;
    EXPECT_TRUE(Has(text, "Gid:\t54322\t54322\t54322\t54322\n")) << text;
    EXPECT_TRUE(Has(text, "Groups:\t54322 \n")) << text;
  }
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_TRUE(Has(text, std::string(set) + ":\t0000000000000000\n")) << text;
  }
  EXPECT_TRUE(Has(text, "NoNewPrivs:\t1\n")) << text;
  EXPECT_TRUE(Has(text, "Umask:\t0027\n")) << text;
  EXPECT_TRUE(Has(text, "root=0")) << text;
}

TEST_F(StartupTest, SocketAndPidFileBelongToTheUser) {
  config_.listeners[0].socket_mode = 0620;
  const std::string text = InChild(::geteuid(), [this] {
    absl::StatusOr<Startup> startup = Startup::Prepare(config_);
    if (!startup.ok()) return std::string(startup.status().message());
    struct stat socket {};
    struct stat pid {};
    ::lstat(config_.listeners[0].socket.c_str(), &socket);
    ::lstat(config_.program.pid_file.c_str(), &pid);
    startup->CleanUp();
    std::ostringstream out;
    out << socket.st_uid << ' ' << std::oct << socket.st_mode << std::dec << ' ' << pid.st_uid;
    return out.str();
  });
  const std::string user = std::to_string(user_);
  EXPECT_EQ(text, user + " 140620 " + user);
}

TEST_F(StartupTest, SocketTakesTheOwnerAndGroupAskedFor) {
  config_.listeners[0].socket_owner = "nobody";
  config_.listeners[0].socket_group = "54323";
  if (!IsRoot()) {
    EXPECT_TRUE(Has(PrepareAs(::geteuid()), "start as root with --user"));
    return;
  }
  const std::string text = InChild(0, [this] {
    absl::StatusOr<Startup> startup = Startup::Prepare(config_);
    if (!startup.ok()) return std::string(startup.status().message());
    struct stat socket {};
    ::lstat(config_.listeners[0].socket.c_str(), &socket);
    startup->CleanUp();
    return std::to_string(socket.st_uid) + " " + std::to_string(socket.st_gid);
  });
  EXPECT_EQ(text, std::to_string(*ResolveUser("nobody")) + " 54323");
}

TEST_F(StartupTest, RefusesASocketOwnerItHasNoRightTo) {
  config_.program.user.clear();
  config_.program.group.clear();
  config_.listeners[0].socket_owner = "root";
  EXPECT_TRUE(Has(PrepareAs(user_), "start as root with --user"));
  EXPECT_FALSE(std::filesystem::exists(config_.listeners[0].socket));
  EXPECT_FALSE(std::filesystem::exists(config_.program.pid_file));
}

TEST_F(StartupTest, RefusesAnUnknownSocketOwner) {
  config_.listeners[0].socket_owner = "no-such-user-here";
  EXPECT_EQ(PrepareAs(::geteuid()), "--socket-owner: no such user: no-such-user-here");
}

TEST_F(StartupTest, RefusesAWorkingDirectoryOfTheWorld) {
  for (const mode_t mode : {0751U, 0754U, 0752U, 0777U}) {
    ASSERT_EQ(::chmod(config_.spool.directory.c_str(), mode), 0);
    EXPECT_TRUE(Has(PrepareAs(::geteuid()), "is world accessible")) << mode;
  }
}

TEST_F(StartupTest, RefusesAMissingWorkingDirectoryOrAFile) {
  config_.spool.directory = folder_ + "/absent";
  EXPECT_TRUE(Has(
      PrepareAs(::geteuid()),
      "could not stat() to working directory " + folder_ + "/absent: No such file or directory"));
  std::ofstream(folder_ + "/file") << "x";
  config_.spool.directory = folder_ + "/file";
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), "is not directory"));
}

TEST_F(StartupTest, RefusesAWorkingDirectoryWhoseNameScannersRefuse) {
  config_.spool.directory = folder_ + "/spool ing";
  ASSERT_EQ(::mkdir(config_.spool.directory.c_str(), 0750), 0);
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), config_.spool.directory));
}

TEST_F(StartupTest, RefusesAddressesThatAreNone) {
  config_.listeners[0].socket = "inet:99999@127.0.0.1";
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), "could not open milter socket inet:99999@127.0.0.1"));
  config_.listeners[0].socket = folder_ + "/run/milter.sock";
  config_.scanners[0].socket = "inet:0@127.0.0.1";
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), "amavisd socket"));
}

// However its address is written.
TEST_F(StartupTest, RefusesAScannerThatIsThereTwice) {
  config_.scanners.resize(2);
  config_.scanners[0].socket = "inet:10024@localhost";
  config_.scanners[1].socket = "inet:10024@127.0.0.1";
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), "two scanners lead to one place, inet:10024@localhost"));
  config_.scanners[0].socket = "unix:" + folder_ + "/amavisd.sock";
  config_.scanners[1].socket = folder_ + "/amavisd.sock";
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), "two scanners lead to one place"));
}

TEST_F(StartupTest, RefusesLimitsThatDoNotFit) {
  config_.quota.sessions_max = kSessionsMax;
  config_.quota.messages_max = kMessagesMax;
  config_.scanners[0].connections_max = kScannerConnectionsMax;
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), "limit of open files is "));
}

TEST_F(StartupTest, RefusesToStartTwice) {
  const std::string text = InChild(::geteuid(), [this] {
    absl::StatusOr<Startup> first = Startup::Prepare(config_);
    if (!first.ok()) return std::string(first.status().message());
    if (const absl::Status detached = first->Detach(); !detached.ok()) return std::string("detach");
    config_.program.user.clear();
    config_.program.group.clear();
    const absl::StatusOr<Startup> same_pid_file = Startup::Prepare(config_);
    config_.program.pid_file += "2";
    const absl::StatusOr<Startup> same_socket = Startup::Prepare(config_);
    std::string answers = std::string(same_pid_file.status().message()) + "|" +
                          std::string(same_socket.status().message()) + "|" +
                          std::to_string(::access(config_.listeners[0].socket.c_str(), F_OK));
    first->CleanUp();
    return answers + "|" + std::to_string(::getpid());
  });
  const std::string pid = text.substr(text.rfind('|') + 1);
  EXPECT_TRUE(text.starts_with("already running: process " + pid + " holds pid file ")) << text;
  EXPECT_TRUE(Has(text, "|could not open milter socket: ")) << text;
  EXPECT_TRUE(Has(text, "|0|")) << text;  // the first one's socket is still there
}

TEST_F(StartupTest, MakesRelativePathsAbsolute) {
  const std::string text = InChild(::geteuid(), [this] {
    if (::chdir((folder_ + "/run").c_str()) != 0) return std::string("chdir");
    config_.listeners[0].socket = "unix:m.sock";
    config_.scanners[0].socket = "local:../s.sock";
    config_.program.pid_file = "p";
    config_.spool.directory = "../spool";
    absl::StatusOr<Startup> startup = Startup::Prepare(config_);
    if (!startup.ok()) return std::string(startup.status().message());
    std::string paths = std::string(startup->listeners().front().address().path()) + " " +
                        std::string(startup->scanners().front().path()) + " " +
                        config_.program.pid_file + " " + config_.spool.directory;
    startup->CleanUp();
    return paths;
  });
  EXPECT_EQ(
      text,
      folder_ + "/run/m.sock " + folder_ + "/s.sock " + folder_ + "/run/p " + folder_ + "/spool");
}

TEST_F(StartupTest, ForegroundGoesOnWithoutAPidFileAndWarns) {
  config_.program.pid_file = folder_ + "/absent/pid";
  const std::string text = InChild(::geteuid(), [this] {
    absl::StatusOr<Startup> startup = Startup::Prepare(config_);
    if (!startup.ok()) return std::string(startup.status().message());
    startup->CleanUp();
    return startup->warnings().at(0);
  });
  EXPECT_EQ(
      text,
      "could not create pid file " + config_.program.pid_file + ": No such file or directory");
}

TEST_F(StartupTest, DaemonDoesNotStartWithoutAPidFile) {
  config_.program.pid_file = folder_ + "/absent/pid";
  config_.program.foreground = false;
  EXPECT_TRUE(Has(PrepareAs(::geteuid()), "could not create pid file"));
}

TEST_F(StartupTest, WarnsOfAGroupThatDrainsWhole) {
  config_.scanners.resize(3);
  config_.scanners[0].drain = true;
  config_.scanners[1].group = config_.scanners[2].group = "x";
  config_.scanners[1].drain = true;
  EXPECT_EQ(ConfigWarnings(config_),
            std::vector<std::string>{"all scanners drain: their mail is refused with 451"});
  config_.scanners[2].drain = true;
  EXPECT_EQ(ConfigWarnings(config_).back(),
            "all scanners of group x drain: their mail is refused with 451");
}

TEST_F(StartupTest, WarnsOfWhatMaySurprise) {
  config_.listeners[0].pass_on_failure = true;
  config_.listeners[0].delivery_care_of = DeliveryCareOf::kServer;
  const std::string text = InChild(::geteuid(), [this] {
    absl::StatusOr<Startup> startup = Startup::Prepare(config_);
    if (!startup.ok()) return std::string(startup.status().message());
    startup->CleanUp();
    std::string all;
    for (const std::string& warning : startup->warnings())
      all += warning + "\n";
    return all;
  });
  EXPECT_TRUE(Has(text, "-P: mail passes unscanned")) << text;
  EXPECT_TRUE(Has(text, "-P with -D server")) << text;
}

TEST_F(StartupTest, TellsSystemdThatItIsReady) {
  const int supervisor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder_ + "/notify";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(supervisor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(InChild(::geteuid(),
                    [&] {
                      // NOLINTNEXTLINE(concurrency-mt-unsafe): a child of one thread
                      ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
                      absl::StatusOr<Startup> startup = Startup::Prepare(config_);
                      if (!startup.ok()) return std::string(startup.status().message());
                      startup->Ready();
                      startup->Stopping();
                      startup->CleanUp();
                      return std::string("ok");
                    }),
            "ok");
  std::array<char, 64> text{};
  ASSERT_GT(::recv(supervisor, text.data(), text.size() - 1, MSG_DONTWAIT), 0);
  EXPECT_STREQ(text.data(), "READY=1");
  text.fill(0);
  ASSERT_GT(::recv(supervisor, text.data(), text.size() - 1, MSG_DONTWAIT), 0);
  EXPECT_STREQ(text.data(), "STOPPING=1");
  ::close(supervisor);
}

}  // namespace
}  // namespace relay
