// Contract suite, part 1: receiving, read modes, the end of a stream.
#include <array>
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

TEST_P(LoopContractTest, DeliversBytesAndThenOneTurnEnd) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  EXPECT_EQ(world_->FarWrite(far, "hello"), 5U);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes.size() == 5; }));
  EXPECT_EQ(near.bytes, "hello");
  EXPECT_EQ(near.turn_ends, 1);
  EXPECT_EQ(near.id, id);
  world_->TurnSome();
  EXPECT_EQ(near.callbacks(), 1);
}

TEST_P(LoopContractTest, DeliversEveryByteOfManyWritesInOrder) {
  Recorder near;
  FarEnd far;
  world_->AdoptPair(near, ReadMode::kBulk, &far);
  const std::string all = Pattern(300'000);
  std::size_t written = 0;
  ASSERT_TRUE(world_->TurnUntil([&] {
    const std::size_t step = 1 + written % 7001;
    written += world_->FarWrite(far, std::string_view(all).substr(written, step));
    return near.bytes.size() == all.size();
  }));
  EXPECT_TRUE(near.bytes == all);
}

TEST_P(LoopContractTest, LetsTheOwnerChangeTheBytesInPlace) {
  struct Eraser : Recorder {
    void OnBytes(SocketId socket, Bytes data) noexcept override {
      Recorder::OnBytes(socket, data);
      for (std::byte& byte : data)
        byte = std::byte{'z'};
    }
  } near;
  FarEnd far;
  world_->AdoptPair(near, ReadMode::kSmall, &far);
  world_->FarWrite(far, "abc");
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes.size() == 3; }));
  EXPECT_EQ(near.bytes, "zzz");
}

// One far end never stops writing; the other one's byte must come through all the same.
TEST_P(LoopContractTest, SharesTheTurnsBetweenABusySocketAndAnother) {
  Recorder busy;
  Recorder quiet;
  FarEnd busy_far;
  FarEnd quiet_far;
  world_->AdoptPair(busy, ReadMode::kBulk, &busy_far);
  world_->AdoptPair(quiet, ReadMode::kSmall, &quiet_far);
  const std::string all = Pattern(5 * kMiB);
  std::size_t written = 0;
  const auto fill = [&] {
    for (;;) {
      const std::size_t more =
          world_->FarWrite(busy_far, std::string_view(all).substr(written, 64 * kKiB));
      written += more;
      if (more == 0) return;
    }
  };
  busy.in_bytes = [&](SocketId) { fill(); };
  busy.in_turn_end = [&](SocketId) { fill(); };
  fill();
  world_->FarWrite(quiet_far, "q");
  std::size_t busy_when_quiet_came = all.size();
  quiet.in_turn_end = [&](SocketId) { busy_when_quiet_came = busy.bytes.size(); };
  ASSERT_TRUE(world_->TurnUntil([&] {
    fill();
    return busy.bytes.size() == all.size() && quiet.turn_ends == 1;
  }));
  EXPECT_TRUE(busy.bytes == all);
  EXPECT_LE(busy_when_quiet_came, 3 * kTurnBytesMax);
  EXPECT_LE(busy.largest_turn, kTurnBytesMax);
}

TEST_P(LoopContractTest, HoldsBytesWhilePausedFromTheNextCallbackOn) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  near.in_turn_end = [&](SocketId socket) { loop().SetReadMode(socket, ReadMode::kPaused); };
  world_->FarWrite(far, "one");
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes == "one"; }));
  world_->FarWrite(far, "two");
  world_->TurnSome();
  EXPECT_EQ(near.bytes, "one");
  near.in_turn_end = nullptr;
  loop().SetReadMode(id, ReadMode::kBulk);
  EXPECT_EQ(near.bytes, "one") << "never inside the call";
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes == "onetwo"; }));
}

