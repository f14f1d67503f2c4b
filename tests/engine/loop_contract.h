// The contract suite of engine/io/loop.h, and the world in which a loop is put to run it.
//
//   test --> LoopWorld --> loop()  <== near ends: adopted, connected, accepted by the loop
//                      \-> far ends, files, listeners: driven by the test, without blocking
//
// A loop joins by a factory:
//   INSTANTIATE_TEST_SUITE_P(Epoll, LoopContractTest, testing::Values(&MakeEpollWorld));
// and by linking loop_contract.cc. The suite asserts what is answered and in which order, never how
// long it takes: conditions are awaited over a bounded number of turns.
#ifndef MILLRACE_TESTS_ENGINE_LOOP_CONTRACT_H_
#define MILLRACE_TESTS_ENGINE_LOOP_CONTRACT_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "engine/io/loop.h"
#include "engine/io/pipe.h"
#include "engine/net/address.h"

namespace engine {

// A far end; the world's own number for it.
struct FarEnd {
  int number = -1;
};

class LoopWorld {
 public:
  // Turns that TurnUntil() makes before it gives up. A real loop sleeps up to kSleep in each.
  static constexpr int kTurnsMax = 4000;
  static constexpr Time kSleep = std::chrono::milliseconds(5);

  virtual ~LoopWorld() = default;

  virtual Loop& loop() = 0;

  // A connected pair: the near end is adopted by the loop for `owner`, the far end is the test's.
  virtual SocketId AdoptPair(SocketEvents& owner, ReadMode mode, FarEnd* far) = 0;

  // The far end. Write: bytes taken, maybe fewer (the near end's buffer is full).
  virtual std::size_t FarWrite(FarEnd far, std::string_view data) = 0;
  // What has arrived by now, at most `bytes_max`; may be empty.
  virtual std::string FarRead(FarEnd far, std::size_t bytes_max) = 0;
  // True once all has been read and the near end has closed (end of stream or reset).
  virtual bool FarSeesEnd(FarEnd far) = 0;
  // End of stream for the near end; the far end still reads.
  virtual void FarShutdown(FarEnd far) = 0;
  // Closes in order; all that arrived must have been read.
  virtual void FarClose(FarEnd far) = 0;
  // The near end is reset (ECONNRESET). The near end has sent something that was not read.
  virtual void FarReset(FarEnd far) = 0;

  // A listening, non-blocking descriptor for Loop::Listen, and one end more that connects to it.
  // False: the connection was refused or the backlog is full.
  virtual int MakeListener(int backlog) = 0;
  virtual bool FarConnect(int listener, FarEnd* far) = 0;
  // Closes it; the loop no longer listens there.
  virtual void CloseListener(int listener) = 0;
  // Adopts what Loop::Listen accepted.
  virtual SocketId AdoptAccepted(int fd, SocketEvents& owner) = 0;
  // What Loop::Listen accepted and nobody wants.
  virtual void CloseAccepted(int fd) = 0;

  // A place to Loop::Connect to. It accepts nothing by itself, and takes at least one connection
  // before its backlog is full.
  virtual Address FarListen() = 0;
  // The far end of the oldest connection made to it that FarAccept has not answered yet.
  virtual bool FarAccept(const Address& at, FarEnd* far) = 0;
  // A place of the same kind where nobody listens.
  virtual Address Nowhere() = 0;
  // Does Connect answer EAGAIN at once when a backlog is full (Unix sockets)?
  virtual bool backlog_answers_eagain() const = 0;

  // While true: descriptors have run out (EMFILE) for whoever wants a new one.
  virtual void RunOutOfDescriptors(bool on) = 0;

  // A pipe of this world.
  virtual std::unique_ptr<Pipe> MakePipe() = 0;

  // A file for FileOp, and its content.
  virtual int MakeFile() = 0;
  virtual std::string FileContent(int file) = 0;

  // Turns until `done` or kTurnsMax; true if `done`.
  template <typename Done>
  bool TurnUntil(Done&& done) {
    for (int turn = 0; turn < kTurnsMax; ++turn) {
      if (done()) return true;
      loop().RunTurn(kSleep);
    }
    return done();
  }

  // Turns until the loop's clock has moved on by `length`.
  virtual void TurnFor(Time length) {
    const Time end = loop().now() + length;
    while (loop().now() < end)
      loop().RunTurn(end - loop().now());
  }

  // Some turns, for what must not happen in them.
  void TurnSome() {
    for (int turn = 0; turn < 10; ++turn)
      loop().RunTurn(Time::zero());
  }
};

class LoopContractTest : public testing::TestWithParam<std::unique_ptr<LoopWorld> (*)()> {
 protected:
  LoopContractTest() : world_(GetParam()()) {}
  Loop& loop() { return world_->loop(); }

  std::unique_ptr<LoopWorld> world_;
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_LOOP_CONTRACT_H_
