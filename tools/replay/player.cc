// Which session plays what, and when the next one begins.
#include "tools/replay/player.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "tools/replay/player_session.h"

namespace replay {

Player::Player(engine::Loop& loop,
               PlayerConfig config,
               const std::vector<NamedTransaction>& transactions)
    : loop_(loop),
      config_(std::move(config)),
      transactions_(transactions),
      options_{.kind = config_.kind},
      idle_options_{.kind = config_.kind, .paced = true},
      abort_options_{.kind = config_.kind, .quit = false},
      random_(config_.seed) {
  ENGINE_CHECK(!transactions_.empty());
  BuildScripts();
}

Player::~Player() = default;

milter::MtaScript Player::MakeScript(std::size_t first, std::uint32_t count) const {
  const Client& client = transactions_[first].client;
  const bool postfix = config_.kind == milter::MtaKind::kPostfix;
  milter::MtaScript script;
  script.client_name = client.name;
  script.client_address = client.address;
  script.client_port = client.port;
  script.client_family = client.address.find(':') == std::string::npos ? '4' : '6';
  script.helo = client.helo;
  script.macros = {{"j", "mx.lab.test"},
                   {"daemon_name", postfix ? "mx.lab.test" : "MTA-v4"},
                   {"v", postfix ? "Postfix 3.7.11" : "8.17.1.9"},
                   {"client_name", client.name},
                   {"client_addr", client.address}};
  for (std::uint32_t i = 0; i < count; ++i) {
    script.transactions.push_back(transactions_[(first + i) % transactions_.size()].transaction);
    script.transactions.back().queue_id = absl::StrFormat("4RP%03X%04X", first, i);
  }
  return script;
}

void Player::BuildScripts() {
  for (std::size_t first = 0; first < transactions_.size(); ++first) {
    if (config_.messages > 0)
      load_scripts_.push_back(MakeScript(first, config_.messages_per_session));
    if (config_.messages > 0 && config_.abort_share > 0) {
      abort_scripts_.push_back(MakeScript(first, 1));
      abort_scripts_.back().transactions[0].stop = {.how = milter::StopHow::kDrop,
                                                    .after = milter::Command::kEndOfMessage};
    }
    if (config_.once || load_scripts_.empty()) once_scripts_.push_back(MakeScript(first, 1));
  }
}

const milter::MtaScript& Player::ScriptOf(Purpose purpose, std::size_t transaction) const {
  switch (purpose) {
    case Purpose::kLoad: return load_scripts_[transaction];
    case Purpose::kAbort: return abort_scripts_[transaction];
    case Purpose::kIdle: return once_scripts_.empty() ? load_scripts_[0] : once_scripts_[0];
    case Purpose::kOnce: return once_scripts_[transaction];
  }
  return load_scripts_[transaction];
}

void Player::Start() {
  result_.first = result_.last = engine::MonotonicNow();
  for (std::size_t i = 0; i < config_.idle; ++i) {
    idle_.push_back(std::make_unique<Session>(
        *this, idle_options_, Session::Task{.purpose = Purpose::kIdle, .slot = SIZE_MAX}));
    idle_.back()->Open();
  }
  sessions_.resize(config_.once ? 1 : config_.sessions);
  for (std::size_t slot = 0; slot < sessions_.size(); ++slot) {
    if (!StartNext(slot)) return;
  }
}

bool Player::done() const {
  if (active_ > 0) return false;
  if (stopping_) return true;
  if (config_.once) return next_transaction_ >= transactions_.size();
  return begun_ >= config_.messages;
}

bool Player::StartNext(std::size_t slot) {
  if (stopping_) return false;
  if (config_.once) {
    if (next_transaction_ >= transactions_.size()) return false;
    Open(slot, Purpose::kOnce, next_transaction_++);
    return true;
  }
  if (begun_ >= config_.messages) return false;
  const bool abort = std::uniform_real_distribution<>(0, 1)(random_) < config_.abort_share;
  begun_ += abort ? 1 : config_.messages_per_session;
  Open(slot, abort ? Purpose::kAbort : Purpose::kLoad, next_transaction_++ % transactions_.size());
  return true;
}

void Player::Open(std::size_t slot, Purpose purpose, std::size_t transaction) {
  ++active_;
  const milter::MtaOptions& options = purpose == Purpose::kAbort ? abort_options_ : options_;
  sessions_[slot] = std::make_unique<Session>(
      *this, options, Session::Task{.purpose = purpose, .slot = slot, .transaction = transaction});
  sessions_[slot]->Open();
}

void Player::OnDone(std::size_t slot) {
  if (slot == SIZE_MAX) return;  // an idle one: stays closed, and is counted
  sessions_[slot].reset();
  --active_;
  StartNext(slot);
}

}  // namespace replay
