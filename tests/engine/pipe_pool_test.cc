// The pool of pipes over real pipes, and when a real pipe is full.
#include "engine/io/pipe_pool.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <set>

#include <gtest/gtest.h>

namespace engine {
namespace {

using std::chrono::seconds;

TEST(PipePoolTest, GivesEachPipeToOneTakerAtATime) {
  PosixPipePool pool;
  std::set<Pipe*> pipes;
  for (std::size_t i = 0; i < PipePool::kPipesMax; ++i)
    pipes.insert(pool.Take(seconds(1)));
  EXPECT_EQ(pipes.size(), PipePool::kPipesMax);
  EXPECT_EQ(pipes.count(nullptr), 0U);
  EXPECT_EQ(pool.taken(), PipePool::kPipesMax);
  EXPECT_EQ(pool.Take(seconds(1)), nullptr);
  EXPECT_EQ(pool.refusals(), 0U) << "none free is not the system's refusal";
  Pipe* back = *pipes.begin();
  pool.Give(*back);
  EXPECT_EQ(pool.Take(seconds(1)), back);
  for (Pipe* pipe : pipes)
    pool.Give(*pipe);
  EXPECT_EQ(pool.taken(), 0U);
}

TEST(PipePoolTest, APipeThatComesBackWithBytesIsNeverMetAgain) {
  PosixPipePool pool;
  auto* pipe = static_cast<PosixPipe*>(pool.Take(seconds(1)));
  ASSERT_NE(pipe, nullptr);
  ASSERT_EQ(::write(pipe->write_end(), "old", 3), 3);
  pipe->Added(3);
  pool.Give(*pipe);
  auto* next = static_cast<PosixPipe*>(pool.Take(seconds(1)));
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->bytes(), 0U);
  std::array<char, 4> got{};
  EXPECT_EQ(::read(next->read_end(), got.data(), got.size()), -1) << "empty";
  pool.Give(*next);
}

TEST(PipePoolTest, ARefusalByTheSystemIsCountedAndTriedAgainLater) {
  PosixPipePool pool;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  Pipe* const refused = pool.Take(seconds(1));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(refused, nullptr);
  EXPECT_EQ(pool.refusals(), 1U);
  EXPECT_EQ(pool.Take(seconds(1) + PipePool::kTryAgainAfter - seconds(1)), nullptr);
  EXPECT_EQ(pool.refusals(), 1U) << "not asked again so soon";
  Pipe* const given = pool.Take(seconds(1) + PipePool::kTryAgainAfter);
  ASSERT_NE(given, nullptr);
  pool.Give(*given);
}

// A pipe of a page or two is what the kernel gives above fs.pipe-user-pages-soft.
TEST(PosixPipeTest, IsFullOfSmallPiecesLongBeforeItsCapacity) {
  PosixPipe pipe;
  ASSERT_TRUE(pipe.ok());
  ASSERT_GT(::fcntl(pipe.write_end(), F_SETPIPE_SZ, 4096), 0);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  ASSERT_EQ(::write(ends[0], "ab", 2), 2);
  EXPECT_FALSE(pipe.full());
  EXPECT_EQ(::splice(ends[1], nullptr, pipe.write_end(), nullptr, 1, SPLICE_F_NONBLOCK), 1);
  pipe.Added(1);
  EXPECT_TRUE(pipe.full()) << "one place, taken by one octet";
  EXPECT_EQ(::splice(ends[1], nullptr, pipe.write_end(), nullptr, 1, SPLICE_F_NONBLOCK), -1);
  std::array<std::byte, 1> got{};
  EXPECT_EQ(pipe.Read(got).value, 1);
  EXPECT_FALSE(pipe.full());
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace engine
