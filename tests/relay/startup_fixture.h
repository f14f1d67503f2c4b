// The fixture of the start-up tests: a folder with a run and a work directory, a configuration that
// points there, and processes of their own for everything that changes who we are.
//
// As root the configuration names an unprivileged user; where the tests do not run as root, the
// steps that need it are tested for their refusal.
#ifndef MILLRACE_TESTS_RELAY_STARTUP_FIXTURE_H_
#define MILLRACE_TESTS_RELAY_STARTUP_FIXTURE_H_

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "relay/startup.h"

namespace relay {

inline constexpr uid_t kUser = 54321;  // in no user database
inline constexpr gid_t kGroup = 54322;

inline bool IsRoot() {
  return ::geteuid() == 0;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

// Runs `body` in a child and answers its text. `user`: who the child is.
inline std::string InChild(uid_t user, const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (user != ::geteuid() &&
        (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
         ::setresuid(user, user, user) != 0)) {
      ::_exit(1);
    }
    const std::string text = body();
    ::_exit(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0
                                                                                            : 1);
  }
  ::close(ends[1]);
  std::string text = ReadAll(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return text;
}

class StartupTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/startup-test.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    user_ = IsRoot() ? kUser : ::geteuid();
    ASSERT_EQ(::chmod(name.c_str(), 0711), 0);
    for (const char* sub : {"/run", "/spool"}) {
      ASSERT_EQ(::mkdir((folder_ + sub).c_str(), 0750), 0);
      if (IsRoot()) {
        ASSERT_EQ(::chown((folder_ + sub).c_str(), kUser, kGroup), 0);
      }
    }
    config_.program.name = "millrace";
    config_.listeners[0].socket = folder_ + "/run/milter.sock";
    config_.scanners[0].socket = folder_ + "/run/scanner.sock";
    config_.program.pid_file = folder_ + "/run/pid";
    config_.spool.directory = folder_ + "/spool";
    config_.program.foreground = true;
    if (IsRoot()) {
      config_.program.user = std::to_string(kUser);
      config_.program.group = std::to_string(kGroup);
    }
  }
  void TearDown() override {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }

  // What Prepare() says in a process of `user`.
  std::string PrepareAs(uid_t user) {
    return InChild(user, [this] {
      absl::StatusOr<Startup> startup = Startup::Prepare(config_);
      std::string text(startup.ok() ? "ok" : startup.status().message());
      if (startup.ok()) startup->CleanUp();
      return text;
    });
  }

  std::string folder_;
  uid_t user_ = 0;
  Config config_;
};

inline bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace relay

#endif  // MILLRACE_TESTS_RELAY_STARTUP_FIXTURE_H_