TEST_P(LoopContractTest, ReadsNothingWhenAdoptedPaused) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kPaused, &far);
  world_->FarWrite(far, "x");
  world_->TurnSome();
  EXPECT_EQ(near.callbacks(), 0);
  loop().SetReadMode(id, ReadMode::kSmall);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes == "x"; }));
}

TEST_P(LoopContractTest, PausesInsideOnBytes) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  const std::string all = Pattern(150'000);
  near.in_bytes = [&](SocketId socket) { loop().SetReadMode(socket, ReadMode::kPaused); };
  std::size_t written = 0;
  int resumes = 0;
  ASSERT_TRUE(world_->TurnUntil([&] {
    written += world_->FarWrite(far, std::string_view(all).substr(written, 40'000));
    if (near.turn_ends > resumes) {
      ++resumes;
      loop().SetReadMode(id, ReadMode::kSmall);
    }
    return near.bytes.size() == all.size();
  }));
  EXPECT_TRUE(near.bytes == all);
}

TEST_P(LoopContractTest, TellsTheEndOnceAfterTheLastByte) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  world_->FarWrite(far, "last");
  world_->FarShutdown(far);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  EXPECT_EQ(near.bytes, "last");
  EXPECT_EQ(near.gone_error, 0);
  // The other direction still works, and the end is told once.
  SendAll(loop(), id, "answer");
  std::string answer;
  ASSERT_TRUE(world_->TurnUntil([&] { return (answer += world_->FarRead(far, 100)).size() == 6; }));
  EXPECT_EQ(answer, "answer");
  loop().SetReadMode(id, ReadMode::kPaused);
  loop().SetReadMode(id, ReadMode::kSmall);
  world_->TurnSome();
  EXPECT_EQ(near.gones, 1);
  loop().Close(id);
  ASSERT_TRUE(world_->TurnUntil([&] { return world_->FarSeesEnd(far); }));
}

TEST_P(LoopContractTest, HoldsTheEndBackWhilePaused) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kPaused, &far);
  world_->FarWrite(far, "kept");
  world_->FarShutdown(far);
  world_->TurnSome();
  EXPECT_EQ(near.callbacks(), 0);
  loop().SetReadMode(id, ReadMode::kSmall);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  EXPECT_EQ(near.bytes, "kept");
  EXPECT_EQ(near.gone_error, 0);
}

TEST_P(LoopContractTest, HoldsTheEndBackWhenPausedByTheLastTurnEnd) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  near.in_turn_end = [&](SocketId socket) { loop().SetReadMode(socket, ReadMode::kPaused); };
  world_->FarWrite(far, "kept");
  world_->FarShutdown(far);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.turn_ends == 1; }));
  world_->TurnSome();
  EXPECT_EQ(near.gones, 0);
  loop().SetReadMode(id, ReadMode::kSmall);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  EXPECT_EQ(near.bytes, "kept");
}

TEST_P(LoopContractTest, TellsAResetInEveryReadMode) {
  for (const ReadMode mode :
       {ReadMode::kSmall, ReadMode::kBulk, ReadMode::kPaused, ReadMode::kDirect}) {
    Recorder near;
    near.in_direct = [](SocketId, DirectSocket& socket) {
      std::array<std::byte, 16> room{};
      while (socket.Recv(room).ok())
        continue;
      return Drained::kYes;
    };
    FarEnd far;
    const SocketId id = world_->AdoptPair(near, mode, &far);
    SendAll(loop(), id, "unread");
    world_->TurnSome();
    world_->FarReset(far);
    ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; })) << static_cast<int>(mode);
    EXPECT_EQ(near.gone_error, ECONNRESET) << static_cast<int>(mode);
    world_->TurnSome();
    EXPECT_EQ(near.gones, 1);
    loop().Close(id);
  }
}

