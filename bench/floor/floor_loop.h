// The floor: how little work the job of millrace can be on this system with epoll.
//
//   mail server --O--> answer kept      --T--> CONTINUE     --L N B--> spool file
//               --E--> seal -> connect -> request -> reply to its end -> edits and verdict kept
//
// A plain loop: one thread, level-triggered epoll, one receive of at most 256 KiB an event (as
// millrace's), packets framed by their 5-byte head where they lie, header fields joined in place,
// one pwritev per receive that brought content (one a message, where that fits a receive), one
// ftruncate, one connection to the scanner, one send for each answer.
//
// It is no product. It leaves out: limits and quotas, deadlines, progress notes, log lines, counts,
// checks of the protocol's order and of the scanner's reply, the Received field for the scanner,
// the facts of the envelope in the request, what isolates one message from the next (looks into the
// folder, exclusive leases), errors but the simplest, TCP, a clean end.
// A session that breaks the framing is closed. What can go wrong with a message is answered
// TEMPFAIL, so that whoever counts sees it.
#ifndef MILLRACE_BENCH_FLOOR_FLOOR_LOOP_H_
#define MILLRACE_BENCH_FLOOR_FLOOR_LOOP_H_

#include <sys/un.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/floor/answers.h"
#include "bench/floor/content.h"

namespace millrace_floor {

// A mail server's connection.
struct Session : Endpoint {
  explicit Session(int socket) : Endpoint{Kind::kSession, socket} {}
  std::string half{};         // of a packet whose rest has not come; never of a body
  std::size_t body_left = 0;  // octets of the body packet under way
  Slot* slot = nullptr;       // of the message under way
};

struct FloorConfig {
  std::string listen{};  // paths of Unix sockets
  std::string scanner{};
  std::string work{};  // folder, with nothing in it
  Newlines newlines = Newlines::kLf;
};

class FloorLoop {
 public:
  explicit FloorLoop(const FloorConfig& config);
  // False: the socket cannot be opened; errno tells why.
  bool Listen();
  // Does not return but with an error of epoll.
  void Run();

 private:
  void Accept();
  void Receive(Session& session);
  bool OnBytes(Session& session, char* at, std::size_t bytes);
  bool OnPacket(Session& session, char command, char* payload, std::size_t bytes);
  bool OnHeader(Session& session, char* payload, std::size_t bytes);
  void OnBody(Session& session, char* piece, std::size_t bytes);
  Slot& SlotOf(Session& session);
  void StartScan(Session& session);
  void OnReply(Slot& slot);
  void EndScan(Slot& slot, std::string_view answer);
  void LeaveMessage(Session& session);
  void Close(Session& session);
  bool Watch(Endpoint& endpoint) const;

  sockaddr_un listen_;
  sockaddr_un scanner_;
  int epoll_ = -1;
  Endpoint listener_{Endpoint::Kind::kListener};
  std::vector<std::unique_ptr<Session>> sessions_{};  // by descriptor
  Slots slots_;
  ContentWriter writer_;
  Answers answers_;
  std::unique_ptr<char[]> scratch_;
};

}  // namespace millrace_floor

#endif  // MILLRACE_BENCH_FLOOR_FLOOR_LOOP_H_
