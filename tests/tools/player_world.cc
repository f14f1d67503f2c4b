// Runs of the player in virtual time.
#include "tests/tools/player_world.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

namespace replay {

NamedTransaction TransactionTo(const std::string& recipient) {
  NamedTransaction named{.name = recipient.substr(1, recipient.find('@') - 1)};
  named.transaction.sender.address = "<a@b>";
  named.transaction.recipients.emplace_back().address = recipient;
  milter::SplitMessage("Subject: x\n\nbody\n", &named.transaction);
  return named;
}

std::unique_ptr<SetSource> SetOf(const std::vector<std::string>& recipients,
                                 const SetOptions& options) {
  std::vector<NamedTransaction> set;
  for (const std::string& recipient : recipients)
    set.push_back(TransactionTo(recipient));
  return std::make_unique<SetSource>(std::move(set), options);
}

PlannedSource::PlannedSource(std::vector<Session> sessions, bool first_with_session)
    : sessions_(std::move(sessions)) {
  for (const Session& session : sessions_) {
    for (std::size_t i = 0; i < session.messages.size(); ++i)
      dues_.push_back(i == 0 && first_with_session ? session.at : session.messages[i].at);
  }
  std::sort(dues_.begin(), dues_.end());
}

engine::Time PlannedSource::NextBegin() const {
  return next_ < sessions_.size() ? sessions_[next_].at : engine::kNever;
}

bool PlannedSource::Next(std::uint64_t /*messages_max*/, SessionPlan* plan) {
  if (next_ == sessions_.size()) return false;
  const Session& session = sessions_[next_];
  plan->entry = next_++;
  plan->messages.resize(session.messages.size());
  for (std::size_t i = 0; i < session.messages.size(); ++i) {
    plan->messages[i].entry = i;
    plan->messages[i].offset = session.messages[i].at - session.at;
  }
  return true;
}

absl::Status PlannedSource::Begin(SessionPlan* plan) {
  plan->kind = kind;
  plan->script = ClientScript(Client(), kind);
  plan->script.transactions.resize(plan->messages.size());
  plan->helo_offset = sessions_[plan->entry].helo_offset;
  return absl::OkStatus();
}

absl::Status PlannedSource::Load(SessionPlan* plan, std::size_t message) {
  const std::uint64_t entry = plan->messages[message].entry;
  if (fails_to_load && (plan->entry + entry) % 2 == 1) return absl::DataLossError("damaged");
  const Message& planned = sessions_[plan->entry].messages[entry];
  plan->script.transactions[message] = TransactionTo("<ok@x>").transaction;
  std::vector<milter::EnvelopeAddress>& recipients = plan->script.transactions[message].recipients;
  while (recipients.size() < planned.rcpt_us.size())
    recipients.push_back(recipients.back());
  auto loaded = std::make_unique<LoadedMessage>();
  loaded->name = "planned";
  loaded->session = plan->entry;
  loaded->index = static_cast<std::uint32_t>(message);
  loaded->steps = {
      .rcpt_us = planned.rcpt_us, .data_us = planned.data_us, .content_us = planned.content_us};
  plan->messages[message].loaded = std::move(loaded);
  return absl::OkStatus();
}

engine::Time PlannedSource::NextDue() const {
  return next_due_ < dues_.size() ? dues_[next_due_] : engine::kNever;
}

void PlayerWorld::Start(PlayerConfig config, Source* source) {
  config.address = *engine::ParseAddress(kMilterSocket);
  config.clock = [](const engine::Loop& of) noexcept { return of.now(); };
  start_ = loop.now();
  recorder_ = std::make_unique<ResultsRecorder>(RunDescription{.mode = config.mode}, start_);
  player = std::make_unique<Player>(loop, std::move(config), source, *recorder_);
  player->Start();
}

const RunResults& PlayerWorld::Play(PlayerConfig config, Source* source) {
  Start(std::move(config), source);
  const engine::Time limit = world.now() + std::chrono::hours(1);
  EXPECT_TRUE(world.RunUntil([this] { return player->done(); }, limit));
  recorder_->Finish(loop.now());
  return results();
}

}  // namespace replay
