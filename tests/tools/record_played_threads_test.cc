// Whole sessions of a mail server through the proxy, in simulated time but with the recorder's own
// thread: the records, put together again, are the octets that passed.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "milter/mta_session.h"
#include "tests/engine/recorder.h"
#include "tests/tools/fake_milter.h"
#include "tests/tools/record_talkers.h"
#include "tests/tools/record_threads_fixture.h"
#include "tools/record/recorder.h"

namespace record {
namespace {

constexpr const char* kFront = "/run/front.sock";
constexpr const char* kMilter = "/run/milter.sock";

engine::Address At(const char* path) {
  return *engine::ParseAddress(std::string("unix:") + path);
}

// The recorder, and beside it what it was given.
class BothInputs final : public RecorderInput {
 public:
  explicit BothInputs(Recorder& recorder) : recorder_(recorder) {}
  HeardRecorder heard{};

  bool recording() const noexcept override { return recorder_.recording(); }
  std::uint64_t Open(std::uint64_t time_us) noexcept override {
    heard.Open(time_us);
    return recorder_.Open(time_us);
  }
  void Octets(std::uint64_t session,
              trace::Direction direction,
              engine::Gather parts,
              std::uint64_t time_us) noexcept override {
    heard.Octets(session, direction, parts, time_us);
    recorder_.Octets(session, direction, parts, time_us);
  }
  void Close(std::uint64_t session,
             trace::Ending ending,
             int error,
             std::uint64_t time_us) noexcept override {
    heard.Close(session, ending, error, time_us);
    recorder_.Close(session, ending, error, time_us);
  }
  void Scan(trace::ScanRecord&&, std::shared_ptr<MessageCopy>) noexcept override {}

 private:
  Recorder& recorder_;
};

// A mail server's end of one connection.
class MailServer final : public engine::SocketEvents {
 public:
  MailServer(sim::SimLoop& loop, const milter::MtaOptions& options, const milter::MtaScript& script)
      : loop_(loop), session_(options, script) {}
  void Connect() { loop_.Connect(At(kFront), *this, &id_); }
  bool over() const { return over_; }
  const milter::MtaSession& session() const { return session_; }

  void OnBytes(engine::SocketId, engine::Bytes bytes) noexcept override { session_.Feed(bytes); }
  void OnTurnEnd(engine::SocketId) noexcept override { Play(); }
  engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;
  }
  void OnWritable(engine::SocketId) noexcept override { Play(); }
  void OnGone(engine::SocketId, int) noexcept override { Leave(); }

 private:
  void Play() {
    for (;;) {
      if (pending_.empty()) {
        std::array<std::byte, 4096> room{};
        const std::size_t bytes = session_.Fill(room);
        if (bytes == 0) break;
        pending_.assign(reinterpret_cast<const char*>(room.data()), bytes);
      }
      const iovec part{pending_.data(), pending_.size()};
      const engine::IoResult sent = loop_.Send(id_, {&part, 1});
      if (!sent.ok()) return Leave();
      pending_.erase(0, static_cast<std::size_t>(sent.value));
      if (!pending_.empty()) return;
    }
    if (session_.finished()) Leave();
  }
  void Leave() {
    over_ = true;
    loop_.Close(id_);
  }

