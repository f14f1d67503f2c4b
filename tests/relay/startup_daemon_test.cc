// Going to the background, and the command lines that are answered at once.
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "relay/startup.h"
#include "tests/relay/startup_fixture.h"

namespace relay {
namespace {

// Starts a daemon whose later life is `body` (before Ready) and then waiting for `quit`; answers
// the exit status of the command that started it. Everything of the daemon is over when *alive
// reads end of file.
struct Daemon {
  int status = -1;
  int quit = -1;   // closing it ends the daemon
  int alive = -1;  // end of file: it has ended
};

Daemon StartDaemon(Config config, int exit_instead) {
  std::array<int, 2> quit{};
  std::array<int, 2> alive{};
  EXPECT_EQ(::pipe2(quit.data(), O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(alive.data(), O_CLOEXEC), 0);
  const pid_t starter = ::fork();
  if (starter == 0) {
    ::close(quit[1]);
    ::close(alive[0]);
    absl::StatusOr<Startup> startup = Startup::Prepare(config);
    if (!startup.ok()) ::_exit(kExitStart);
    if (!startup->Detach().ok()) ::_exit(kExitStart);
    if (exit_instead >= 0) {
      startup->CleanUp();
      ::_exit(exit_instead);
    }
    startup->Ready();
    char none = 0;
    while (::read(quit[0], &none, 1) > 0) {
    }
    startup->CleanUp();
    ::_exit(0);
  }
  ::close(quit[0]);
  ::close(alive[1]);
  Daemon daemon{.quit = quit[1], .alive = alive[0]};
  ::waitpid(starter, &daemon.status, 0);
  return daemon;
}

TEST_F(StartupTest, DaemonIsReadyWhenTheCommandReturns) {
  config_.program.foreground = false;
  const Daemon daemon = StartDaemon(config_, -1);
  ASSERT_TRUE(WIFEXITED(daemon.status));
  EXPECT_EQ(WEXITSTATUS(daemon.status), 0);

  const std::string pid = ReadFile(config_.program.pid_file);
  ASSERT_FALSE(pid.empty());
  const std::string proc = "/proc/" + pid.substr(0, pid.size() - 1);
  EXPECT_EQ(std::filesystem::read_symlink(proc + "/cwd"), "/");
  for (const char* fd : {"/fd/0", "/fd/1", "/fd/2"}) {
    EXPECT_EQ(std::filesystem::read_symlink(proc + fd), "/dev/null");
  }
  EXPECT_EQ(::getsid(std::stoi(pid)), std::stoi(pid));  // no controlling terminal

  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  config_.listeners[0].socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(client);

  ::close(daemon.quit);
  EXPECT_EQ(ReadAll(daemon.alive), "");
  ::close(daemon.alive);
  EXPECT_FALSE(std::filesystem::exists(config_.program.pid_file));
  EXPECT_FALSE(std::filesystem::exists(config_.listeners[0].socket));
}

TEST_F(StartupTest, CommandFailsWhenTheDaemonEndsBeforeItIsReady) {
  config_.program.foreground = false;
  const Daemon failed = StartDaemon(config_, 3);
  EXPECT_EQ(WEXITSTATUS(failed.status), 3);
  const Daemon silent = StartDaemon(config_, 0);
  EXPECT_EQ(WEXITSTATUS(silent.status), kExitStart);  // an early end is a failure, whatever it says
  for (const Daemon& daemon : {failed, silent}) {
    ::close(daemon.quit);
    ::close(daemon.alive);
  }
}

class AnswerAtOnceTest : public StartupTest {
 protected:
  // Exit status, output, errors of a command line.
  struct Answer {
    std::optional<int> status;
    std::string out;
    std::string err;
  };
  static Answer Ask(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "amavisd-milter");
    const CommandLine line = ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Answer answer{.status = AnswerAtOnce(line), .out = "", .err = ""};
    answer.out = testing::internal::GetCapturedStdout();
    answer.err = testing::internal::GetCapturedStderr();
    return answer;
  }
};

TEST_F(AnswerAtOnceTest, LeavesARunToTheCaller) {
  EXPECT_EQ(Ask({}).status, std::nullopt);
}

TEST_F(AnswerAtOnceTest, PrintsHelpAndVersionToStandardOutput) {
  const Answer help = Ask({"-h"});
  EXPECT_EQ(help.status, 0);
  EXPECT_TRUE(help.out.starts_with("Usage: amavisd-milter [OPTIONS]\n"));
  EXPECT_EQ(help.err, "");
  const Answer version = Ask({"-v"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("amavisd-milter (millrace "));
}

TEST_F(AnswerAtOnceTest, PrintsUsageErrorsToStandardError) {
  const Answer answer = Ask({"-d", "x"});
  EXPECT_EQ(answer.status, 64);
  EXPECT_EQ(answer.out, "");
  EXPECT_TRUE(answer.err.starts_with("amavisd-milter: debug level is not valid number: x ("))
      << answer.err;
  EXPECT_TRUE(Has(answer.err, "\n\nUsage: amavisd-milter [OPTIONS]\n")) << answer.err;
}

TEST_F(AnswerAtOnceTest, CheckConfigPrintsTheLimitsAndLeavesNoTrace) {
  config_.spool.directory = folder_ + "/amavis-tmp";
  ASSERT_EQ(::mkdir(config_.spool.directory.c_str(), 0750), 0);
  const Answer answer = Ask({"--check-config",
                             "-s",
                             config_.listeners[0].socket.c_str(),
                             "-S",
                             config_.scanners[0].socket.c_str(),
                             "-p",
                             config_.program.pid_file.c_str(),
                             "-w",
                             config_.spool.directory.c_str(),
                             "--user",
                             "54321",
                             "-P"});
  if (!IsRoot()) {
    EXPECT_EQ(answer.status, kExitStart);
    EXPECT_TRUE(Has(answer.err, "only root can change users")) << answer.err;
    return;
  }
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_TRUE(Has(answer.out, "max_sessions: ")) << answer.out;
  EXPECT_TRUE(Has(answer.err, "warning: -P: ")) << answer.err;
  EXPECT_TRUE(Has(answer.err, "/amavis-tmp: 'amavis-' in it")) << answer.err;
  EXPECT_FALSE(std::filesystem::exists(config_.listeners[0].socket));
  EXPECT_FALSE(std::filesystem::exists(config_.program.pid_file));
}

TEST_F(AnswerAtOnceTest, CheckConfigTellsWhatIsWrong) {
  const Answer answer = Ask({"--check-config", "--user", "54321", "-w", "/nonexistent"});
  EXPECT_EQ(answer.status, kExitStart);
  EXPECT_EQ(answer.out, "");
  EXPECT_TRUE(answer.err.starts_with("amavisd-milter: ")) << answer.err;
}

}  // namespace
}  // namespace relay
