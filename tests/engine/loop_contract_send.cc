// Contract suite, part 3: sending, connecting, accepting.
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/loop_contract.h"
#include "tests/engine/recorder.h"

namespace engine {
namespace {

// Sends what fits; adds to *sent. False: an error.
bool SendSome(Loop& loop, SocketId id, std::string_view all, std::size_t* sent) {
  const std::string_view rest = all.substr(*sent);
  // Two parts, so that the gathering is seen.
  const std::size_t half = rest.size() / 2;
  const iovec parts[2] = {{const_cast<char*>(rest.data()), half},
                          {const_cast<char*>(rest.data()) + half, rest.size() - half}};
  const IoResult result = loop.Send(id, parts);
  if (result.error != 0 && result.error != EAGAIN) return false;
  *sent += static_cast<std::size_t>(result.value);
  return true;
}

TEST_P(LoopContractTest, SendsAtOnceAndSaysNothingMore) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  SendAll(loop(), id, "reply");
  EXPECT_EQ(loop().Send(id, {}).error, 0);
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] { return (got += world_->FarRead(far, 100)) == "reply"; }));
  world_->TurnSome();
  EXPECT_EQ(near.callbacks(), 0);
}

TEST_P(LoopContractTest, TellsWritableOnceAfterEachShortSend) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  const std::string all = Pattern(9 * kMiB);
  std::size_t sent = 0;
  int short_sends = 0;
  const auto send = [&] {
    EXPECT_TRUE(SendSome(loop(), id, all, &sent));
    if (sent < all.size()) ++short_sends;
  };
  near.in_writable = [&](SocketId) {
    EXPECT_EQ(near.writables, short_sends);
    if (sent < all.size()) send();
  };
  send();
  ASSERT_EQ(short_sends, 1);
  EXPECT_EQ(near.writables, 0) << "never inside the call";
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] {
    got += world_->FarRead(far, kMiB);
    return got.size() == all.size();
  }));
  EXPECT_TRUE(got == all);
  world_->TurnSome();
  EXPECT_EQ(near.writables, short_sends);
  EXPECT_EQ(near.gones, 0);
}

// Whether the peer's stream ends before the send is short or while it waits.
TEST_P(LoopContractTest, TellsWritableAlsoToAPeerThatHasEndedItsSending) {
  for (const bool before : {true, false}) {
    Recorder near;
    FarEnd far;
    const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
    const auto end_far = [&] {
      world_->FarShutdown(far);
      return world_->TurnUntil([&] { return near.gones == 1; });
    };
    if (before) {
      ASSERT_TRUE(end_far());
    }
    const std::string all = Pattern(9 * kMiB);
    std::size_t sent = 0;
    near.in_writable = [&](SocketId) { EXPECT_TRUE(SendSome(loop(), id, all, &sent)); };
    near.in_writable(id);
    ASSERT_LT(sent, all.size());
    world_->TurnSome();
    if (!before) {
      ASSERT_TRUE(end_far());
    }
    std::string got;
    ASSERT_TRUE(world_->TurnUntil([&] {
      got += world_->FarRead(far, kMiB);
      return got.size() == all.size();
    })) << before
        << ' ' << got.size();
    EXPECT_TRUE(got == all);
    EXPECT_EQ(near.gone_error, 0);
    loop().Close(id);
  }
}

TEST_P(LoopContractTest, ReadsWhileASendWaits) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  const std::string all(9 * kMiB, 's');
  std::size_t sent = 0;
  ASSERT_TRUE(SendSome(loop(), id, all, &sent));
  ASSERT_LT(sent, all.size());
  world_->FarWrite(far, "meanwhile");
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes == "meanwhile"; }));
}

TEST_P(LoopContractTest, TellsGoneOnceWhenASendFails) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  world_->FarClose(far);
  IoResult result;
  for (int i = 0; i < 3; ++i) {
    const iovec part{const_cast<char*>("x"), 1};
    result = loop().Send(id, {&part, 1});
    EXPECT_EQ(near.gones, 0) << "never inside the call";
  }
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  world_->TurnSome();
  EXPECT_EQ(near.gones, 1);
  const iovec part{const_cast<char*>("x"), 1};
  EXPECT_NE(loop().Send(id, {&part, 1}).error, EBADF) << "the owner still has to close";
  loop().Close(id);
}

TEST_P(LoopContractTest, ConnectsAndTellsWritableLater) {
  const Address at = world_->FarListen();
  Recorder near;
  SocketId id;
  ASSERT_EQ(loop().Connect(at, near, &id).error, 0);
  EXPECT_EQ(near.callbacks(), 0) << "never inside the call";
  ASSERT_TRUE(world_->TurnUntil([&] { return near.writables == 1; }));
  FarEnd far;
  ASSERT_TRUE(world_->TurnUntil([&] { return world_->FarAccept(at, &far); }));
  SendAll(loop(), id, "request");
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] { return (got += world_->FarRead(far, 100)) == "request"; }));
  world_->FarWrite(far, "answer");
  world_->FarClose(far);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  EXPECT_EQ(near.bytes, "answer");
  EXPECT_EQ(near.gone_error, 0);
  EXPECT_EQ(near.writables, 1);
}