  sim::SimLoop& loop_;
  milter::MtaSession session_;
  engine::SocketId id_{};
  std::string pending_;
  bool over_ = false;
};

milter::Transaction MakeTransaction(const char* recipient, std::size_t body_bytes) {
  milter::Transaction transaction;
  transaction.sender.address = "<a@example.net>";
  transaction.recipients = {{.address = recipient, .arguments = {}, .macros = {}}};
  transaction.headers = {{"Subject", " through the proxy"}, {"X-Empty", ""}};
  transaction.body = engine::Pattern(body_bytes);
  transaction.queue_id = "Q1";
  return transaction;
}

// Both streams of a session again, from its records.
struct Streams {
  std::string to_filter;
  std::string to_server;
  void Add(const std::vector<trace::Packet>& packets, std::string_view body) {
    for (const trace::Packet& packet : packets) {
      std::string& to = packet.direction == trace::Direction::kToFilter ? to_filter : to_server;
      const std::size_t length = 1 + packet.payload.size() + packet.body_bytes;
      for (const int shift : {24, 16, 8, 0})
        to.push_back(static_cast<char>((length >> shift) & 0xFF));
      to.push_back(static_cast<char>(packet.code));
      to.append(packet.payload);
      to.append(body.substr(0, packet.body_bytes));
      body.remove_prefix(packet.body_bytes);
    }
    EXPECT_TRUE(body.empty());
  }
};

std::map<std::uint64_t, Streams> Together(const Written& written) {
  std::map<std::uint64_t, Streams> streams;
  for (const trace::SessionRecord& session : written.sessions)
    streams[session.session].Add(session.packets, {});
  for (std::size_t i = 0; i < written.transactions.size(); ++i)
    streams[written.transactions[i].session].Add(written.transactions[i].packets,
                                                 written.bodies[i]);
  for (const trace::CloseRecord& close : written.closes)
    streams[close.session].Add(close.packets, {});
  return streams;
}

void PlayThrough(std::uint64_t seed, milter::MtaKind kind, std::size_t splice_from) {
  sim::SimFaults faults;
  faults.short_receive = 200'000;
  faults.late_ready = 100'000;
  sim::SimWorld world(seed, faults);
  sim::SimLoop& proxy = world.AddLoop("proxy", "/proxy");
  sim::SimLoop& peers = world.AddLoop("peers", "/peers");
  replay::FakeMilter milter(world, kMilter);
  Written written;
  Barrier barrier;
  Recorder recorder(std::make_unique<KeptOutput>(written, barrier), {});
  ASSERT_TRUE(recorder.Start().ok());
  BothInputs both(recorder);
  sim::SimPipe pipe;
  sim::SimPipe copy;
  RelayOptions options;
  options.to[0] = At(kMilter);
  options.pipe = &pipe;
  options.copy = &copy;
  options.splice_from_bytes = splice_from;
  options.recorder = &both;
  ProxyRelay relay(proxy, options);
  const int front = world.Listen(kFront);
  relay.Listen(front, LinkKind::kMilter);

  milter::MtaScript script;
  for (const char* to : {"<b@example.net>", "<reject@example.net>", "<b@example.net>"})
    script.transactions.push_back(MakeTransaction(to, 1000 + 50'000 * (seed % 4)));
  const milter::MtaOptions mta{.kind = kind};
  std::vector<std::unique_ptr<MailServer>> servers;
  for (int i = 0; i < 4; ++i) {
    servers.push_back(std::make_unique<MailServer>(peers, mta, script));
    servers.back()->Connect();
  }
  ASSERT_TRUE(world.RunUntil(
      [&] {
        return relay.open() == 0 &&
               std::all_of(servers.begin(), servers.end(), [](const auto& s) { return s->over(); });
      },
      world.now() + std::chrono::hours(1)));
  recorder.Stop();
  for (const auto& server : servers) {
    EXPECT_EQ(server->session().error(), milter::MtaError::kNone);
    ASSERT_EQ(server->session().results().size(), 3U);
    EXPECT_EQ(server->session().results()[1].outcome, milter::Outcome::kRejected);
  }
  EXPECT_EQ(written.transactions.size(), 12U);
  const std::map<std::uint64_t, Streams> streams = Together(written);
  ASSERT_EQ(streams.size(), both.heard.sessions.size());
  for (const auto& [number, heard] : both.heard.sessions) {
    EXPECT_TRUE(streams.at(number).to_filter == heard.to_filter);
    EXPECT_TRUE(streams.at(number).to_server == heard.to_server);
  }
  for (const trace::CloseRecord& close : written.closes)
    EXPECT_EQ(close.ending, trace::Ending::kQuit);
}

TEST(RecordPlayedThreadsTest, TheRecordsAreWhatPassed) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const milter::MtaKind kind =
        seed % 2 == 0 ? milter::MtaKind::kPostfix : milter::MtaKind::kSendmail;
    const std::size_t splice[] = {SIZE_MAX, 0, 8000};
    PlayThrough(seed, kind, splice[seed % 3]);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace record
