// engine::Loop in a simulated world: the same contract, virtual time, drawn order.
//
// RunTurn: [clock] [due timers] [mail] [accepts] [finished file operations] [ready sockets,
// shuffled]
//
// SimWorld runs it. RunTurn() may also be called by a test that drives one loop by itself: then
// time jumps to this loop's next work, and no other loop turns meanwhile. kDirect is granted after
// a drawn delay. Mail is kept in order, but may come late.
//
// A loop reads as the polling sources do, or lends as the receiving one (uring_recv_loop.h), drawn
// by SimFaults::lending: spans of at most 4 KiB, in kBulk too for a while, octets after kDirect was
// asked for, and while paused octets are taken ahead and kept.
#ifndef MILLRACE_TESTS_SIM_SIM_LOOP_H_
#define MILLRACE_TESTS_SIM_SIM_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/loop.h"
#include "engine/io/mailbox.h"
#include "engine/io/timer_wheel.h"
#include "tests/sim/sim_disk.h"

namespace sim {

class SimWorld;
struct SimEnd;

class SimLoop final : public engine::Loop {
 public:
  SimLoop(SimWorld& world, std::string name, const std::string& root);
  ~SimLoop() override;
  SimLoop(const SimLoop&) = delete;
  SimLoop& operator=(const SimLoop&) = delete;

  engine::SocketId Adopt(int fd,
                         engine::SocketEvents& owner,
                         engine::ReadMode mode) noexcept override;
  IoResult Connect(const engine::Address& to,
                   engine::SocketEvents& owner,
                   engine::SocketId* id) noexcept override;
  void Listen(int fd,
              void (*accepted)(void* context, int fd) noexcept,
              void* context) noexcept override;
  void StopListening(int fd) noexcept override;
  IoResult Send(engine::SocketId id, engine::Gather data) noexcept override;
  IoResult SendFrom(engine::SocketId id, engine::Pipe& pipe, std::size_t max) noexcept override;
  void EndSending(engine::SocketId id) noexcept override;
  void SetReadMode(engine::SocketId id, engine::ReadMode mode) noexcept override;
  void Close(engine::SocketId id) noexcept override;
  void CloseDescriptor(int) noexcept override {}  // the simulated disk opens no folder
  void Set(engine::Timer& timer, Time at) noexcept override;
  void Cancel(engine::Timer& timer) noexcept override;
  void Submit(engine::FileOp& op) noexcept override;
  std::uint32_t file_ops() const noexcept override {
    return static_cast<std::uint32_t>(file_ops_.size());
  }
  void Post(engine::Mail& mail) noexcept override { inbox_.Push(mail); }
  engine::Disk& disk() noexcept override { return disk_; }
  Time now() const noexcept override { return now_; }
  void RunTurn(Time sleep_at_most) noexcept override;
  const char* source_name() const noexcept override { return "simulated"; }
  std::uint64_t accept_pauses() const noexcept override { return accept_pauses_; }

  // For the world and its parts.
  SimDisk& sim_disk() noexcept { return disk_; }
  const std::string& name() const noexcept { return name_; }
  bool HasWork() noexcept;
  Time NextWork() noexcept;  // when it has work if nothing else happens; kNever
  Time busy_until() const noexcept { return busy_until_; }
  void Spend(Time time) noexcept;
  // The shard's own time within a turn: what its disk calls have taken is past.
  Time LocalNow() const noexcept;
  void Ready(engine::SocketId id) noexcept;
  void RoomCame(engine::SocketId id) noexcept;
  void ConnectDone(engine::SocketId id, int error) noexcept;
  void AcceptReady(int listener) noexcept;
  std::size_t open_sockets() const noexcept { return open_sockets_; }
  void Thawed();  // what its disk held has an end again

 private:
  class Direct;  // NOLINT(cppcoreguidelines-virtual-class-destructor)
  struct Socket {
    std::uint32_t generation = 1;  // of the next or present user
    bool used = false;
    engine::SocketEvents* owner = nullptr;
    engine::ReadMode mode = engine::ReadMode::kSmall;
    int end = 0;
    bool connecting = false;
    bool connect_done = false;
    int connect_error = 0;
    bool wants_room = false;
    bool room_came = false;
    int send_error = 0;
    bool gone = false;     // OnGone has been told
    bool granted = false;  // kDirect
    bool lent_to = false;  // a lending loop receives for it; not since kDirect was granted
    std::string kept;      // taken from the stream, and not told yet
    bool listed = false;   // on ready_
  };
  struct Listening {
    int fd;
    void (*accepted)(void* context, int fd) noexcept;
    void* context;
    bool ready;
    Time not_before;
  };

  Socket* Find(engine::SocketId id) noexcept;
  engine::SocketId NewSocket(int end, engine::SocketEvents& owner, engine::ReadMode mode) noexcept;
  void DeliverMail() noexcept;
  void Accept() noexcept;
  void PerformAt(engine::FileOp& op, Time at) noexcept;
  void CheckAlone(const engine::FileOp& op) noexcept;
  void FinishFileOps() noexcept;
  void ServeSockets() noexcept;
  void Serve(engine::SocketId id) noexcept;
  void ServeRead(engine::SocketId id) noexcept;
  bool TakesBytes(const Socket& socket) const noexcept;
  std::size_t TakePiece(Socket& socket, engine::Bytes room) noexcept;
  void TakeAhead(Socket& socket) noexcept;
  void ServeDirect(engine::SocketId id) noexcept;
  void TellGone(engine::SocketId id) noexcept;
  static bool MayTellGone(const Socket& socket, const SimEnd* end, int* error) noexcept;
  Listening* FindListening(int fd) noexcept;

  SimWorld* world_;
  bool lends_;
  std::string name_;
  SimDisk disk_;
  Time now_;
  Time busy_until_{};
  engine::TimerWheel wheel_;
  engine::MpscQueue inbox_;
  Time mail_due_ = engine::kNever;  // kNever: not drawn yet
  std::vector<Socket> sockets_;
  std::vector<std::uint32_t> free_;
  std::vector<engine::SocketId> ready_;
  std::vector<engine::SocketId> serving_;
  std::vector<Listening> listening_;
  std::deque<engine::FileOp*> finished_;
  std::vector<const engine::FileOp*> file_ops_;  // submitted, and `done` not told
  std::vector<engine::FileOp*> frozen_;          // held until Thawed()
  Time file_ops_moved_at_{};                     // as engine/io/file_ops.h counts
  std::vector<std::byte> scratch_;
  std::size_t open_sockets_ = 0;
  std::uint64_t accept_pauses_ = 0;
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_LOOP_H_
