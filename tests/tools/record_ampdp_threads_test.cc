// Copies of spooled messages: complete before the reply goes on, or thrown away. Both threads on
// purpose at the same place.
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/block_pool.h"
#include "tests/engine/recorder.h"
#include "tests/engine/temp_dir.h"
#include "tests/tools/record_talkers.h"
#include "tests/tools/record_threads_fixture.h"
#include "tools/record/ampdp_tap.h"

namespace record {
namespace {

using State = MessageCopy::State;

void WriteFile(const std::string& name, const std::string& content) {
  std::ofstream(name, std::ios::binary) << content;
}

void AwaitDone(const MessageCopy& copy) {
  while (copy.state() == State::kCopying)
    std::this_thread::yield();
}

// A tap whose messages are read by a thread that the test can hold.
struct TapWorld {
  explicit TapWorld(bool held = false) {
    if (held) barrier.Shut();
    scans.recorder = &recorder;
    scans.copier = &reader;
    scans.pool = &pool;
  }
  ~TapWorld() { barrier.Open(); }

  void Send(ProxyTap& tap, trace::Direction direction, std::string_view text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    tap.OnForward(direction);
    tap.OnOctets(direction, {&part, 1}, ++now_us);
  }
  void Request(ProxyTap& tap, std::string_view text) {
    Send(tap, trace::Direction::kToFilter, text);
  }
  void Reply(ProxyTap& tap, std::string_view text) { Send(tap, trace::Direction::kToServer, text); }
  std::string RequestFor(const std::string& folder) {
    return "request=AM.PDP\nqueue_id=Q1\ntempdir=" + folder + "\n\n";
  }

