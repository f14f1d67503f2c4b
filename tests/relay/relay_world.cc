// Builds the simulated relay, plays sessions, checks the invariants.
#include "tests/relay/relay_world.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "engine/base/check.h"

namespace relay_sim {
namespace {

using engine::Time;

// Keeps lines where a test wants to read them.
class KeepingSink final : public engine::LogSink {
 public:
  KeepingSink(const sim::SimWorld& world, std::vector<std::string>* lines, std::vector<Time>* times)
      : world_(world), lines_(lines), times_(times) {}
  bool Emit(engine::Level level, Time, std::string_view line) noexcept override {
    if (lines_ != nullptr) {
      lines_->push_back(std::string(engine::LevelName(level)) + ": " + std::string(line));
      times_->push_back(world_.now());
    }
    return true;
  }

 private:
  const sim::SimWorld& world_;
  std::vector<std::string>* lines_;
  std::vector<Time>* times_;
};

std::int64_t FixedClock() noexcept {
  return 1'795'316'783;
}

constexpr const char* kMilterPath = "/run/milter.sock";

// Reference conversion, octet by octet: what the spool must hold of a body.
std::string WithLineFeeds(const std::string& body) {
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\r' && i + 1 < body.size() && body[i + 1] == '\n') continue;
    out += body[i];
  }
  return out;
}

std::string ExpectedContent(const milter::Transaction& transaction, relay::Newlines newlines) {
  std::string header;
  for (const milter::HeaderField& field : transaction.headers) {
    header += field.name + ":" + field.value + "\n";
  }
  header += "\n";
  if (newlines == relay::Newlines::kLf) return header + WithLineFeeds(transaction.body);
  std::string text;
  for (const char c : header) {
    if (c == '\n') text += '\r';
    text += c;
  }
  return text + transaction.body;
}

engine::FileWork SpoolWrites(const WorldOptions& options) {
  if (options.spool_writes) return *options.spool_writes;
  const char* text =
      std::getenv("MILLRACE_SIM_SPOOL_WRITES");  // NOLINT(concurrency-mt-unsafe): one thread here
  if (text == nullptr) return engine::FileWork::kAuto;
  const auto work = engine::ParseFileWork(text);
  ENGINE_CHECK(work.has_value());
  return *work;
}

}  // namespace

RelayWorld::RelayWorld(std::uint64_t seed, const WorldOptions& options)
    : world_(seed, options.faults),
      options_(options),
      shared_(relay::TableOptionsOf(options.config.quota, {seed, ~seed})),
      governor_(SpoolWrites(options)),
      log_(std::make_unique<KeepingSink>(
          world_, options.keep_log ? &log_lines_ : nullptr, &log_times_)),
      milter_address_(*engine::ParseAddress(std::string("unix:") + kMilterPath)) {
  limits_ = {.shards = options.shards,
             .sessions_max = options.sessions_max,
             .messages_max = options.messages_max,
             .scanner_connections_max = options.messages_max,
             .descriptors_needed = 0,
             .descriptors_available = 0};
  engine::SpoolDirReport spool;
  spool.reuse_allowed = options.spool_reuse;
  spool.file_system = options.spool_file_system;
  relay::FillSettings(options.config, limits_, {ScannerAddress(0)}, spool, &settings_);
  settings_.spool_limits.floor = {};
  settings_.block_bytes_max = options.block_bytes_max;
  AddScanners();
  listener_ = world_.Listen(kMilterPath, 4096);
  for (std::uint32_t i = 0; i < options.shards; ++i) {
    sim::SimLoop& loop = world_.AddLoop("shard" + std::to_string(i), "/spool/" + std::to_string(i));
    loops_.push_back(&loop);
    pipes_.push_back(std::make_unique<sim::SimPipePool>(world_));
    shards_.push_back(std::make_unique<relay::ShardApp>(relay::ShardParts{settings_,
                                                                          loop,
                                                                          *groups_,
                                                                          shared_,
                                                                          governor_,
                                                                          host_,
                                                                          log_,
                                                                          &FixedClock,
                                                                          i,
                                                                          pipes_.back().get(),
                                                                          seed}));
    loop.Listen(
        listener_,
        [](void* context, int fd) noexcept {
          static_cast<relay::ShardApp*>(context)->Adopt(fd, 0);
        },
        shards_.back().get());
  }
  if (governor_.work() == engine::FileWork::kAuto) world_.WatchStalls(governor_, *loops_[0]);
  peers_ = &world_.AddLoop("peers", "/peers");
  StartScanners();
}

RelayWorld::~RelayWorld() {
  ENGINE_CHECK(finished_);
  if (newest_ != &settings_) newest_->Release();
}

void RelayWorld::Freeze(Time until) {
  for (sim::SimLoop* loop : loops_) {
    if (until == engine::kNever) {
      loop->sim_disk().Freeze();
    } else {
      loop->sim_disk().Stall(world_.now(), until);
    }
  }
}

void RelayWorld::Thaw() {
  for (sim::SimLoop* loop : loops_)
    loop->sim_disk().Thaw();
}

