// The recorder with its thread: what passed is written; a disk that is slow, full or broken ends
// the recording and holds nobody up.
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/recorder.h"
#include "tests/engine/temp_dir.h"
#include "tests/tools/record_threads_fixture.h"
#include "tools/record/recorder.h"
#include "tools/trace/trace_reader.h"

namespace record {
namespace {

std::string Packet(char code, std::string_view payload) {
  std::string packet;
  const auto length = static_cast<std::uint32_t>(payload.size() + 1);
  for (const int shift : {24, 16, 8, 0})
    packet.push_back(static_cast<char>((length >> shift) & 0xFF));
  packet.push_back(code);
  packet.append(payload);
  return packet;
}

std::string Optneg() {
  return Packet('O', std::string("\0\0\0\6\0\0\1\377\0\37\377\377", 12));
}

// One session with one message, as both ends send it.
struct Played {
  std::string to_filter;
  std::string to_server;
};
Played OneMessage(const std::string& body) {
  Played played;
  played.to_filter = Optneg() + Packet('C', std::string("mx\0U", 4)) +
                     Packet('M', std::string("<a@example.net>\0", 16)) +
                     Packet('R', std::string("<b@example.net>\0", 16)) +
                     Packet('L', std::string("Subject\0 x\0", 11)) + Packet('N', "");
  for (std::size_t at = 0; at < body.size(); at += 65535)
    played.to_filter += Packet('B', std::string_view(body).substr(at, 65535));
  played.to_filter += Packet('E', "");
  played.to_server = Packet('O', std::string("\0\0\0\6\0\0\0\0\0\0\0\0", 12));
  for (int i = 0; i < 5; ++i)
    played.to_server += Packet('c', "");
  return played;
}

void Give(Recorder& recorder, std::uint64_t session, trace::Direction to, std::string_view text) {
  const iovec part{const_cast<char*>(text.data()), text.size()};
  recorder.Octets(session, to, {&part, 1}, WallMicroseconds());
}

// Gives one session, answers in the right places, cut into pieces.
void GiveSession(Recorder& recorder, const Played& played, std::size_t piece) {
  const std::uint64_t session = recorder.Open(WallMicroseconds());
  const std::size_t end_of_message = played.to_filter.size() - 5;
  for (std::size_t at = 0; at < end_of_message; at += piece)
    Give(recorder,
         session,
         trace::Direction::kToFilter,
         std::string_view(played.to_filter).substr(at, std::min(piece, end_of_message - at)));
  const std::size_t verdict = played.to_server.size() - 5;
  Give(recorder, session, trace::Direction::kToServer, played.to_server.substr(0, verdict));
  Give(recorder, session, trace::Direction::kToFilter, played.to_filter.substr(end_of_message));
  Give(recorder, session, trace::Direction::kToServer, played.to_server.substr(verdict));
  Give(recorder, session, trace::Direction::kToFilter, Packet('Q', ""));
  recorder.Close(session, trace::Ending::kServerClosed, 0, WallMicroseconds());
}

struct World {
  Written written{};
  Barrier barrier{};
  std::unique_ptr<Recorder> Make(RecorderOptions options, int fails_after = INT32_MAX) {
    auto recorder = std::make_unique<Recorder>(
        std::make_unique<KeptOutput>(written, barrier, fails_after), std::move(options));
    EXPECT_TRUE(recorder->Start().ok());
    return recorder;
  }
};

TEST(RecordRecorderThreadsTest, WritesWhatPassedHoweverItWasCut) {
  World world;
  const std::unique_ptr<Recorder> recorder = world.Make({});
  const std::string body = engine::Pattern(200'000);
  const Played played = OneMessage(body);
  const std::vector<std::size_t> pieces = {1000, 7, 65536, SIZE_MAX / 2};
  for (const std::size_t piece : pieces)
    GiveSession(*recorder, played, piece);
  recorder->Stop();
  EXPECT_EQ(recorder->end(), RecorderEnd::kStopped);
  ASSERT_EQ(world.written.transactions.size(), pieces.size());
  ASSERT_EQ(world.written.closes.size(), pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_TRUE(world.written.bodies[i] == body);
    EXPECT_EQ(world.written.transactions[i].session, i + 1);
    EXPECT_EQ(world.written.transactions[i].outcome, milter::Outcome::kAccepted);
    EXPECT_EQ(world.written.closes[i].ending, trace::Ending::kQuit);
  }
  ASSERT_EQ(world.written.metas.size(), 1U);
  EXPECT_NE(world.written.metas[0].find("\"source\":\"proxy\""), std::string::npos);
  ASSERT_EQ(world.written.ends.size(), 1U);
  EXPECT_NE(world.written.ends[0].find("\"reason\":\"stopped\""), std::string::npos);
  EXPECT_EQ(world.written.syncs, 1);
  EXPECT_EQ(recorder->count(Recorded::kSessions), pieces.size());
}

// The writer hangs in its first record; the loop's side goes on at once, whatever is given.
TEST(RecordRecorderThreadsTest, ASlowDiskEndsTheRecordingAndHoldsNobodyUp) {
  World world;
  const std::unique_ptr<Recorder> recorder = world.Make({.buffer_bytes = engine::kMiB});
  const Played small = OneMessage("a small one\r\n");
  world.barrier.Shut();
  GiveSession(*recorder, small, 100);
  world.barrier.AwaitSomebody();
  const Played large = OneMessage(engine::Pattern(400'000));
  for (int i = 0; i < 5; ++i)
    GiveSession(*recorder, large, 65536);
  EXPECT_FALSE(recorder->recording());
  EXPECT_EQ(recorder->end(), RecorderEnd::kTooSlow);
  EXPECT_GE(recorder->dropped(), 1U);
  world.barrier.Open();
  recorder->Stop();
  EXPECT_EQ(recorder->end(), RecorderEnd::kTooSlow);
  // What was taken before is there, and the end says why.
  EXPECT_GE(world.written.transactions.size(), 2U);
  ASSERT_EQ(world.written.ends.size(), 1U);
  EXPECT_NE(world.written.ends[0].find("\"reason\":\"too slow\""), std::string::npos);
}

TEST(RecordRecorderThreadsTest, AWriteErrorEndsTheRecordingForGood) {
  for (int taken = 1; taken < 9; ++taken) {
    World world;
    const std::unique_ptr<Recorder> recorder = world.Make({}, taken);
    const Played played = OneMessage("hello\r\n");
    for (int i = 0; i < 3; ++i)
      GiveSession(*recorder, played, 50);
    recorder->Stop();
    EXPECT_EQ(recorder->end(), RecorderEnd::kWriteFailed) << taken;
    EXPECT_TRUE(world.written.ends.empty());
    EXPECT_EQ(world.written.metas.size() + world.written.sessions.size() +
                  world.written.transactions.size() + world.written.closes.size(),
              static_cast<std::size_t>(taken));
    GiveSession(*recorder, played, 50);  // harmless
  }
}

// Copies count against a budget of the MessageReader, which is gone before the recorder is.
TEST(RecordRecorderThreadsTest, NoCopyIsHeldOnceItHasStopped) {
  World world;
  const std::unique_ptr<Recorder> recorder = world.Make({}, 1);
  world.barrier.Shut();
  GiveSession(*recorder, OneMessage("hello\r\n"), 50);
  world.barrier.AwaitSomebody();
  auto copy = std::make_shared<MessageCopy>("/none");
  const std::weak_ptr<MessageCopy> watched = copy;
  recorder->Scan({}, std::move(copy));
  world.barrier.Open();  // the write fails, and the scan is left in the queue
  recorder->Stop();
  EXPECT_EQ(recorder->end(), RecorderEnd::kWriteFailed);
  EXPECT_TRUE(watched.expired());
}

TEST(RecordRecorderThreadsTest, SessionsThatAreOpenAtTheEndAreClosedByTheRecorder) {
  World world;
  const std::unique_ptr<Recorder> recorder = world.Make({});
  const std::uint64_t session = recorder->Open(WallMicroseconds());
  Give(*recorder, session, trace::Direction::kToFilter, Optneg());
  recorder->Stop();
  ASSERT_EQ(world.written.closes.size(), 1U);
  EXPECT_EQ(world.written.closes[0].ending, trace::Ending::kRecorderClosed);
}

class Marker final : public RecordFilter {
 public:
  void Rewrite(trace::SessionRecord&) override { ++sessions; }
  void Rewrite(trace::TransactionRecord&, std::string& body) override {
    body.assign(body.size(), 'x');
  }
  void Rewrite(trace::CloseRecord&) override {}
  void Rewrite(trace::ScanRecord& record, std::string& message) override {
    record.request = "request=AM.PDP\r\n\r\n";
    message.assign(message.size(), 'y');
  }
  void Rewrite(trace::MetaRecord&) override {}
  int sessions = 0;
};

TEST(RecordRecorderThreadsTest, AFilterSeesEveryRecordBeforeItIsWritten) {
  World world;
  Marker marker;
  const std::unique_ptr<Recorder> recorder = world.Make({.filter = &marker});
  GiveSession(*recorder, OneMessage("secret\r\n"), 100);
  trace::ScanRecord scan;
  scan.request = "secret";
  scan.captured = trace::Captured::kWhole;
  auto copy = std::make_shared<MessageCopy>("/none");
  copy->content() = "secret";
  copy->Finish(MessageCopy::State::kWhole);
  recorder->Scan(std::move(scan), std::move(copy));
  recorder->Stop();
  EXPECT_EQ(marker.sessions, 1);
  ASSERT_EQ(world.written.bodies.size(), 1U);
  EXPECT_EQ(world.written.bodies[0], "xxxxxxxx");
  ASSERT_EQ(world.written.scans.size(), 1U);
  EXPECT_EQ(world.written.messages[0], "yyyyyy");
  EXPECT_EQ(world.written.scans[0].request.find("secret"), std::string::npos);
}

// A real file that may not grow: the records before that are there, and the file ends with a whole
// one.
TEST(RecordRecorderThreadsTest, AFullDiskLeavesAFileThatCanBeRead) {
  engine::TempDir dir;
  const std::string file = dir / "full.mtrace";
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  {
    absl::StatusOr<std::unique_ptr<trace::TraceWriter>> writer = trace::TraceWriter::Open(file, {});
    ASSERT_TRUE(writer.ok()) << writer.status();
    Recorder recorder(std::make_unique<TraceOutput>(*std::move(writer)), {});
    ASSERT_TRUE(recorder.Start().ok());
    rlimit small = before;
    small.rlim_cur = 20'000;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::string body(30'000, '\0');
    for (std::size_t i = 0; i < body.size(); ++i)  // not to be compressed
      body[i] = static_cast<char>((i * i * 2654435761U) >> 13);
    GiveSession(recorder, OneMessage("fits\r\n"), 1000);
    GiveSession(recorder, OneMessage(body), 1000);
    recorder.Stop();
    EXPECT_EQ(recorder.end(), RecorderEnd::kWriteFailed);
    EXPECT_GE(recorder.count(Recorded::kTransactions), 1U);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  absl::StatusOr<std::unique_ptr<trace::TraceReader>> reader = trace::TraceReader::Open(file);
  ASSERT_TRUE(reader.ok()) << reader.status();
  int transactions = 0;
  while (const std::optional<trace::Entry> entry = (*reader)->Next()) {
    if (entry->kind != trace::RecordKind::kTransaction) continue;
    absl::StatusOr<trace::Record> record = (*reader)->Read(*entry);
    ASSERT_TRUE(record.ok());
    const auto& transaction = std::get<trace::TransactionRecord>(*record);
    EXPECT_EQ(*(*reader)->ReadBody(transaction.body), "fits\r\n");
    ++transactions;
  }
  EXPECT_EQ(transactions, 1);
  EXPECT_TRUE((*reader)->ending().ok()) << (*reader)->ending();
}

// The queue under a producer and a consumer that both run: nothing lost, nothing mixed up.
TEST(RecordRecorderThreadsTest, TheQueueKeepsOrderAndOctets) {
  RecorderQueue queue(1000);
  constexpr std::uint64_t kEvents = 20'000;
  std::thread producer([&queue] {
    const std::string text = engine::Pattern(300);
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      const auto bytes = static_cast<std::uint32_t>(i * 7 % 300);
      const iovec part{const_cast<char*>(text.data()), bytes};
      const Event event{.session = i, .bytes = bytes, .kind = EventKind::kOctets};
      while (!queue.Push(event, {&part, 1}))
        std::this_thread::yield();
    }
  });
  const std::string text = engine::Pattern(300);
  for (std::uint64_t i = 0; i < kEvents; ++i) {
    Event event;
    std::array<std::string_view, 2> octets;
    while (!queue.Front(&event, &octets))
      std::this_thread::yield();
    ASSERT_EQ(event.session, i);
    std::string got(octets[0]);
    got.append(octets[1]);
    ASSERT_TRUE(got == text.substr(0, i * 7 % 300)) << i;
    queue.Pop(event);
  }
  producer.join();
  EXPECT_EQ(queue.bytes(), 0U);
}

}  // namespace
}  // namespace record
