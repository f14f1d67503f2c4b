// A whole relay in the simulated world: shards, scanners, mail servers that play random
// sessions, and the invariants.
//
//   SimMailServer x n --milter--> ShardApp x shards --AM.PDP--> SimScanner
//                     '-------------- Ledger: what each message is, and what was answered
//                     --------------'
//
// Invariants (checked by Finish()): every message that a mail server finished was answered exactly
// once, and the answer is the scanner's whole reply or a temporary failure (where the failure
// policy allows one, also a counted pass; with -D server only of what the scanner never had); no
// edit without a whole reply; the scanner never saw another message's content; no slot is leaked or
// shared; after Stop() nothing is left in the spool, and every quota is back at zero; with
// --spool-writes=async no file call was made in a shard.
//
// The stall monitor's part is played in virtual time (tests/sim/sim_stalls.h).
// MILLRACE_SIM_SPOOL_WRITES=inline|async|auto: for worlds that do not say otherwise.
#ifndef MILLRACE_TESTS_RELAY_RELAY_WORLD_H_
#define MILLRACE_TESTS_RELAY_RELAY_WORLD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/log.h"
#include "engine/io/stall_governor.h"
#include "relay/shard_app.h"
#include "tests/relay/sim_mail_server.h"
#include "tests/relay/sim_scanner.h"
#include "tests/sim/sim_world.h"

namespace relay_sim {

// A scanner beside the first one.
struct WorldScanner {
  ScannerPlan plan{};
  std::uint32_t slots = relay::ScannerSpec::kLimitMax;
  std::uint32_t weight = 1;
  std::string group{};
  std::size_t backlog = 4096;
};

struct WorldOptions {
  bool keep_log = false;
  std::uint32_t shards = 2;
  std::uint32_t scanner_slots = relay::ScannerSpec::kLimitMax;
  std::vector<WorldScanner> more_scanners{};
  ScannerPlan scanner{};
  sim::SimFaults faults{};
  relay::Config config{};
  std::uint32_t sessions_max = 1000;
  std::uint32_t messages_max = 500;
  std::size_t scanner_backlog = 4096;
  bool spool_reuse = true;
  std::string spool_file_system = "tmpfs";
  std::size_t block_bytes_max = 512 * engine::kMiB;  // of each shard
  std::optional<engine::FileWork> spool_writes =
      std::nullopt;  // not set: MILLRACE_SIM_SPOOL_WRITES, or auto
};

// What a random session is made of.
struct SessionMix {
  std::uint32_t messages_max = 4;
  std::uint32_t recipients_max = 5;
  std::uint32_t body_bytes_max = 20000;
  sim::PerMillion stops = 0;  // per message: reset or dropped somewhere
  sim::PerMillion sendmail = 300'000;
  std::uint32_t clients = 1;  // addresses that sessions come from: 192.0.2.1 and on
  bool odd_space = true;      // header white space that only HDR_LEADSPC carries
};

class RelayWorld {
 public:
  RelayWorld(std::uint64_t seed, const WorldOptions& options);
  ~RelayWorld();
  RelayWorld(const RelayWorld&) = delete;
  RelayWorld& operator=(const RelayWorld&) = delete;

  // A message with a queue id of its own, entered in the ledger.
  milter::Transaction MakeTransaction(const SessionMix& mix);
  milter::MtaScript MakeScript(const SessionMix& mix);
  SimMailServer& AddServer(const milter::MtaOptions& options,
                           milter::MtaScript script,
                           engine::Time step_every = {});
  SimMailServer& AddRandomServer(const SessionMix& mix);

  // Connects the server at virtual time `at`.
  void ConnectAt(SimMailServer& server, engine::Time at);
  // Runs until all servers are done; false: not before `limit`.
  bool RunServers(engine::Time limit);
  // SIGTERM, in the middle of whatever goes on: nobody connects any more, all shards stop.
  void StopShards();
  // Waits for orphans, stops the shards, and answers what was broken; empty: nothing.
  std::vector<std::string> Finish();