TEST_P(LoopContractTest, GrantsDirectLaterAndComesBackUntilDrained) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  int steps_left = 3;
  std::string direct;
  near.in_direct = [&](SocketId, DirectSocket& socket) {
    if (steps_left-- > 0) return Drained::kNo;  // comes back without a new byte
    std::array<std::byte, 4> room{};
    const IoResult got = socket.Recv(room);
    if (got.error == EAGAIN) return Drained::kYes;
    direct.append(reinterpret_cast<const char*>(room.data()), static_cast<std::size_t>(got.value));
    return Drained::kNo;
  };
  loop().SetReadMode(id, ReadMode::kDirect);
  EXPECT_EQ(near.directs, 0) << "never inside the call";
  ASSERT_TRUE(world_->TurnUntil([&] { return near.directs >= 4; }));
  world_->FarWrite(far, "spliced");
  ASSERT_TRUE(world_->TurnUntil([&] { return direct == "spliced"; }));
  EXPECT_EQ(near.turn_ends, 0);
  loop().SetReadMode(id, ReadMode::kSmall);
  world_->FarWrite(far, "again");
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes == "again"; }));
}

TEST_P(LoopContractTest, LeavesTheRestToDirectWhenAskedInOnBytes) {
  Recorder near;
  FarEnd far;
  world_->AdoptPair(near, ReadMode::kSmall, &far);
  std::string direct;
  near.in_bytes = [&](SocketId socket) {
    loop().SetReadMode(socket, ReadMode::kDirect);
    EXPECT_EQ(near.directs, 0);
  };
  near.in_direct = [&](SocketId, DirectSocket& socket) {
    std::array<std::byte, 64> room{};
    const IoResult got = socket.Recv(room);
    if (!got.ok() || got.value == 0) return Drained::kYes;
    direct.append(reinterpret_cast<const char*>(room.data()), static_cast<std::size_t>(got.value));
    return Drained::kNo;
  };
  world_->FarWrite(far, "head");
  ASSERT_TRUE(world_->TurnUntil([&] { return near.bytes == "head"; }));
  world_->FarWrite(far, "body");
  world_->FarShutdown(far);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  EXPECT_EQ(direct, "body");
  EXPECT_EQ(near.gone_error, 0);
}

TEST_P(LoopContractTest, TellsTheEndOfADirectSocketThatStoppedShort) {
  Recorder near;
  FarEnd far;
  world_->AdoptPair(near, ReadMode::kDirect, &far);
  // Takes exactly what it expects and says drained, without having seen the end.
  near.in_direct = [&](SocketId, DirectSocket& socket) {
    std::array<std::byte, 4> room{};
    socket.Recv(room);
    return Drained::kYes;
  };
  world_->FarWrite(far, "four");
  world_->FarShutdown(far);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  EXPECT_EQ(near.gone_error, 0);
}

TEST_P(LoopContractTest, ServesFiveThousandSockets) {
  constexpr std::size_t kSockets = 5000;
  std::vector<Recorder> nears(kSockets);
  std::vector<FarEnd> fars(kSockets);
  std::vector<SocketId> ids(kSockets);
  for (std::size_t i = 0; i < kSockets; ++i) {
    ids[i] = world_->AdoptPair(nears[i], ReadMode::kSmall, &fars[i]);
    ASSERT_NE(ids[i].generation, 0U);
  }
  std::size_t answered = 0;
  for (std::size_t i = 0; i < kSockets; ++i) {
    nears[i].in_turn_end = [&, i](SocketId id) {
      SendAll(loop(), id, nears[i].bytes);
      ++answered;
      if (i % 2 == 1) loop().Close(id);
    };
    world_->FarWrite(fars[i], std::to_string(i));
  }
  ASSERT_TRUE(world_->TurnUntil([&] { return answered == kSockets; }));
  for (std::size_t i = 0; i < kSockets; ++i) {
    ASSERT_EQ(nears[i].bytes, std::to_string(i));
    std::string answer;
    ASSERT_TRUE(world_->TurnUntil([&] {
      answer += world_->FarRead(fars[i], 100);
      return answer == std::to_string(i) && (i % 2 == 0 || world_->FarSeesEnd(fars[i]));
    }));
  }
}

}  // namespace
}  // namespace engine
