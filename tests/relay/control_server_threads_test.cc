// The control socket with clients of all kinds, and the wrong users.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/net/listener.h"
#include "relay/control_answer.h"
#include "relay/control_server.h"
#include "tests/engine/temp_dir.h"
#include "tests/relay/made_snapshot.h"
#include "tests/relay/observer_client.h"

namespace relay {
namespace {

class ControlServerTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<engine::Listener> listener =
        engine::Listener::Open(*engine::ParseAddress("unix:" + path()), {.mode = 0600});
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    absl::StatusOr<std::unique_ptr<ControlServer>> server =
        ControlServer::Start(listener_.fd(), source_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string path() const { return dir_ / "control.sock"; }
  std::string Ask(const std::string& said) {
    ObserverClient client(path());
    EXPECT_TRUE(client.Say(said));
    return client.Hear();
  }

  engine::TempDir dir_;
  MadeSource source_;
  engine::Listener listener_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlServerTest, AnswersOneCommandAndCloses) {
  EXPECT_EQ(Ask("status\n"), ControlAnswer("status", MadeSnapshot()));
  EXPECT_EQ(Ask("queue\r\n"), ControlAnswer("queue", MadeSnapshot()));
  EXPECT_EQ(Ask("scanners\nquota\n"), ControlAnswer("scanners", MadeSnapshot()));
  EXPECT_NE(Ask("\n").find("unknown command ''"), std::string::npos);
}

TEST_F(ControlServerTest, ACommandMayComeInPieces) {
  ObserverClient client(path());
  for (const char* piece : {"s", "tat", "us", "\n"})
    client.Say(piece);
  EXPECT_EQ(client.Hear(), ControlAnswer("status", MadeSnapshot()));
}

TEST_F(ControlServerTest, WhatIsNoLineIsAnError) {
  ObserverClient half(path());
  half.Say("status");
  half.EndSaying();
  EXPECT_NE(half.Hear().find("no whole line came"), std::string::npos);
  EXPECT_NE(Ask(std::string(ControlServer::kCommandBytesMax, 'x')).find("no whole line came"),
            std::string::npos);
  ObserverClient gone(path());
  gone.EndSaying();
  EXPECT_EQ(gone.Hear(), "");
}

// One that says nothing is given up after a while; who comes after it is served.
TEST_F(ControlServerTest, ASilentClientHoldsNobodyUpForLong) {
  ObserverClient silent(path());
  EXPECT_EQ(Ask("status\n"), ControlAnswer("status", MadeSnapshot()));
  EXPECT_EQ(silent.Hear(), "");
  EXPECT_TRUE(silent.ended());
}

TEST_F(ControlServerTest, EndsAtOnceWithAClientInHand) {
  ObserverClient silent(path());
  silent.Say("sta");
  server_.reset();
  listener_ = engine::Listener();  // it may have been waiting there
  silent.Hear();                   // nothing, or that no whole line has come
  EXPECT_TRUE(silent.ended());
}

// Root opens the file for anybody; the kernel still says who is there.
TEST_F(ControlServerTest, OtherUsersAreTurnedAway) {
  if (::geteuid() != 0) return;  // nobody to become
  ASSERT_EQ(::chmod(path().c_str(), 0666), 0);
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  constexpr uid_t kStranger = 54321;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(1);
    ObserverClient client(path());
    client.Say("status\n");
    const std::string heard = client.Hear();
    ::_exit(heard.find("only root and the daemon's own user may ask") != std::string::npos ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(source_.asked.load(), 0);
}

}  // namespace
}  // namespace relay
