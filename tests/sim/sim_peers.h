// Two small peers for the tests of the world itself: one echoes, the other sends and compares.
//
// Written against engine::Loop alone, as all peers are. The client reads back what it sent; it ends
// when all has come back, or when its stream broke.
#ifndef MILLRACE_TESTS_SIM_SIM_PEERS_H_
#define MILLRACE_TESTS_SIM_SIM_PEERS_H_

#include <cstddef>
#include <list>
#include <string>

#include "engine/io/loop.h"
#include "engine/net/address.h"

namespace sim {

// Echoes on every connection that `listener` gets.
class EchoServer {
 public:
  EchoServer(engine::Loop& loop, int listener);
  std::size_t open() const { return connections_.size(); }

 private:
  struct Connection final : engine::SocketEvents {
    EchoServer* server = nullptr;
    engine::SocketId id;
    std::string pending;

    void OnBytes(engine::SocketId, engine::Bytes bytes) noexcept override;
    void OnTurnEnd(engine::SocketId) noexcept override { SendPending(); }
    engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
      return engine::Drained::kYes;
    }
    void OnWritable(engine::SocketId) noexcept override { SendPending(); }
    void OnGone(engine::SocketId, int error) noexcept override;
    void SendPending();
  };
  void Accepted(int fd);
  void Forget(Connection& connection);

  engine::Loop* loop_;
  std::list<Connection> connections_;
};

class EchoClient final : public engine::SocketEvents {
 public:
  enum class End : unsigned char { kNone, kComplete, kBroken };

  EchoClient(engine::Loop& loop, std::string text) : loop_(&loop), text_(std::move(text)) {}
  // An errno where Connect answers one at once.
  int Connect(const engine::Address& to);

  End end() const { return end_; }
  bool wrong() const { return wrong_; }  // something else came back
  std::size_t received() const { return received_; }

  void OnBytes(engine::SocketId, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId) noexcept override;
  engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;
  }
  void OnWritable(engine::SocketId) noexcept override { SendRest(); }
  void OnGone(engine::SocketId, int error) noexcept override;

 private:
  void SendRest();

  engine::Loop* loop_;
  std::string text_;
  engine::SocketId id_;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  End end_ = End::kNone;
  bool wrong_ = false;
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_PEERS_H_