  HeardRecorder recorder;
  engine::BlockPool pool{16 * engine::kMiB};
  Barrier barrier;
  MessageReader reader{[](void* context) noexcept { static_cast<Barrier*>(context)->Pass(); },
                       &barrier};
  ScanWorld scans;
  std::uint64_t now_us = 1000;
  engine::TempDir dir;
};

constexpr std::string_view kReply = "return_value=continue\r\n\r\n";

TEST(RecordAmpdpThreadsTest, ACopyThatIsDoneBeforeTheReplyCounts) {
  TapWorld w(true);
  WriteFile(w.dir / "email.txt", "the message");
  AmpdpTap tap(w.scans, w.now_us);
  const std::string request = w.RequestFor(w.dir.path());
  w.Request(tap, request);
  w.barrier.AwaitSomebody();
  w.barrier.Open();
  // Nothing tells the loop that a copy is done; the test asks through a second one, behind it.
  auto second = std::make_shared<MessageCopy>(w.dir / "email.txt");
  w.reader.Start(second);
  AwaitDone(*second);
  w.Reply(tap, kReply);
  ASSERT_EQ(w.recorder.scans.size(), 1U);
  const auto& [record, message] = w.recorder.scans[0];
  EXPECT_EQ(record.captured, trace::Captured::kWhole);
  EXPECT_EQ(message, "the message");
  EXPECT_EQ(record.request, request);
  EXPECT_EQ(record.reply, kReply);
  EXPECT_EQ(record.request_us, 1U);
  EXPECT_EQ(record.reply_us, 2U);
}

TEST(RecordAmpdpThreadsTest, ACopyThatIsNotDoneWhenTheReplyGoesOnIsThrownAway) {
  TapWorld w(true);
  WriteFile(w.dir / "email.txt", "the message");
  AmpdpTap tap(w.scans, w.now_us);
  w.Request(tap, w.RequestFor(w.dir.path()));
  w.barrier.AwaitSomebody();  // read, but not said so yet
  w.Reply(tap, "return");     // the first octets decide
  w.barrier.Open();
  w.Reply(tap, "_value=continue\r\n\r\n");
  ASSERT_EQ(w.recorder.scans.size(), 1U);
  EXPECT_EQ(w.recorder.scans[0].first.captured, trace::Captured::kLate);
  EXPECT_EQ(w.recorder.scans[0].first.reply, kReply);
  EXPECT_EQ(w.recorder.scans[0].second, "");
}

TEST(RecordAmpdpThreadsTest, AClientThatLeavesMakesItsCopyLate) {
  TapWorld w;
  WriteFile(w.dir / "email.txt", "the message");
  AmpdpTap tap(w.scans, w.now_us);
  w.Request(tap, w.RequestFor(w.dir.path()));
  tap.OnEnd(trace::Ending::kServerClosed, 0, ++w.now_us);
  ASSERT_EQ(w.recorder.scans.size(), 1U);
  EXPECT_EQ(w.recorder.scans[0].first.captured, trace::Captured::kLate);
  EXPECT_EQ(w.recorder.scans[0].first.reply, "");
}

// Reader and loop meet at any moment: a copy counts only if it is the whole message.
TEST(RecordAmpdpThreadsTest, WhoeverComesFirstIsRight) {
  TapWorld w;
  const std::string message = engine::Pattern(3000);
  WriteFile(w.dir / "email.txt", message);
  int whole = 0;
  int late = 0;
  for (int i = 0; i < 2000; ++i) {
    auto copy = std::make_shared<MessageCopy>(w.dir / "email.txt");
    w.reader.Start(copy);
    for (int spin = 0; spin < i % 50; ++spin)
      std::this_thread::yield();
    const State state = copy->ClaimLate();
    ASSERT_TRUE(state == State::kWhole || state == State::kLate);
    if (state == State::kWhole) {
      ++whole;
      ASSERT_TRUE(copy->content() == message);
    } else {
      ++late;
      ASSERT_EQ(copy->ClaimLate(), State::kLate) << "once late, always late";
    }
  }
  EXPECT_EQ(whole + late, 2000);
}

TEST(RecordAmpdpThreadsTest, WhatIsNoRegularFileIsUnreadable) {
  TapWorld w;
  ASSERT_EQ(::mkfifo((w.dir / "fifo").c_str(), 0600), 0);
  WriteFile(w.dir / "file", "x");
  ASSERT_EQ(::symlink((w.dir / "file").c_str(), (w.dir / "link").c_str()), 0);
  for (const char* name : {"fifo", "link", "nothing", "."}) {
    auto copy = std::make_shared<MessageCopy>(w.dir / name);
    w.reader.Start(copy);
    AwaitDone(*copy);
    EXPECT_EQ(copy->state(), State::kUnreadable) << name;
  }
}

TEST(RecordAmpdpThreadsTest, ALargeFileIsTooLarge) {
  TapWorld w;
  WriteFile(w.dir / "file", "x");
  ASSERT_EQ(::truncate((w.dir / "file").c_str(), kMessageBytesMax + 1), 0);
  auto copy = std::make_shared<MessageCopy>(w.dir / "file");
  w.reader.Start(copy);
  AwaitDone(*copy);
  EXPECT_EQ(copy->state(), State::kTooLarge);
}

// Every place where the two streams can be cut; two exchanges on one connection.
TEST(RecordAmpdpThreadsTest, ReadsExchangesHoweverTheyAreCut) {
  TapWorld w;
  const std::string requests = "request=AM.PDP\nqueue_id=1\n\nrequest=AM.PDP\r\nqueue_id=2\r\n\r\n";
  const std::size_t first = requests.find("\n\n") + 2;
  for (std::size_t cut = 0; cut <= first; ++cut) {
    w.recorder.scans.clear();
    AmpdpTap tap(w.scans, w.now_us);
    w.Request(tap, requests.substr(0, cut));
    w.Request(tap, requests.substr(cut, first - cut));
    const std::size_t half = cut % kReply.size();
    w.Reply(tap, kReply.substr(0, half));
    w.Reply(tap, kReply.substr(half));
    w.Request(tap, requests.substr(first));
    w.Reply(tap, kReply);
    tap.OnEnd(trace::Ending::kServerClosed, 0, ++w.now_us);
    ASSERT_EQ(w.recorder.scans.size(), 2U) << cut;
    EXPECT_EQ(w.recorder.scans[0].first.request, requests.substr(0, first));
    EXPECT_EQ(w.recorder.scans[1].first.request, requests.substr(first));
    EXPECT_EQ(w.recorder.scans[0].first.captured, trace::Captured::kUnreadable);
  }
  EXPECT_EQ(w.scans.lost, 0U);
}

TEST(RecordAmpdpThreadsTest, ARequestThatCameInAdvanceIsTheNextExchange) {
  TapWorld w;
  AmpdpTap tap(w.scans, w.now_us);
  const std::string request = "request=AM.PDP\nqueue_id=1\n\n";
  w.Request(tap, request + request);
  w.Reply(tap, kReply);
  w.Reply(tap, kReply);
  EXPECT_EQ(w.recorder.scans.size(), 2U);
}

// Copies at once, whenever it is asked to: what a reader does that is fast enough.
class QuickCopier final : public MessageCopier {
 public:
  void Start(std::shared_ptr<MessageCopy> copy) noexcept override {
    copy->content() = "another message";
    copy->Finish(State::kWhole);
  }
};

TEST(RecordAmpdpThreadsTest, NothingIsCopiedWhoseReplyWentOnWithTheOneBefore) {
  TapWorld w;
  QuickCopier quick;
  w.scans.copier = &quick;
  AmpdpTap tap(w.scans, w.now_us);
  const std::string request = w.RequestFor(w.dir.path());
  const std::string replies = std::string(kReply) + std::string(kReply);
  w.Request(tap, request + request);
  w.Reply(tap, replies);
  w.Request(tap, request + request);
  w.Reply(tap, std::string(kReply) + "r");  // the first octet of the second reply
  w.Reply(tap, kReply.substr(1));
  ASSERT_EQ(w.recorder.scans.size(), 4U);
  for (const std::size_t second : {1U, 3U}) {
    EXPECT_EQ(w.recorder.scans[second - 1].first.captured, trace::Captured::kWhole);
    EXPECT_EQ(w.recorder.scans[second].first.captured, trace::Captured::kLate);
    EXPECT_EQ(w.recorder.scans[second].second, "");
  }
}

TEST(RecordAmpdpThreadsTest, WhatIsNoExchangeIsForwardedAndCounted) {
  TapWorld w;
  AmpdpTap early(w.scans, w.now_us);
  w.Reply(early, "hello\r\n");
  AmpdpTap endless(w.scans, w.now_us);
  const std::string line(100'000, 'a');
  for (int i = 0; i < 30; ++i)
    w.Request(endless, line);
  EXPECT_EQ(w.scans.lost, 2U);
  early.OnEnd(trace::Ending::kServerClosed, 0, ++w.now_us);
  endless.OnEnd(trace::Ending::kServerClosed, 0, ++w.now_us);
  EXPECT_TRUE(w.recorder.scans.empty());
}

}  // namespace
}  // namespace record