  // A reload that all shards take at once; the scanners stay what they are.
  void Reload(const relay::Config& config);
  // One that brings scanners and groups, too: scanners[i] of `config` listens where the world's
  // scanner which[i] does. Shards take it one after the other, within two seconds; false: the last
  // one is still under way.
  bool ReloadScanners(const relay::Config& config, const std::vector<std::size_t>& which);
  // Generations of settings, but for the first.
  std::uint32_t generations_alive() const { return generations_alive_.load(); }

  // For scenarios that give up an invariant on purpose: edits of our own, rejects of our own.
  void set_edit_marker_checked(bool checked) { edit_marker_checked_ = checked; }
  void set_rejects_by_us(bool allowed) { rejects_by_us_ = allowed; }

  sim::SimWorld& world() { return world_; }
  engine::Loop& peer_loop() { return *peers_; }
  const engine::Address& milter_address() const { return milter_address_; }
  SimScanner& scanner(std::size_t index = 0) { return *scanners_[index]; }
  engine::Log& log() { return log_; }
  // With WorldOptions::keep_log: "level: line".
  const std::vector<std::string>& log_lines() const { return log_lines_; }
  const std::vector<engine::Time>& log_times() const { return log_times_; }  // of each, virtual
  Ledger& ledger() { return ledger_; }
  const relay::SharedCounts& shared() const { return shared_; }
  relay::ScannerGroups& groups() { return *groups_; }
  engine::SlotPool& slots() { return groups_->at(0).slots(); }
  relay::ShardApp& shard(std::size_t index) { return *shards_[index]; }
  sim::SimDisk& disk(std::size_t index) { return loops_[index]->sim_disk(); }
  engine::StallGovernor& governor() { return governor_; }
  // All shards' disks; nothing ends before `until` (kNever: before Thaw()).
  void Freeze(engine::Time until);
  void Thaw();
  std::uint64_t Sum(relay::Count count) const;
  const std::vector<std::unique_ptr<SimMailServer>>& servers() const { return servers_; }

 private:
  std::unique_ptr<relay::Settings> NextSettings(const relay::Config& config,
                                                const std::vector<engine::Address>& scanners);
  void CheckQuotas();
  // relay_world_scanners.cc
  static engine::Address ScannerAddress(std::size_t index);
  void AddScanners();
  void StartScanners();
  void CheckSlots();
  void CheckSpool(std::size_t shard);
  void CheckServer(const SimMailServer& server);
  bool MayPass(const LedgerEntry& entry) const;
  void CheckAccepted(const milter::TransactionResult& result, const std::string& id);
  void CheckResult(const milter::Transaction& transaction,
                   const milter::TransactionResult& result,
                   bool ended);

  struct QuietHost final : relay::ShardHost {
    void OnSessionEnded() noexcept override {}
    void OnDone() noexcept override {}
  };

  sim::SimWorld world_;
  WorldOptions options_;
  relay::Settings settings_;
  relay::Limits limits_;
  std::atomic<std::uint32_t> generations_alive_{0};
  const relay::Settings* newest_ = &settings_;
  std::size_t shards_without_newest_ = 0;
  std::unique_ptr<relay::ScannerGroups> groups_;
  relay::SharedCounts shared_;
  engine::StallGovernor governor_;
  QuietHost host_;
  std::vector<std::string> log_lines_;
  std::vector<engine::Time> log_times_;
  engine::Log log_;
  Ledger ledger_;
  engine::Address milter_address_;
  std::vector<sim::SimLoop*> loops_;
  std::vector<std::unique_ptr<sim::SimPipePool>> pipes_;
  std::vector<std::unique_ptr<relay::ShardApp>> shards_;
  sim::SimLoop* peers_ = nullptr;
  std::vector<std::unique_ptr<SimScanner>> scanners_;
  std::vector<std::unique_ptr<SimMailServer>> servers_;
  int listener_ = -1;
  std::uint64_t next_message_ = 0;
  std::uint64_t passed_ = 0;  // accepted without the scanner's word, as the failure policy allows
  bool edit_marker_checked_ = true;
  bool rejects_by_us_ = false;
  bool stopped_ = false;
  bool finished_ = false;
};

}  // namespace relay_sim

#endif  // MILLRACE_TESTS_RELAY_RELAY_WORLD_H_
