// The metrics' endpoint with clients of all kinds: good, slow, many, and those that speak no HTTP.
#include <netinet/in.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/net/listener.h"
#include "relay/metrics_server.h"
#include "tests/engine/temp_dir.h"
#include "tests/relay/made_snapshot.h"
#include "tests/relay/observer_client.h"

namespace relay {
namespace {

class MetricsServerTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<engine::Listener> listener =
        engine::Listener::Open(*engine::ParseAddress("unix:" + path()), {});
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    absl::StatusOr<std::unique_ptr<MetricsServer>> server =
        MetricsServer::Start(listener_.fd(), source_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string path() const { return dir_ / "metrics.sock"; }
  // One request on a connection of its own: the whole answer.
  std::string Get(const std::string& request) {
    ObserverClient client(path());
    EXPECT_TRUE(client.Say(request));
    return client.Hear();
  }
  std::string GetPath(const std::string& what, const std::string& more = "") {
    return Get("GET " + what + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + more + "\r\n");
  }

  engine::TempDir dir_;
  MadeSource source_;
  engine::Listener listener_;
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, ServesTheFormThatIsAskedFor) {
  const std::string old = GetPath("/metrics");
  EXPECT_TRUE(old.starts_with("HTTP/1.1 200 OK\r\n")) << old.substr(0, 300);
  EXPECT_NE(old.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  EXPECT_NE(old.find("\n# TYPE millrace_sessions_begun_total counter\n"), std::string::npos);
  const std::string open =
      GetPath("/metrics", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n");
  EXPECT_NE(open.find("Content-Type: application/openmetrics-text; version=1.0.0"),
            std::string::npos);
  EXPECT_NE(open.find("\n# TYPE millrace_sessions_begun counter\n"), std::string::npos);
  EXPECT_TRUE(open.ends_with("# EOF\n"));
}

TEST_F(MetricsServerTest, HeadHasNoBody) {
  const std::string answer = Get("HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(MetricsServerTest, HealthSaysWhetherItServes) {
  std::string answer = GetPath("/healthz");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nserving\n")) << answer;
  source_.stops.store(true);
  answer = GetPath("/healthz");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nstopping\n")) << answer;
  EXPECT_EQ(source_.asked.load(), 0);
}

TEST_F(MetricsServerTest, NothingElseIsThere) {
  EXPECT_TRUE(GetPath("/").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(GetPath("/metrics/../../etc/passwd").starts_with("HTTP/1.1 404 "));
  const std::string post =
      Get("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nx");
  EXPECT_TRUE(post.starts_with("HTTP/1.1 405 ")) << post;
  EXPECT_NE(post.find("Allow: GET, HEAD\r\n"), std::string::npos) << post;
  EXPECT_EQ(source_.asked.load(), 0);
}

TEST_F(MetricsServerTest, WhatIsNoHttpHurtsNobodyElse) {
  std::vector<std::unique_ptr<ObserverClient>> clients;
  for (const std::string& said : {std::string("\n\n\n\n"),
                                  std::string("garbage\r\n\r\n"),
                                  std::string(1000, '\0'),
                                  "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n",
                                  "GET /metrics HTTP/1.1\r\nA: " + std::string(100'000, 'a')}) {
    clients.push_back(std::make_unique<ObserverClient>(path()));
    clients.back()->Say(said);
    clients.back()->EndSaying();
    EXPECT_NE(GetPath("/metrics").find(" 200 OK"), std::string::npos) << said.substr(0, 40);
  }
  server_.reset();
  for (const auto& client : clients)
    EXPECT_EQ(client->Hear().find(" 200 OK"), std::string::npos);
}

TEST_F(MetricsServerTest, AGetWithABodyIsAnswered) {
  const std::string answer = Get(
      "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(answer.ends_with("serving\n")) << answer;
}

// More than there may be, each with half a request: whoever comes next is served, and the oldest
// had to go.
TEST_F(MetricsServerTest, SlowClientsKeepNobodyOut) {
  std::vector<std::unique_ptr<ObserverClient>> slow;
  for (unsigned i = 0; i < 3 * MetricsServer::kConnectionsMax; ++i) {
    slow.push_back(std::make_unique<ObserverClient>(path()));
    ASSERT_TRUE(slow.back()->connected());
    slow.back()->Say("GET /metrics HT");
    if (i % 7 == 0) {
      EXPECT_NE(GetPath("/metrics").find(" 200 OK"), std::string::npos) << i;
    }
  }
  EXPECT_NE(GetPath("/metrics").find(" 200 OK"), std::string::npos);
  slow.front()->Hear();
  EXPECT_TRUE(slow.front()->ended());
  // The newest is there still, and may end its request.
  slow.back()->Say("TP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(slow.back()->Hear("\r\n\r\n").find(" 200 OK"), std::string::npos);
}

TEST_F(MetricsServerTest, ManyAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kRequests = 20;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &good] {
      ObserverClient client(path());
      for (int request = 0; request < kRequests; ++request) {
        client.Say(
            "GET /metrics HTTP/1.1\r\nHost: a\r\n"
            "Accept: application/openmetrics-text\r\n\r\n");
        if (client.Hear("# EOF\n").find(" 200 OK") != std::string::npos) good.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(good.load(), kThreads * kRequests);
}

TEST_F(MetricsServerTest, EndsAtOnceWhateverClientsDo) {
  ObserverClient half(path());
  half.Say("GET /metrics");
  ObserverClient silent(path());
  ObserverClient deaf(path());
  for (int i = 0; i < 50; ++i)
    deaf.Say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  server_.reset();
  listener_ = engine::Listener();  // some may have been waiting there
  EXPECT_EQ(half.Hear(), "");
  EXPECT_TRUE(half.ended());
}

TEST_F(MetricsServerTest, ALoopbackPort) {
  absl::StatusOr<engine::Address> address = engine::ParseAddress("inet:1@127.0.0.1");
  ASSERT_TRUE(address.ok());
  reinterpret_cast<sockaddr_in*>(&address->storage)->sin_port = 0;
  absl::StatusOr<engine::Listener> listener = engine::Listener::Open(*address, {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  ASSERT_EQ(::getsockname(listener->fd(), reinterpret_cast<sockaddr*>(&bound), &length), 0);
  absl::StatusOr<std::unique_ptr<MetricsServer>> server =
      MetricsServer::Start(listener->fd(), source_);
  ASSERT_TRUE(server.ok()) << server.status();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&bound), sizeof bound), 0);
  const std::string request = "GET /healthz HTTP/1.0\r\n\r\n";
  ASSERT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  ::close(fd);
  EXPECT_TRUE(answer.ends_with("serving\n")) << answer;
}

}  // namespace
}  // namespace relay
