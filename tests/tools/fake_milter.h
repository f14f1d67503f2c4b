// A milter in a simulated world that answers by the first recipient's local part.
//
//   reject@  554 at end of message     tempfail@  TEMPFAIL     discard@  DISCARD
//   silent@  never answers             nonsense@  an unknown reply      drop@  closes
//   others   one ADDHEADER, then CONTINUE
// While it stalls it answers no end of message; it keeps what it saw, and when.
#ifndef MILLRACE_TESTS_TOOLS_FAKE_MILTER_H_
#define MILLRACE_TESTS_TOOLS_FAKE_MILTER_H_

#include <map>
#include <string>
#include <vector>

#include "tests/sim/sim_world.h"

namespace replay {

class FakeMilter final : public engine::SocketEvents {
 public:
  FakeMilter(sim::SimWorld& world, const std::string& at);
  ~FakeMilter();
  FakeMilter(const FakeMilter&) = delete;
  FakeMilter& operator=(const FakeMilter&) = delete;

  std::size_t open() const { return peers_.size(); }
  // Nobody listens from now on.
  void CloseListener();
  std::uint64_t ends_of_message = 0;
  std::size_t open_most = 0;
  std::vector<std::string> helos{};
  struct Seen {
    engine::Time at{};
    std::uint32_t peer = 0;
    char command = 0;
    std::string text{};  // of the payload, up to its first NUL
  };
  std::vector<Seen> seen{};
  // When the commands of one kind came, in order.
  std::vector<engine::Time> TimesOf(char command) const;
  std::vector<std::string> queue_ids{};  // at each end of message
  std::uint64_t body_bytes = 0;          // in BODY packets
  bool rejects_all = false;
  bool refuses_recipients = false;
  bool refuses_sessions = false;  // at CONNECT
  // No end of message is answered until then.
  engine::Time stalls_until{};

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId) noexcept override {}
  engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;
  }
  void OnWritable(engine::SocketId) noexcept override {}
  void OnGone(engine::SocketId id, int error) noexcept override;

 private:
  struct Peer {
    std::string input{};
    std::string recipient{};
    std::string queue_id{};
  };
  void OnMacros(Peer& peer, std::string_view payload);
  void OnPacket(engine::SocketId id, char command, std::string_view payload);
  void EndOfMessage(engine::SocketId id);
  void Answer(engine::SocketId id, std::string_view code_and_payload);
  void Drop(engine::SocketId id);

  sim::SimWorld& world_;
  sim::SimLoop& loop_;
  int listener_;
  std::map<std::uint32_t, Peer> peers_;  // by SocketId::index
};

}  // namespace replay

#endif  // MILLRACE_TESTS_TOOLS_FAKE_MILTER_H_
