// The built-in scanner on a loop: any number of AM.PDP connections in one thread.
//
//   kReading --request whole--> kScanning --delay over--> kReplying --all sent--> kReading
//      ^                            |                         |                      |
//      |                            '-- kHang: until the client leaves               v
//      '------------------------------------------------------------ hold over -- kHolding
//
// As amavisd does: requests on one connection are answered one after the other; a client that has
// gone is noticed only when the reply is written, so its request stays "inside" until then.
// Used by the program, and by simulations with their own loop and host (files in memory).
// Limits: connections_max connections; a request within ampdp's limits. One thread, the loop's.
#ifndef MILLRACE_TOOLS_SCANNER_SCANNER_APP_H_
#define MILLRACE_TOOLS_SCANNER_SCANNER_APP_H_

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "ampdp/request_reader.h"
#include "engine/base/arena.h"
#include "engine/base/slab.h"
#include "engine/io/loop.h"
#include "tools/scanner/answer.h"
#include "tools/scanner/message_scan.h"
#include "tools/scanner/rules.h"

namespace scanner {

// What the scanner needs of the world besides sockets and time. noexcept by contract.
class ScannerHost {
 public:
  // Replaces `*content` by the file's. False: `*reason` says why not.
  virtual bool ReadFile(std::string_view path, std::string* content, std::string* reason) = 0;
  // Opens a file and keeps it open; a handle for Release(), or -1.
  virtual int HoldOpen(std::string_view path) = 0;
  virtual void Release(int handle) = 0;
  // Makes the connection end in a reset rather than an end of stream, where it can.
  virtual void Reset(int fd) = 0;
  // A late read has happened: `request` asked for the file, `content` is what it held by then.
  virtual void OnLateRead(const ampdp::Request& request, std::string_view content) = 0;
  // One line about one request; called only with `verbose`.
  virtual void Log(std::string_view line) = 0;

 protected:
  ~ScannerHost() = default;
};

struct ScannerConfig {
  std::vector<Rule> rules{};
  // Sent as it is to every request, which is framed and not looked at. Empty: none.
  std::string fixed_reply{};
  engine::Time delay{};   // for requests whose rule has none
  engine::Time jitter{};  // likewise
  std::uint64_t seed = 1;
  std::uint32_t connections_max = 65536;
  std::uint32_t max_in_flight = 0;  // 0: not checked
  std::uint32_t log_id_number = 1;  // the part before the dash, amavisd's process id
  bool verbose = false;
};

struct Statistics {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t broken_requests = 0;
  std::uint64_t unreadable_files = 0;
  std::uint64_t verdicts[5] = {};  // by ampdp::Verdict; not those of fixed replies
  std::uint64_t fixed_replies = 0;
  std::uint64_t faults = 0;
  std::uint64_t late_reads = 0;
  std::uint64_t gone_while_inside = 0;
  std::uint32_t inside = 0;  // requests read and not yet answered (or given up)
  std::uint32_t inside_max = 0;
};

class ScannerApp {
 public:
  // `loop` and `host` outlive it.
  ScannerApp(engine::Loop& loop, ScannerHost& host, ScannerConfig config);
  ~ScannerApp();  // closes all connections; listening descriptors must have been stopped
  ScannerApp(const ScannerApp&) = delete;
  ScannerApp& operator=(const ScannerApp&) = delete;

  // Serves what comes in on a listening descriptor, which stays the caller's.
  void Listen(int fd);
  // Serves one connected descriptor.
  void Accept(int fd);

  const Statistics& statistics() const { return statistics_; }
  // True once more than max_in_flight requests were inside at a time.
  bool over_limit() const { return over_limit_; }

 private:
  class Connection;
  friend class Connection;

  void EnterInside();
  void LeaveInside();
  const Rule* PickLateRule(const ampdp::Request& request);
  const Rule* PickRule(const ampdp::Request& request, const Findings& findings);
  bool CountsUp(std::size_t rule);
  engine::Time DelayOf(const Rule* rule);
  std::string NextLogId();

  engine::Loop& loop_;
  ScannerHost& host_;
  const ScannerConfig config_;
  MessageScan scan_;
  std::mt19937_64 random_;
  engine::BlockPool pool_;
  engine::Slab<Connection> connections_;
  std::vector<std::uint64_t> rule_matches_;  // how often each rule has matched
  std::string content_;                      // the file being looked at
  std::string reason_;
  std::uint64_t log_count_ = 0;
  Statistics statistics_;
  bool over_limit_ = false;
};

// All figures in one line: "requests=12 inside=0 ...".
std::string StatisticsLine(const Statistics& statistics);

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_SCANNER_APP_H_
