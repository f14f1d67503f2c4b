// Contract suite, part 2: Close() inside each callback, and ids that have become stale.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "tests/engine/loop_contract.h"
#include "tests/engine/recorder.h"

namespace engine {
namespace {

// Closes and frees itself inside one kind of callback; any later one would be a use after free.
enum class Callback : std::uint8_t { kBytes, kTurnEnd, kDirect, kWritable, kGone };

class Suicidal final : public SocketEvents {
 public:
  Suicidal(Loop& loop, Callback at, bool* died) : loop_(&loop), at_(at), died_(died) {}
  void OnBytes(SocketId id, Bytes) noexcept override { DieIf(Callback::kBytes, id); }
  void OnTurnEnd(SocketId id) noexcept override { DieIf(Callback::kTurnEnd, id); }
  Drained OnDirect(SocketId id, DirectSocket&) noexcept override {
    DieIf(Callback::kDirect, id);
    return Drained::kNo;
  }
  void OnWritable(SocketId id) noexcept override { DieIf(Callback::kWritable, id); }
  void OnGone(SocketId id, int) noexcept override { DieIf(Callback::kGone, id); }

 private:
  void DieIf(Callback at, SocketId id) {
    if (at != at_) return;
    loop_->Close(id);
    *died_ = true;
    delete this;
  }
  Loop* loop_;
  Callback at_;
  bool* died_;
};

TEST_P(LoopContractTest, SurvivesCloseAndFreeInsideEachCallback) {
  const std::string flood(4 * kMiB, 'f');
  for (const Callback at : {Callback::kBytes,
                            Callback::kTurnEnd,
                            Callback::kDirect,
                            Callback::kWritable,
                            Callback::kGone}) {
    bool died = false;
    auto* owner = new Suicidal(loop(), at, &died);
    FarEnd far;
    const ReadMode mode = at == Callback::kDirect ? ReadMode::kDirect : ReadMode::kSmall;
    const SocketId id = world_->AdoptPair(*owner, mode, &far);
    if (at == Callback::kWritable) {
      const iovec part{const_cast<char*>(flood.data()), flood.size()};
      const IoResult sent = loop().Send(id, {&part, 1});
      ASSERT_EQ(sent.error, 0);
      ASSERT_LT(sent.value, static_cast<std::int64_t>(flood.size()));
    }
    world_->FarWrite(far, "bytes");
    if (at == Callback::kGone) world_->FarShutdown(far);
    ASSERT_TRUE(world_->TurnUntil([&] {
      world_->FarRead(far, 64 * kKiB);
      return died;
    })) << static_cast<int>(at);
    ASSERT_TRUE(world_->TurnUntil([&] {
      world_->FarRead(far, 64 * kKiB);
      return world_->FarSeesEnd(far);
    })) << static_cast<int>(at);
    world_->TurnSome();
    const iovec part{const_cast<char*>("x"), 1};
    EXPECT_EQ(loop().Send(id, {&part, 1}).error, EBADF);
  }
}

TEST_P(LoopContractTest, IgnoresAStaleIdAlsoAfterItsRecordIsUsedAgain) {
  Recorder first;
  FarEnd first_far;
  const SocketId stale = world_->AdoptPair(first, ReadMode::kSmall, &first_far);
  loop().Close(stale);
  world_->TurnSome();
  Recorder second;
  FarEnd second_far;
  const SocketId id = world_->AdoptPair(second, ReadMode::kSmall, &second_far);
  EXPECT_NE(id, stale);
  for (const SocketId old : {stale, SocketId{}, SocketId{1'000'000, 1}}) {
    loop().Close(old);
    loop().SetReadMode(old, ReadMode::kPaused);
    const iovec part{const_cast<char*>("x"), 1};
    EXPECT_EQ(loop().Send(old, {&part, 1}).error, EBADF);
  }
  world_->FarWrite(second_far, "alive");
  ASSERT_TRUE(world_->TurnUntil([&] { return second.bytes == "alive"; }));
  EXPECT_EQ(first.callbacks(), 0);
}

TEST_P(LoopContractTest, SaysNothingMoreAfterClose) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  world_->FarWrite(far, "ready before the close");
  loop().Close(id);
  ASSERT_TRUE(world_->TurnUntil([&] { return world_->FarSeesEnd(far); }));
  world_->TurnSome();
  EXPECT_EQ(near.callbacks(), 0);
}

}  // namespace
}  // namespace engine