TEST_P(LoopContractTest, SendsBeforeTheConnectIsTold) {
  const Address at = world_->FarListen();
  Recorder near;
  SocketId id;
  ASSERT_EQ(loop().Connect(at, near, &id).error, 0);
  // Taken or not, both are right; what was not taken is sent when told.
  std::size_t sent = 0;
  ASSERT_TRUE(SendSome(loop(), id, "early", &sent));
  near.in_writable = [&](SocketId) { EXPECT_TRUE(SendSome(loop(), id, "early", &sent)); };
  FarEnd far;
  ASSERT_TRUE(world_->TurnUntil([&] { return world_->FarAccept(at, &far); }));
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] { return (got += world_->FarRead(far, 100)) == "early"; }));
  ASSERT_TRUE(world_->TurnUntil([&] { return near.writables == 1; }));
  world_->TurnSome();
  EXPECT_EQ(near.writables, 1);
}

// Whatever the far end does before the loop's next turn, and whoever connects when.
TEST_P(LoopContractTest, ReadsWhatCameBeforeTheConnectIsTold) {
  enum class Way { kAtOnce, kFromACallback, kPausedMeanwhile, kEnded };
  for (const Way way : {Way::kAtOnce, Way::kFromACallback, Way::kPausedMeanwhile, Way::kEnded}) {
    const Address at = world_->FarListen();
    Recorder near;
    SocketId id;
    FarEnd far;
    const auto far_writes = [&] {
      if (far.number >= 0 || !world_->FarAccept(at, &far)) return;  // not accepted yet
      world_->FarWrite(far, "greeting");
      if (way == Way::kEnded) world_->FarClose(far);
    };
    const auto connect = [&] {
      ASSERT_EQ(loop().Connect(at, near, &id).error, 0);
      if (way == Way::kPausedMeanwhile) loop().SetReadMode(id, ReadMode::kPaused);
      far_writes();
      if (way == Way::kPausedMeanwhile) loop().SetReadMode(id, ReadMode::kSmall);
    };
    Recorder other;
    FarEnd other_far;
    const SocketId other_id = world_->AdoptPair(other, ReadMode::kSmall, &other_far);
    other.in_bytes = [&](SocketId) { connect(); };
    if (way == Way::kFromACallback) {
      world_->FarWrite(other_far, "go");
    } else {
      connect();
    }
    ASSERT_TRUE(world_->TurnUntil([&] {
      if (id.generation != 0) far_writes();
      return near.bytes == "greeting" && near.writables == 1;
    })) << static_cast<int>(way);
    if (way == Way::kEnded) {
      ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
    }
    loop().Close(id);
    loop().Close(other_id);
  }
}

TEST_P(LoopContractTest, AnswersARefusedConnectAtOnceOrByOnGone) {
  Recorder near;
  SocketId id{7, 7};
  const IoResult result = loop().Connect(world_->Nowhere(), near, &id);
  EXPECT_EQ(near.callbacks(), 0);
  if (result.error == 0) {
    ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
    EXPECT_EQ(near.gone_error, ECONNREFUSED);
    loop().Close(id);
    world_->TurnSome();
    EXPECT_EQ(near.callbacks(), 1);
  } else {
    EXPECT_TRUE(result.error == ECONNREFUSED || result.error == ENOENT) << result.error;
    world_->TurnSome();
    EXPECT_EQ(near.callbacks(), 0);
  }
}

TEST_P(LoopContractTest, SaysNothingAfterACloseThatFollowsTheConnect) {
  const Address at = world_->FarListen();
  for (const Address& to : {at, world_->Nowhere()}) {
    Recorder near;
    SocketId id;
    if (loop().Connect(to, near, &id).error != 0) continue;
    loop().Close(id);
    world_->TurnSome();
    EXPECT_EQ(near.callbacks(), 0);
  }
}

TEST_P(LoopContractTest, AnswersAFullBacklogAtOnce) {
  if (!world_->backlog_answers_eagain()) return;  // TCP: the handshake waits instead
  const Address at = world_->FarListen();
  constexpr int kTriesMax = 2000;
  std::vector<Recorder> nears(kTriesMax);
  int tries = 0;
  IoResult result;
  for (; tries < kTriesMax; ++tries) {
    SocketId id;
    result = loop().Connect(at, nears[static_cast<std::size_t>(tries)], &id);
    if (result.error != 0) break;
  }
  ASSERT_LT(tries, kTriesMax);
  EXPECT_GE(tries, 1);
  EXPECT_EQ(result.error, EAGAIN);
  world_->TurnSome();
  EXPECT_EQ(nears[static_cast<std::size_t>(tries)].callbacks(), 0);
  FarEnd far;
  ASSERT_TRUE(world_->TurnUntil([&] { return world_->FarAccept(at, &far); }));
  SocketId id;
  EXPECT_EQ(loop().Connect(at, nears[static_cast<std::size_t>(tries)], &id).error, 0);
}

