// A scanner that answers every request with the same text, at once: the relay's other end in
// benchmarks. Reads no file.
//
//   accept -> request to its empty line -> [parts left beside the file] -> reply -> the relay
//   closes
//
// It allocates. One thread.
#ifndef MILLRACE_BENCH_MICRO_REPLYING_SCANNER_H_
#define MILLRACE_BENCH_MICRO_REPLYING_SCANNER_H_

#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/listener.h"

namespace bench {

class ReplyingScanner {
 public:
  ReplyingScanner(const engine::Address& at, std::string reply);
  ~ReplyingScanner();
  ReplyingScanner(const ReplyingScanner&) = delete;
  ReplyingScanner& operator=(const ReplyingScanner&) = delete;

  void StopListening();  // connects are refused from here on
  // A scanner that unpacks: a folder with a file in it stays in the slot.
  void set_leaves_parts(bool leaves) { leaves_parts_ = leaves; }
  // What can be done without waiting. False: there was nothing to do.
  bool Pump();

 private:
  struct Connection {
    int fd = -1;
    std::string request;
    bool answered = false;
  };
  bool Serve(Connection& connection, bool* moved);  // false: it is over

  engine::Listener listener_;
  std::string reply_;
  bool leaves_parts_ = false;
  std::vector<Connection> connections_;
};

}  // namespace bench

#endif  // MILLRACE_BENCH_MICRO_REPLYING_SCANNER_H_
