// A scanner in the simulated world, as unreliable as it is told to be, that watches the relay's
// promises from its end.
//
// For each message the test writes down what the spooled file must hold (Ledger), by queue id. The
// scanner reads the file when it has the request (or late, after everybody has given up), and
// reports a broken promise where it finds anything else. What it answered, and whether the answer
// left whole, goes into the ledger: the mail server's end is compared with it.
#ifndef MILLRACE_TESTS_RELAY_SIM_SCANNER_H_
#define MILLRACE_TESTS_RELAY_SIM_SCANNER_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ampdp/reply.h"
#include "ampdp/request_reader.h"
#include "tests/sim/sim_world.h"

namespace relay_sim {

// One message, seen from both ends.
struct LedgerEntry {
  std::string content;            // what email.txt must hold behind the synthesized Received field
  std::string sender;             // as the request named it
  int requests = 0;               // whole requests that the scanners have had
  std::set<std::string> paths{};  // of the file, in those: never the same twice
  bool reply_left = false;  // a reply that is whole and sound has been written to its last byte
  ampdp::Verdict verdict = ampdp::Verdict::kTempfail;
};
using Ledger = std::map<std::string, LedgerEntry>;

struct ScannerPlan {
  engine::Time delay_min = std::chrono::milliseconds(10);
  engine::Time delay_max = std::chrono::seconds(2);
  sim::PerMillion reject = 100'000;
  sim::PerMillion discard = 20'000;
  sim::PerMillion tempfail = 20'000;
  bool local_failure = false;        // tempfail, with a text that is not for outsiders
  sim::PerMillion half_reply = 0;    // then closes
  sim::PerMillion broken_reply = 0;  // whole, but two verdicts, or none, or garbage
  sim::PerMillion hang = 0;          // closes after hang_for without a reply
  engine::Time hang_for = std::chrono::seconds(480);  // amavisd's $child_timeout
  sim::PerMillion late_read = 0;                      // reads only after its delay
  sim::PerMillion leaves_parts = 200'000;
  std::size_t more_edits = 0;      // added to each continue: header insertions
  std::string deletes{};           // ... and a deletion of this field
  engine::Time drip_every{};       // above zero: one octet of the reply at a time
  sim::PerMillion keeps_link = 0;  // hard link of email.txt outside the slot
  sim::PerMillion keeps_open = 0;  // holds email.txt open beyond its reply, and reads it again
  std::string line_end = "\n";     // of the files that it expects
};

class SimScanner {
 public:
  static constexpr const char* kEvidence = "/evidence";

  SimScanner(sim::SimWorld& world, sim::SimLoop& loop, Ledger& ledger, const ScannerPlan& plan);
  ~SimScanner();
  SimScanner(const SimScanner&) = delete;
  SimScanner& operator=(const SimScanner&) = delete;

  void Listen(const std::string& at, std::size_t backlog);
  void StopListening();  // connects are refused from here on
  // The process is gone: connects are refused, and every connection ends, whatever it was about.
  void Kill();
  void ListenAgain();
  // Hangs in accept: the backlog fills, then connects meet EAGAIN; and accepts again.
  void StopAccepting();
  void AcceptAgain();
  ScannerPlan& plan() { return plan_; }  // of what comes from here on

  std::size_t inside() const { return inside_; }
  std::size_t inside_most() const { return inside_most_; }
  std::size_t requests() const { return requests_; }
  // As it came, the empty line included.
  const std::string& last_request() const { return last_request_; }
  // Hard links kept outside, with what each must still hold: checked by the test at the end.
  const std::map<std::string, std::string>& evidence() const { return evidence_; }

 private:
  class Connection;
  friend class Connection;

  void Enter();
  void Leave();
  void CheckFile(const std::string& queue_id, const std::string& path, bool must_be_there);
  void CheckContent(const std::string& queue_id, const std::string& content, bool may_be_nothing);

  sim::SimWorld& world_;
  sim::SimLoop& loop_;
  Ledger& ledger_;
  ScannerPlan plan_;
  int listener_ = -1;
  std::string at_;
  std::size_t backlog_ = 0;
  bool accepts_ = false;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::map<std::string, std::string> evidence_;
  std::size_t inside_ = 0;
  std::size_t inside_most_ = 0;
  std::size_t requests_ = 0;
  std::string last_request_;
};

}  // namespace relay_sim

#endif  // MILLRACE_TESTS_RELAY_SIM_SCANNER_H_