struct Accepts {
  LoopWorld* world = nullptr;
  std::vector<int> fds;
  int stop_after = -1;
  int listener = -1;
};

void NoteAccepted(void* context, int fd) noexcept {
  auto& accepts = *static_cast<Accepts*>(context);
  accepts.fds.push_back(fd);
  if (static_cast<int>(accepts.fds.size()) == accepts.stop_after)
    accepts.world->loop().StopListening(accepts.listener);
}

TEST_P(LoopContractTest, AcceptsAndDeliversWhatWasSentBefore) {
  Accepts accepts{world_.get(), {}, -1, world_->MakeListener(16)};
  loop().Listen(accepts.listener, &NoteAccepted, &accepts);
  FarEnd far;
  ASSERT_TRUE(world_->FarConnect(accepts.listener, &far));
  world_->FarWrite(far, "early");
  ASSERT_TRUE(world_->TurnUntil([&] { return accepts.fds.size() == 1; }));
  Recorder near;
  const SocketId id = world_->AdoptAccepted(accepts.fds[0], near);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes == "early"; }));
  SendAll(loop(), id, "hello");
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] { return (got += world_->FarRead(far, 100)) == "hello"; }));
  loop().StopListening(accepts.listener);
  world_->CloseListener(accepts.listener);
}

TEST_P(LoopContractTest, AcceptsAllOfMoreThanATurnsShare) {
  constexpr std::size_t kConnections = 150;
  Accepts accepts{world_.get(), {}, -1, world_->MakeListener(256)};
  std::vector<FarEnd> fars(kConnections);
  for (FarEnd& far : fars)
    ASSERT_TRUE(world_->FarConnect(accepts.listener, &far));
  loop().Listen(accepts.listener, &NoteAccepted, &accepts);
  EXPECT_TRUE(accepts.fds.empty()) << "never inside the call";
  ASSERT_TRUE(world_->TurnUntil([&] { return accepts.fds.size() == kConnections; }));
  for (const int fd : accepts.fds)
    world_->CloseAccepted(fd);
  loop().StopListening(accepts.listener);
  world_->CloseListener(accepts.listener);
}

TEST_P(LoopContractTest, AcceptsNothingAfterStopListeningAlsoInsideTheCallback) {
  Accepts accepts{world_.get(), {}, 3, world_->MakeListener(64)};
  std::vector<FarEnd> fars(6);
  for (FarEnd& far : fars)
    ASSERT_TRUE(world_->FarConnect(accepts.listener, &far));
  loop().Listen(accepts.listener, &NoteAccepted, &accepts);
  ASSERT_TRUE(world_->TurnUntil([&] { return accepts.fds.size() == 3; }));
  FarEnd late;
  ASSERT_TRUE(world_->FarConnect(accepts.listener, &late));
  world_->TurnSome();
  EXPECT_EQ(accepts.fds.size(), 3U);
  // The same descriptor can be listened on again: what waits is accepted then.
  accepts.stop_after = -1;
  loop().Listen(accepts.listener, &NoteAccepted, &accepts);
  ASSERT_TRUE(world_->TurnUntil([&] { return accepts.fds.size() == 7; }));
  for (const int fd : accepts.fds)
    world_->CloseAccepted(fd);
  loop().StopListening(accepts.listener);
  loop().StopListening(accepts.listener);  // nothing to stop: ignored
  world_->CloseListener(accepts.listener);
}

TEST_P(LoopContractTest, PausesAcceptingWhileDescriptorsAreOut) {
  Accepts accepts{world_.get(), {}, -1, world_->MakeListener(64)};
  FarEnd far;
  FarEnd later;
  ASSERT_TRUE(world_->FarConnect(accepts.listener, &far));
  ASSERT_TRUE(world_->FarConnect(accepts.listener, &later));
  loop().Listen(accepts.listener, &NoteAccepted, &accepts);
  EXPECT_EQ(loop().accept_pauses(), 0U);
  world_->RunOutOfDescriptors(true);
  const bool paused = world_->TurnUntil([&] { return loop().accept_pauses() >= 1; });
  world_->TurnSome();
  const std::uint64_t pauses = loop().accept_pauses();
  world_->RunOutOfDescriptors(false);
  ASSERT_TRUE(paused);
  EXPECT_LE(pauses, 2U) << "a pause, not a spin";
  EXPECT_TRUE(accepts.fds.empty());
  ASSERT_TRUE(world_->TurnUntil([&] { return accepts.fds.size() == 2; }));
  for (const int fd : accepts.fds)
    world_->CloseAccepted(fd);
  loop().StopListening(accepts.listener);
  world_->CloseListener(accepts.listener);
}

}  // namespace
}  // namespace engine
