// Sockets without a kernel: streams with bounded buffers, and listeners by address.
//
//   end A --Send--> [in flight, a delay each] --> [arrived at B] --Read--> owner of B
//                   '------- together at most the stream's room -------'
//
// An end is named by a virtual descriptor: a number that the world hands out once and never again.
// Closing an end with unread bytes resets the other; else the other sees the end of the stream
// after the last byte. A cut stream (SimFaults::cut) loses what is in flight. Listeners: Connect
// finds them by the address (path of a Unix socket, else the text). Loops that watch a listener
// share what comes, by chance.
#ifndef MILLRACE_TESTS_SIM_SIM_STREAMS_H_
#define MILLRACE_TESTS_SIM_SIM_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/loop.h"
#include "engine/net/address.h"

namespace sim {

using engine::IoResult;
using engine::Time;

class SimWorld;
class SimLoop;

// Whom to wake when something happens at an end.
struct SimWatch {
  SimLoop* loop = nullptr;
  engine::SocketId id{};
};

struct SimEnd {
  int peer = 0;
  bool open = true;
  std::string arrived;        // not read yet
  std::size_t read_from = 0;  // arrived[0, read_from) has been read
  std::size_t in_flight = 0;  // on the way to this end
  std::size_t room = 0;       // arrived and in flight, at most
  Time last_arrival{};        // keeps the order within the stream
  bool end_seen = false;      // end of stream has arrived behind the last byte
  bool shut = false;          // this end sends no more
  int reset = 0;              // errno, once a reset has arrived
  bool cut = false;
  bool peer_waits = false;  // the other end's Send was short: tell it when there is room
  SimWatch watch;

  std::size_t readable() const { return arrived.size() - read_from; }
};

class SimStreams {
 public:
  explicit SimStreams(SimWorld& world) : world_(&world) {}
  SimStreams(const SimStreams&) = delete;
  SimStreams& operator=(const SimStreams&) = delete;

  std::pair<int, int> MakePair();
  SimEnd* Find(int end);
  void Watch(int end, SimWatch watch);

  IoResult Send(int end, engine::Gather data);  // EAGAIN as value 0, error 0
  std::size_t Read(int end, engine::Bytes to);  // what is there, maybe less by chance
  void Shutdown(int end);                       // no more from this end
  void Close(int end);
  void Reset(int end);  // closes, and the other end sees ECONNRESET
  std::size_t open_ends() const { return open_ends_; }

  // Listeners. `at`: any text that Connect will be given as a path or an address text.
  int Listen(const std::string& at, std::size_t backlog);
  void CloseListener(int listener);
  using Accepted = void (*)(void* context, int fd) noexcept;
  void WatchListener(int listener, SimLoop& loop);
  void UnwatchListener(int listener, const SimLoop& loop);
  // The next connection that waits there; -1: none.
  int Accept(int listener);
  bool HasWaiting(int listener) const;

  // Starts a connection. error 0: `value` is the near end; whether it is connected or refused comes
  // `later` (an errno, 0 for connected) after a delay, to SimLoop::ConnectDone.
  IoResult Connect(const std::string& at, bool is_unix, int* later_error);
  static std::string NameOf(const engine::Address& address);

 private:
  struct Listener {
    std::string at;
    std::size_t backlog_max = 0;
    std::size_t coming = 0;  // connected, not in `waiting` yet
    std::deque<int> waiting;
    std::vector<SimLoop*> loops;
  };

  void Arrive(int end, const std::string& bytes);
  void ArriveEnd(int end);
  void ArriveReset(int end, int error);
  void Later(int end, void (SimStreams::*what)(int));
  Time NextArrival(SimEnd& end);
  void Wake(int end);
  void TellRoom(int end);
  void MarkClosed(int end);
  void PlanCut(int end);
  void Cut(int end);
  void Offer(int listener, int end);

  SimWorld* world_;
  std::map<int, SimEnd> ends_;
  std::map<int, Listener> listeners_;
  std::map<std::string, int> names_;
  std::size_t open_ends_ = 0;
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_STREAMS_H_
