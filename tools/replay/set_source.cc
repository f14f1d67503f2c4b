// Sessions from a folder of transactions, and what the two sources share.
#include "tools/replay/set_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "tools/replay/arrivals.h"

namespace replay {

void Source::Drop(SessionPlan* plan, std::size_t message) {
  plan->script.transactions[message] = {};
  plan->messages[message].loaded.reset();
}

std::string QueueIdOf(std::uint64_t number) {
  return absl::StrFormat("4RP%07X", number);
}

milter::MtaScript ClientScript(const Client& client, milter::MtaKind kind) {
  const bool postfix = kind == milter::MtaKind::kPostfix;
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
  return script;
}

SetSource::SetSource(std::vector<NamedTransaction> transactions, const SetOptions& options)
    : transactions_(std::move(transactions)), options_(options) {
  ENGINE_CHECK(!transactions_.empty() && options_.messages_per_session > 0);
  if (options_.shuffle_seed != 0) {
    Draws draws(options_.shuffle_seed);
    for (std::size_t i = transactions_.size() - 1; i > 0; --i)
      std::swap(transactions_[i], transactions_[draws.Below(i + 1)]);
  }
  for (NamedTransaction& named : transactions_) {
    bodies_.push_back(std::make_shared<const std::string>(std::move(named.transaction.body)));
    named.transaction.body.clear();
  }
}

std::uint64_t SetSource::messages() const {
  return options_.rounds * transactions_.size();
}

engine::Time SetSource::NextBegin() const {
  return options_.rounds != 0 && given_ >= messages() ? engine::kNever : engine::Time{};
}

bool SetSource::Next(std::uint64_t messages_max, SessionPlan* plan) {
  if (NextBegin() == engine::kNever) return false;
  std::uint64_t count = std::min<std::uint64_t>(messages_max, options_.messages_per_session);
  if (options_.rounds != 0) count = std::min(count, messages() - given_);
  given_ += count;
  plan->entry = next_++ % transactions_.size();
  plan->round = given_ / transactions_.size();
  plan->messages.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    plan->messages[i].entry = (plan->entry + i) % transactions_.size();
  return true;
}

absl::Status SetSource::Begin(SessionPlan* plan) {
  plan->kind = options_.kind;
  plan->script = ClientScript(transactions_[plan->entry].client, options_.kind);
  plan->script.transactions.resize(plan->messages.size());
  return absl::OkStatus();
}

absl::Status SetSource::Load(SessionPlan* plan, std::size_t message) {
  MessagePlan& planned = plan->messages[message];
  const NamedTransaction& named = transactions_[planned.entry];
  planned.loaded = std::make_unique<LoadedMessage>();
  planned.loaded->name = named.name;
  planned.loaded->expected = named.expected;
  planned.loaded->body = bodies_[planned.entry];
  milter::Transaction& transaction = plan->script.transactions[message];
  transaction = named.transaction;
  transaction.shared_body = planned.loaded->body.get();
  transaction.queue_id = QueueIdOf(loaded_++);
  return absl::OkStatus();
}

}  // namespace replay
