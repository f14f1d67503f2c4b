// The part of the scanner that its connections share: rules, counts, log ids.
#include "tools/scanner/scanner_app.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/scanner/scanner_connection.h"

namespace scanner {
namespace {

constexpr std::size_t kPoolBytesMax = 1024 * engine::kMiB;

bool IsLateRead(const Rule& rule) {
  return rule.fault == Fault::kLateRead || rule.fault == Fault::kHalfLateRead;
}

}  // namespace

ScannerApp::ScannerApp(engine::Loop& loop, ScannerHost& host, ScannerConfig config)
    : loop_(loop),
      host_(host),
      config_(std::move(config)),
      random_(config_.seed),
      pool_(kPoolBytesMax),
      connections_(config_.connections_max),
      rule_matches_(config_.rules.size()) {}

ScannerApp::~ScannerApp() {
  connections_.ForEach([this](Connection& connection) { connections_.Free(connection); });
}

void ScannerApp::Listen(int fd) {
  loop_.Listen(
      fd,
      [](void* context, int accepted) noexcept {
        static_cast<ScannerApp*>(context)->Accept(accepted);
      },
      this);
}

void ScannerApp::Accept(int fd) {
  ++statistics_.connections;
  Connection* connection = connections_.Make(*this);
  if (connection != nullptr) return connection->Open(fd);
  // Full: through the loop, which alone knows what kind of descriptor this is.
  struct Nobody final : engine::SocketEvents {
    void OnBytes(engine::SocketId, engine::Bytes) noexcept override {}
    void OnTurnEnd(engine::SocketId) noexcept override {}
    engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
      return engine::Drained::kYes;
    }
    void OnWritable(engine::SocketId) noexcept override {}
    void OnGone(engine::SocketId, int) noexcept override {}
  } nobody;
  loop_.Close(loop_.Adopt(fd, nobody, engine::ReadMode::kPaused));
}

void ScannerApp::EnterInside() {
  ++statistics_.requests;
  ++statistics_.inside;
  statistics_.inside_max = std::max(statistics_.inside_max, statistics_.inside);
  if (config_.max_in_flight != 0 && statistics_.inside > config_.max_in_flight) over_limit_ = true;
}

void ScannerApp::LeaveInside() {
  --statistics_.inside;
}

const Rule* ScannerApp::PickLateRule(const ampdp::Request& request) {
  for (std::size_t i = 0; i < config_.rules.size(); ++i) {
    const Rule& rule = config_.rules[i];
    if (IsLateRead(rule) && Applies(rule, request, {}) && CountsUp(i)) return &rule;
  }
  return nullptr;
}

const Rule* ScannerApp::PickRule(const ampdp::Request& request, const Findings& findings) {
  for (std::size_t i = 0; i < config_.rules.size(); ++i) {
    const Rule& rule = config_.rules[i];
    if (!IsLateRead(rule) && Applies(rule, request, findings) && CountsUp(i)) return &rule;
  }
  return nullptr;
}

bool ScannerApp::CountsUp(std::size_t rule) {
  return ++rule_matches_[rule] % config_.rules[rule].every == 0;
}

engine::Time ScannerApp::DelayOf(const Rule* rule) {
  const bool own =
      rule != nullptr && (rule->delay > engine::Time{} || rule->jitter > engine::Time{});
  const engine::Time delay = own ? rule->delay : config_.delay;
  const engine::Time jitter = own ? rule->jitter : config_.jitter;
  if (jitter <= engine::Time{}) return delay;
  std::uniform_int_distribution<std::int64_t> share(0, jitter.count());
  return delay + engine::Time(share(random_));
}

std::string ScannerApp::NextLogId() {
  return absl::StrFormat("%05d-%02d", config_.log_id_number, ++log_count_);
}

std::string StatisticsLine(const Statistics& statistics) {
  const auto verdict = [&statistics](ampdp::Verdict of) {
    return statistics.verdicts[static_cast<std::size_t>(of)];
  };
  return absl::StrCat(absl::StrCat("connections=",
                                   statistics.connections,
                                   " requests=",
                                   statistics.requests,
                                   " inside=",
                                   statistics.inside,
                                   " inside_max=",
                                   statistics.inside_max),
                      absl::StrCat(" continue=",
                                   verdict(ampdp::Verdict::kContinue),
                                   " accept=",
                                   verdict(ampdp::Verdict::kAccept),
                                   " reject=",
                                   verdict(ampdp::Verdict::kReject),
                                   " discard=",
                                   verdict(ampdp::Verdict::kDiscard),
                                   " tempfail=",
                                   verdict(ampdp::Verdict::kTempfail)),
                      absl::StrCat(" fixed=",
                                   statistics.fixed_replies,
                                   " faults=",
                                   statistics.faults,
                                   " late_reads=",
                                   statistics.late_reads,
                                   " broken_requests=",
                                   statistics.broken_requests,
                                   " unreadable_files=",
                                   statistics.unreadable_files,
                                   " gone_while_inside=",
                                   statistics.gone_while_inside));
}

}  // namespace scanner
