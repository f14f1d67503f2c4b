// Contract suite, part 6: streams whose read mode changes at every point, drawn by seeds.
//
// The order of the octets and the place of the end are checked; what is drawn: sizes of pieces,
// when the far end writes, in which callback or between which turns the mode changes and to what,
// and which sockets are closed on the way. Seeds are printed by a failure.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/loop_contract.h"
#include "tests/engine/recorder.h"

namespace engine {
namespace {

constexpr std::array<ReadMode, 4> kModes = {
    ReadMode::kSmall, ReadMode::kBulk, ReadMode::kPaused, ReadMode::kDirect};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::size_t Below(std::size_t bound) { return engine_() % bound; }
  bool Chance(std::size_t of) { return Below(of) == 0; }
  ReadMode Mode() { return kModes[Below(kModes.size())]; }

 private:
  std::mt19937_64 engine_;
};

// One stream from its far end to a recorder that changes its mind all the time.
struct Stream {
  Recorder near;
  FarEnd far;
  SocketId id;
  std::string all;
  std::size_t written = 0;
  bool shut = false;
  bool closed = false;

  // Takes what is there by a few receives of odd sizes.
  Drained TakeDirect(DirectSocket& socket, Dice& dice) {
    std::array<std::byte, 5000> room{};
    for (int times = 0; times < 3; ++times) {
      const IoResult got = socket.Recv(Bytes(room).first(1 + dice.Below(room.size())));
      if (got.value <= 0) return Drained::kYes;
      near.bytes.append(reinterpret_cast<const char*>(room.data()),
                        static_cast<std::size_t>(got.value));
    }
    return Drained::kNo;
  }

  void WriteSome(LoopWorld& world, Dice& dice) {
    if (shut) return;
    const std::size_t piece = 1 + dice.Below(dice.Chance(4) ? 60'000 : 700);
    written += world.FarWrite(far, std::string_view(all).substr(written, piece));
    if (written < all.size()) return;
    shut = true;
    world.FarShutdown(far);
  }

  bool done() const { return closed || (near.gones == 1 && near.bytes.size() == all.size()); }
};

class Streams {
 public:
  Streams(LoopWorld& world, std::uint64_t seed, std::size_t count, std::size_t bytes_max)
      : world_(world), dice_(seed) {
    for (std::size_t i = 0; i < count; ++i) {
      streams_.push_back(std::make_unique<Stream>());
      Stream& stream = *streams_.back();
      stream.all = Pattern(1 + dice_.Below(bytes_max));
      Change(stream, 6);
      stream.id = world_.AdoptPair(stream.near, dice_.Mode(), &stream.far);
    }
  }

  // Some of it happens; true: all streams are through.
  bool Step(bool with_closes) {
    bool done = true;
    for (const std::unique_ptr<Stream>& stream : streams_) {
      if (dice_.Chance(2)) stream->WriteSome(world_, dice_);
      if (dice_.Chance(3)) world_.loop().SetReadMode(stream->id, dice_.Mode());
      if (with_closes && dice_.Chance(200)) {
        stream->closed = true;
        world_.loop().Close(stream->id);
      }
      done = done && stream->done();
    }
    return done;
  }

  void Check(std::uint64_t seed) {
    for (const std::unique_ptr<Stream>& stream : streams_) {
      const Recorder& near = stream->near;
      EXPECT_TRUE(near.bytes == stream->all.substr(0, near.bytes.size())) << "seed " << seed;
      if (stream->closed) continue;
      EXPECT_EQ(near.bytes.size(), stream->all.size()) << "seed " << seed;
      EXPECT_EQ(near.gones, 1) << "seed " << seed;
      EXPECT_EQ(near.gone_error, 0) << "seed " << seed;
      world_.loop().Close(stream->id);
    }
    for (const std::unique_ptr<Stream>& stream : streams_) {
      EXPECT_TRUE(world_.TurnUntil([&] { return world_.FarSeesEnd(stream->far); }));
    }
  }

 private:
  // In one of `of` callbacks of each kind the mode changes.
  void Change(Stream& stream, std::size_t of) {
    const auto maybe = [this, of](SocketId id) {
      if (dice_.Chance(of)) world_.loop().SetReadMode(id, dice_.Mode());
    };
    stream.near.in_bytes = maybe;
    stream.near.in_turn_end = maybe;
    stream.near.in_direct = [this, of, &stream](SocketId id, DirectSocket& socket) {
      const Drained drained = stream.TakeDirect(socket, dice_);
      if (!dice_.Chance(of)) return drained;
      world_.loop().SetReadMode(id, dice_.Mode());
      return drained;
    };
  }

  LoopWorld& world_;
  Dice dice_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

TEST_P(LoopContractTest, KeepsTheOrderOfStreamsWhoseModeChanges) {
  constexpr std::uint64_t kSeeds = 12;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Streams streams(*world_, seed, 5, 150'000);
    EXPECT_TRUE(world_->TurnUntil([&] { return streams.Step(false); })) << "seed " << seed;
    streams.Check(seed);
  }
}

TEST_P(LoopContractTest, KeepsTheOrderOfManyStreamsWhileOthersAreClosed) {
  constexpr std::uint64_t kSeeds = 3;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Streams streams(*world_, seed, 120, 30'000);
    EXPECT_TRUE(world_->TurnUntil([&] { return streams.Step(true); })) << "seed " << seed;
    streams.Check(seed);
  }
}

}  // namespace
}  // namespace engine