milter::Transaction RelayWorld::MakeTransaction(const SessionMix& mix) {
  sim::SimRandom& random = world_.random();
  milter::Transaction t;
  t.queue_id = "Q" + std::to_string(next_message_++);
  t.sender.address = "<sender-" + t.queue_id + "@example.net>";
  const std::uint64_t recipients = random.Between(1, mix.recipients_max);
  for (std::uint64_t i = 0; i < recipients; ++i) {
    t.recipients.push_back({.address = "<r" + std::to_string(i) + "-" + t.queue_id + "@lab.test>",
                            .arguments = {},
                            .macros = {}});
  }
  t.headers = {{"Subject", " message " + t.queue_id},
               {"X-Odd",
                !mix.odd_space         ? " x"
                : random.Below(2) == 0 ? "\tx"
                                       : ""},
               {"X-Folded", " a\n\tb " + t.queue_id}};
  static constexpr std::string_view kPieces[] = {"\r\n", "\r", "\n", "\r\r\n", "text ", "."};
  const std::uint64_t bytes = random.Below(mix.body_bytes_max + 1);
  while (t.body.size() < bytes) {
    const std::uint64_t piece = random.Below(8);
    t.body += piece < 6 ? std::string(kPieces[piece]) : "body of " + t.queue_id + "\r\n";
  }
  if (random.Chance(mix.stops)) {
    static constexpr milter::Command kStages[] = {
        milter::Command::kMail,
        milter::Command::kRcpt,
        milter::Command::kData,
        milter::Command::kHeader,
        milter::Command::kBody,
        milter::Command::kEndOfHeaders,
        milter::Command::kEndOfMessage,
    };
    t.stop.after = kStages[random.Below(7)];
    const bool early =
        t.stop.after == milter::Command::kMail || t.stop.after == milter::Command::kRcpt;
    t.stop.how = early && random.Below(2) == 0 ? milter::StopHow::kReset : milter::StopHow::kDrop;
  }
  ledger_[t.queue_id].content = ExpectedContent(t, options_.config.spool.newlines);
  return t;
}

milter::MtaScript RelayWorld::MakeScript(const SessionMix& mix) {
  milter::MtaScript script;
  script.macros = {{"j", "mx.lab.test"}, {"v", "Postfix 3.7.11"}, {"daemon_name", "mx.lab.test"}};
  if (mix.clients > 1) {
    const std::uint64_t client = next_message_ * 7919 % mix.clients;
    script.client_address =
        "192.0." + std::to_string(2 + client / 256) + "." + std::to_string(client % 256);
  }
  const std::uint64_t messages = world_.random().Between(1, mix.messages_max);
  for (std::uint64_t i = 0; i < messages; ++i)
    script.transactions.push_back(MakeTransaction(mix));
  return script;
}

SimMailServer& RelayWorld::AddServer(const milter::MtaOptions& options,
                                     milter::MtaScript script,
                                     Time step_every) {
  servers_.push_back(
      std::make_unique<SimMailServer>(*peers_, options, std::move(script), step_every));
  return *servers_.back();
}

SimMailServer& RelayWorld::AddRandomServer(const SessionMix& mix) {
  milter::MtaOptions options;
  if (world_.random().Chance(mix.sendmail)) options.kind = milter::MtaKind::kSendmail;
  static constexpr milter::Offer kOffers[] = {
      {6, milter::kActionsAll, milter::kProtocolAll},
      {6, milter::kActionsAll, milter::kProtocolAll},
      {6, milter::kActionsAll & ~milter::kActQuarantine, 0x37F},
      {4, milter::kActionsAll, 0x37F},
      {2, 0x3F, 0x7F},
  };
  options.offer = kOffers[world_.random().Below(5)];
  SessionMix own = mix;
  own.odd_space = mix.odd_space && (options.offer.protocol & milter::kLeadingSpace) != 0;
  return AddServer(options, MakeScript(own));
}

void RelayWorld::ConnectAt(SimMailServer& server, Time at) {
  world_.At(at, [this, &server] { server.Connect(milter_address_); });
}

bool RelayWorld::RunServers(Time limit) {
  return world_.RunUntil(
      [this] {
        return std::all_of(
            servers_.begin(), servers_.end(), [](const auto& server) { return server->done(); });
      },
      limit);
}

std::uint64_t RelayWorld::Sum(relay::Count count) const {
  std::uint64_t sum = 0;
  for (const auto& shard : shards_)
    sum += shard->counters().Read(count);
  return sum;
}

void RelayWorld::StopShards() {
  if (std::exchange(stopped_, true)) return;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    loops_[i]->StopListening(listener_);
    shards_[i]->Stop(world_.now() + std::chrono::seconds(7));
  }
  world_.streams().CloseListener(listener_);
}

