// Contract suite, part 5: from socket to socket through a pipe, copies of what is in it, and the
// end of sending.
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "engine/io/pipe.h"
#include "tests/engine/loop_contract.h"
#include "tests/engine/recorder.h"

namespace engine {
namespace {

// Puts `text` into the pipe, by way of a socket.
void Fill(LoopWorld& world, Pipe& pipe, std::string_view text) {
  Recorder near;
  FarEnd far;
  near.in_direct = [&](SocketId, DirectSocket& socket) {
    const IoResult got = socket.SpliceTo(pipe, text.size() - pipe.bytes());
    return got.value > 0 ? Drained::kNo : Drained::kYes;
  };
  const SocketId id = world.AdoptPair(near, ReadMode::kDirect, &far);
  std::size_t written = 0;
  ASSERT_TRUE(world.TurnUntil([&] {
    if (written < text.size()) written += world.FarWrite(far, text.substr(written));
    return pipe.bytes() == text.size();
  }));
  world.loop().Close(id);
}

std::string ReadAll(Pipe& pipe) {
  std::string text(pipe.bytes() + 10, '\0');
  const IoResult got = pipe.Read(std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(got.error, 0);
  text.resize(static_cast<std::size_t>(got.value));
  return text;
}

TEST_P(LoopContractTest, SendsFromAPipe) {
  const std::unique_ptr<Pipe> pipe = world_->MakePipe();
  Fill(*world_, *pipe, "through the pipe");
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  EXPECT_EQ(loop().SendFrom(id, *pipe, 7).value, 7);
  EXPECT_EQ(pipe->bytes(), 9U);
  EXPECT_EQ(loop().SendFrom(id, *pipe, 100).value, 9);
  const IoResult none = loop().SendFrom(id, *pipe, 100);
  EXPECT_EQ(none.value, 0);
  EXPECT_EQ(none.error, 0);
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] { return (got += world_->FarRead(far, 100)).size() >= 16; }));
  EXPECT_EQ(got, "through the pipe");
  world_->TurnSome();
  EXPECT_EQ(near.callbacks(), 0);
}

// A whole forwarder: source -> pipe -> sink, paused while the sink takes no more.
TEST_P(LoopContractTest, ForwardsMoreThanTheSinkTakesAtOnce) {
  const std::unique_ptr<Pipe> pipe = world_->MakePipe();
  const std::string all = Pattern(16 * kMiB);  // more than TCP's buffers grow to
  Recorder source;
  Recorder sink;
  FarEnd far_source;
  FarEnd far_sink;
  int short_sends = 0;
  SocketId to{};
  const auto send = [&] {
    const IoResult sent = loop().SendFrom(to, *pipe, Pipe::kCapacityBytes);
    EXPECT_EQ(sent.error, 0);
    if (pipe->bytes() > 0) ++short_sends;
  };
  source.in_direct = [&](SocketId id, DirectSocket& socket) {
    const IoResult got = socket.SpliceTo(*pipe, Pipe::kCapacityBytes);
    if (got.value == 0) return Drained::kYes;
    send();
    if (pipe->bytes() > 0) loop().SetReadMode(id, ReadMode::kPaused);
    return Drained::kNo;
  };
  const SocketId from = world_->AdoptPair(source, ReadMode::kDirect, &far_source);
  to = world_->AdoptPair(sink, ReadMode::kSmall, &far_sink);
  sink.in_writable = [&](SocketId) {
    EXPECT_EQ(sink.writables, short_sends) << "once after each short one";
    send();
    if (pipe->bytes() == 0) loop().SetReadMode(from, ReadMode::kDirect);
  };
  std::size_t written = 0;
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] {
    if (written < all.size())
      written += world_->FarWrite(far_source, std::string_view(all).substr(written));
    // Read only once the sink is full, so that it does get full.
    if (short_sends > 0 || written == all.size()) got += world_->FarRead(far_sink, kMiB);
    return got.size() == all.size();
  }));
  EXPECT_TRUE(got == all);
  EXPECT_GT(short_sends, 0);
}

TEST_P(LoopContractTest, TeeLeavesTheBytesWhereTheyAre) {
  const std::unique_ptr<Pipe> one = world_->MakePipe();
  const std::unique_ptr<Pipe> two = world_->MakePipe();
  EXPECT_EQ(one->TeeTo(*two, 100).error, EAGAIN) << "nothing there";
  const std::string text = Pattern(100'000);
  Fill(*world_, *one, text);
  std::size_t copied = 0;
  while (copied < text.size()) {  // may take fewer, and then begins again at the oldest
    const IoResult some = one->TeeTo(*two, text.size() - copied);
    ASSERT_EQ(some.error, 0);
    ASSERT_GT(some.value, 0);
    const auto size = static_cast<std::size_t>(some.value);
    EXPECT_EQ(one->bytes(), text.size() - copied);
    std::string moved(size, '\0');
    one->Read(std::as_writable_bytes(std::span(moved)));
    EXPECT_TRUE(moved == std::string_view(text).substr(copied, size));
    copied += size;
  }
  EXPECT_EQ(one->bytes(), 0U);
  EXPECT_EQ(two->bytes(), text.size());
  EXPECT_TRUE(ReadAll(*two) == text);
  EXPECT_EQ(ReadAll(*two), "");
}

TEST_P(LoopContractTest, SendFromTellsGoneOnceWhenItFails) {
  const std::unique_ptr<Pipe> pipe = world_->MakePipe();
  Fill(*world_, *pipe, "to nobody");
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  world_->FarClose(far);
  for (int i = 0; i < 3; ++i) {
    loop().SendFrom(id, *pipe, 1);
    EXPECT_EQ(near.gones, 0) << "never inside the call";
  }
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  world_->TurnSome();
  EXPECT_EQ(near.gones, 1);
  loop().Close(id);
  const std::size_t left = pipe->bytes();
  EXPECT_EQ(loop().SendFrom(id, *pipe, 1).error, EBADF);
  EXPECT_EQ(pipe->bytes(), left);
}

TEST_P(LoopContractTest, EndsSendingAndGoesOnReading) {
  Recorder near;
  FarEnd far;
  const SocketId id = world_->AdoptPair(near, ReadMode::kSmall, &far);
  SendAll(loop(), id, "last");
  loop().EndSending(id);
  std::string got;
  ASSERT_TRUE(world_->TurnUntil([&] { return (got += world_->FarRead(far, 100)) == "last"; }));
  ASSERT_TRUE(world_->TurnUntil([&] { return world_->FarSeesEnd(far); }));
  EXPECT_EQ(near.gones, 0);
  world_->FarWrite(far, "answer");
  world_->FarShutdown(far);
  ASSERT_TRUE(world_->TurnUntil([&] { return near.gones == 1; }));
  EXPECT_EQ(near.bytes, "answer");
  EXPECT_EQ(near.gone_error, 0);
  const iovec part{const_cast<char*>("x"), 1};
  EXPECT_EQ(loop().Send(id, {&part, 1}).error, EPIPE);
  loop().Close(id);
  loop().EndSending(id);  // stale: ignored
}

}  // namespace
}  // namespace engine