std::vector<std::string> RelayWorld::Finish() {
  for (const auto& server : servers_)
    CheckServer(*server);
  if (passed_ > Sum(relay::Count::kPassedUnscanned) + Sum(relay::Count::kQuarantinedUnscanned))
    world_.Broken("unscanned, and not counted");
  // Orphans end by themselves, within orphan_limit.
  const auto scans = [this] {
    return std::all_of(
        shards_.begin(), shards_.end(), [](const auto& s) { return s->scans() == 0; });
  };
  if (!world_.RunUntil(
          scans,
          world_.now() + settings_.config.scanners[0].orphan_limit + std::chrono::seconds(60))) {
    world_.Broken("a scan does not end");
  }
  CheckSlots();
  // The disk may refuse at any time; removals get their second chance undisturbed.
  world_.faults() = sim::SimFaults();
  Thaw();
  world_.Run(world_.now() + std::chrono::seconds(30));
  StopShards();
  const auto done = [this] {
    return std::all_of(shards_.begin(), shards_.end(), [](const auto& s) { return s->done(); });
  };
  if (!world_.RunUntil(done, world_.now() + std::chrono::seconds(8)))
    world_.Broken("shutdown takes too long");
  CheckQuotas();
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    CheckSpool(i);
    if (shards_[i]->sessions() != 0 || shards_[i]->messages() != 0) world_.Broken("records leaked");
    if (pipes_[i]->taken() != 0) world_.Broken("pipes leaked");
    if (shards_[i]->blocks().bytes_in_use() != 0) world_.Broken("blocks leaked");
  }
  for (const auto& scanner : scanners_) {
    for (const auto& [path, content] : scanner->evidence()) {
      if (world_.files().ReadFile(path) != content)
        world_.Broken("a kept hard link was overwritten: " + path);
    }
  }
  servers_.clear();
  shards_.clear();
  finished_ = true;
  return world_.broken();
}

void RelayWorld::CheckServer(const SimMailServer& server) {
  const milter::MtaSession& session = server.session();
  if (session.error() != milter::MtaError::kNone) {
    world_.Broken("a mail server would call this an error: " +
                  std::string(milter::MtaErrorText(session.error())));
  }
  const std::size_t begun = session.results().size();
  for (std::size_t i = 0; i < begun; ++i) {
    const bool ended = i < session.transactions_done();
    CheckResult(server.script().transactions[i], session.results()[i], ended && !server.lost());
  }
}

// Whether the failure policy lets any message pass of which the scanner has had that much.
bool RelayWorld::MayPass(const LedgerEntry& entry) const {
  const relay::FailureOptions options = relay::FailureOptionsOf(options_.config.listeners[0]);
  if (options.server_delivers && entry.requests > 0) return false;
  return std::any_of(
      relay::kFailureClasses.begin(), relay::kFailureClasses.end(), [this](relay::FailureClass c) {
        const relay::FailureAction action = settings_.listeners[0].failure_policy.ActionOf(c);
        return action == relay::FailureAction::kAccept ||
               action == relay::FailureAction::kQuarantine;
      });
}

void RelayWorld::CheckAccepted(const milter::TransactionResult& result, const std::string& id) {
  const LedgerEntry& entry = ledger_[id];
  const bool of_the_scanner =
      std::any_of(result.edits.begin(), result.edits.end(), [&id](const milter::Edit& edit) {
        return edit.kind != milter::Reply::kQuarantine && edit.value.find(id) != std::string::npos;
      });
  if (MayPass(entry) && !of_the_scanner) {
    ++passed_;
    return;
  }
  if (!entry.reply_left || entry.verdict != ampdp::Verdict::kContinue) {
    world_.Broken(id + " was accepted without the scanner's word");
  }
  if (!edit_marker_checked_) return;
  if (result.edits.size() != 1 || result.edits[0].value.find(id) == std::string::npos) {
    world_.Broken(id + " was accepted without its edits, or with another's");
  }
}

void RelayWorld::CheckResult(const milter::Transaction& transaction,
                             const milter::TransactionResult& result,
                             bool ended) {
  const LedgerEntry& entry = ledger_[transaction.queue_id];
  const std::string& id = transaction.queue_id;
  const bool one_scanner = scanners_.size() == 1;
  if (entry.requests > (one_scanner ? 1 : 2)) world_.Broken(id + " was sent to scanners too often");
  const bool at_end = result.decided_at == milter::Command::kEndOfMessage;
  switch (result.outcome) {
    case milter::Outcome::kNone:
      if (ended && transaction.stop.how == milter::StopHow::kPlayOn)
        world_.Broken(id + " was never answered");
      break;
    case milter::Outcome::kAccepted: CheckAccepted(result, id); break;
    case milter::Outcome::kRejected:
      if (rejects_by_us_) break;
      if (!entry.reply_left || entry.verdict != ampdp::Verdict::kReject || !at_end ||
          result.reply_text.find(id) == std::string::npos) {
        world_.Broken(id + " was rejected without the scanner's word: " + result.reply_text);
      }
      break;
    case milter::Outcome::kDiscarded:
      if (!entry.reply_left || entry.verdict != ampdp::Verdict::kDiscard) {
        world_.Broken(id + " was discarded without the scanner's word");
      }
      break;
    case milter::Outcome::kTempfailed: break;  // always safe; how often is for the scenarios to say
  }
  if (result.outcome != milter::Outcome::kAccepted && !result.edits.empty() &&
      entry.verdict != ampdp::Verdict::kContinue) {
    world_.Broken(id + " was edited without a verdict");
  }
}

}  // namespace relay_sim
