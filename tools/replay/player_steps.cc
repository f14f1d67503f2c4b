// The messages of a session, and when its client does what.
#include <algorithm>
#include <utility>

#include "tools/replay/player_session.h"

namespace replay {

using milter::ClientStep;
using milter::Command;

namespace {

constexpr const char* kDamaged = "trace: damaged record";
constexpr const char* kCutShort = "session over before all its messages";

}  // namespace

// Reads what is to be played. False: it has ended.
bool Player::Session::Begin() {
  if (!idle() && !player_.source_->Begin(&plan_).ok()) {
    End(kDamaged);
    return false;
  }
  const bool has_messages = !plan_.messages.empty();
  LoadNext(0);
  if (has_messages && plan_.messages.empty()) {
    End("");
    return false;
  }
  if (player_.config_.target == RunTarget::kSmtp) {
    conversation_ = MakeSmtpConversation(player_.smtp_options_[task_.aborts ? 1 : 0], plan_.script);
  } else {
    const auto kind = static_cast<std::size_t>(plan_.kind);
    conversation_ =
        MakeMilterConversation(player_.mta_options_[kind][task_.aborts ? 1 : 0], plan_.script);
  }
  if (has_messages && !player_.config_.recorded_pace) BeginMessage(opened_);
  return true;
}

// Loads a message, or the first one behind it that can be read.
void Player::Session::LoadNext(std::size_t message) {
  const auto at = static_cast<std::ptrdiff_t>(message);
  while (message < plan_.messages.size()) {
    if (player_.source_->Load(&plan_, message).ok()) break;
    player_.recorder_.Failed(kDamaged);
    plan_.messages.erase(plan_.messages.begin() + at);
    plan_.script.transactions.erase(plan_.script.transactions.begin() + at);
  }
  if (task_.aborts && message + 1 == plan_.messages.size()) SetAbort(message);
}

void Player::Session::SetAbort(std::size_t message) {
  milter::Transaction& transaction = plan_.script.transactions[message];
  Command after = Command::kEndOfMessage;
  switch (task_.abort_stage) {
    case AbortStage::kMail: after = Command::kMail; break;
    case AbortStage::kRcpt: after = Command::kRcpt; break;
    case AbortStage::kData: after = Command::kData; break;
    case AbortStage::kContent:
      after = milter::BodyOf(transaction).empty() ? Command::kEndOfHeaders : Command::kBody;
      break;
    case AbortStage::kVerdict: break;
  }
  transaction.stop = {.how = milter::StopHow::kDrop, .after = after};
}

// True for the step with which the client begins a message that is not begun.
bool Player::Session::BeginsMessage(ClientStep step) const {
  if (begun_ > done_ || begun_ >= plan_.messages.size()) return false;
  const bool again = step == ClientStep::kHelo && helos_ >= plan_.script.helo_count;
  return step == ClientStep::kMail || step == ClientStep::kUnknown || again;
}

// Whether the client does its next step now; if not, the session waits for the time.
bool Player::Session::MayGo(ClientStep step) {
  if (idle()) {
    if (step == ClientStep::kConnect || step == ClientStep::kHelo) return true;
    if (!std::exchange(stands_, true)) {
      player_.recorder_.IdleOpened();
      player_.OnStands();
    }
    return false;
  }
  if (player_.stopping_ && BeginsMessage(step)) {
    End("");
    return false;
  }
  engine::Time due = DueOf(step);
  if (due == engine::Time{} && !task_.slow) return true;
  const engine::Time now = player_.Now();
  if (!ready_) ready_ = now;
  if (task_.slow) due = std::max(due, *ready_ + player_.config_.slow_step);
  if (due <= now) return true;
  if (std::exchange(wake_, due) != due) player_.WakeAt(*this, due);
  return false;
}

engine::Time Player::Session::Paced(engine::Time since, engine::Time offset) const {
  return player_.config_.recorded_pace ? since + player_.Recorded(offset) : engine::Time{};
}

// When the client does its next step; zero: as soon as it can.
engine::Time Player::Session::DueOf(ClientStep step) const {
  const engine::Time session = player_.open_loop() ? task_.due : opened_;
  if (BeginsMessage(step)) {
    const MessagePlan& message = plan_.messages[begun_];
    engine::Time due = message.due;
    if (!player_.open_loop() && begun_ == 0) due = Paced(session, message.offset);
    if (step != ClientStep::kMail) return due;
    return std::max(due, Paced(due, std::chrono::microseconds(message.loaded->steps.mail_us)));
  }
  if (!player_.config_.recorded_pace) return {};
  if (step == ClientStep::kConnect) return Paced(session, plan_.connect_offset);
  if (step == ClientStep::kHelo && helos_ == 0) return Paced(session, plan_.helo_offset);
  if (begun_ == done_) return {};
  const MessagePlan& message = plan_.messages[begun_ - 1];
  const StepTimes& steps = message.loaded->steps;
  std::uint64_t offset_us = 0;
  if (step == ClientStep::kMail) {
    offset_us = steps.mail_us;
  } else if (step == ClientStep::kRcpt && rcpts_ < steps.rcpt_us.size()) {
    offset_us = steps.rcpt_us[rcpts_];
  } else if (step == ClientStep::kData) {
    offset_us = steps.data_us;
  } else if (step == ClientStep::kContent) {
    offset_us = steps.content_us;
  }
  return Paced(message.due, std::chrono::microseconds(offset_us));
}

void Player::Session::OnStep(ClientStep step) {
  ready_.reset();
  if (BeginsMessage(step)) BeginMessage(player_.Now());
  if (step == ClientStep::kRcpt) ++rcpts_;
  if (step == ClientStep::kHelo) ++helos_;
}

void Player::Session::BeginMessage(engine::Time now) {
  MessagePlan& message = plan_.messages[begun_++];
  if (player_.open_loop()) {
    lateness_ = std::max(engine::Time{}, now - message.due);
  } else {
    message.due = now;
    player_.recorder_.Scheduled();
  }
  player_.recorder_.Started(lateness_);
  if (task_.slow) player_.recorder_.Slow();
  end_sent_.reset();
  rcpts_ = 0;
  LoadNext(begun_);
}

void Player::Session::NoteEnds() {
  while (done_ < begun_ && done_ < conversation_->transactions_done())
    EndMessage(done_++);
}

// What came before the message is not needed any more; of itself, octets may still have to be sent.
void Player::Session::EndMessage(std::size_t message) {
  const milter::TransactionResult& result = ResultOf(message);
  const engine::Time now = player_.Now();
  const bool left = plan_.script.transactions[message].stop.how != milter::StopHow::kPlayOn &&
                    result.outcome == milter::Outcome::kNone;
  if (left) {
    player_.recorder_.Aborted();
  } else {
    MessageEnd end{.outcome = result.outcome, .transaction = now - plan_.messages[message].due};
    if (end_sent_) {
      end.verdict = now - *end_sent_;
      end.end_of_message = *end.verdict + lateness_;
    }
    player_.recorder_.Finished(end);
  }
  // What the player itself broke off says nothing of the verdict.
  const bool broken_off = left && task_.aborts && message + 1 == plan_.messages.size();
  if (!broken_off) Compare(message);
  end_sent_.reset();
  if (message > 0) Source::Drop(&plan_, message - 1);
}

// Nothing has come of a message that its session did not get to.
const milter::TransactionResult& Player::Session::ResultOf(std::size_t message) const {
  static const milter::TransactionResult kNothing;
  const std::vector<milter::TransactionResult>& results = conversation_->results();
  return message < results.size() ? results[message] : kNothing;
}

// A message that ended without a verdict is compared too: all its recipients were refused, or the
// filter left the session.
void Player::Session::Compare(std::size_t message) {
  const LoadedMessage& loaded = *plan_.messages[message].loaded;
  if (!loaded.recorded) return;
  const milter::TransactionResult& result = ResultOf(message);
  const std::string& queue_id = plan_.script.transactions[message].queue_id;
  std::string difference = VerdictDifference(
      {*loaded.recorded, loaded.recorded_queue_id}, {result, queue_id}, player_.config_.diff);
  if (difference.empty()) return player_.recorder_.SameVerdict();
  player_.recorder_.Changed({.session = loaded.session,
                             .message = loaded.index,
                             .queue_id = queue_id,
                             .recorded = VerdictText(*loaded.recorded),
                             .played = VerdictText(result),
                             .difference = std::move(difference)});
}

void Player::Session::OnStop() {
  if (!ended_ && connected_ && !idle() && BeginsMessage(conversation_->next_step())) End("");
}

// How the session ended, and with it the message that was under way.
void Player::Session::ReportEnd(const std::string& error) {
  ResultsRecorder& recorder = player_.recorder_;
  if (idle()) {
    if (stands_) recorder.IdleClosed();
    return recorder.Failed(error.empty() ? "idle session ended" : error);
  }
  const bool in_flight = begun_ > done_;
  if (!error.empty()) {
    recorder.Failed(error, in_flight ? 1 : 0);
  } else if (in_flight) {
    EndMessage(done_);
  }
  // The filter refused the session, or accepted it unseen.
  const bool cut_short = begun_ < plan_.messages.size() && connected_ && !player_.stopping_;
  if (error.empty() && cut_short) recorder.Failed(kCutShort);
  if (error.empty() && connected_) recorder.SessionFinished();
  if (player_.config_.mode != RunMode::kOnce || plan_.messages.empty()) return;
  if (plan_.messages.front().loaded == nullptr) return;  // its session's record is damaged
  const LoadedMessage& loaded = *plan_.messages.front().loaded;
  PlayedTransaction played{.name = loaded.name, .expected = loaded.expected, .error = error};
  if (conversation_ != nullptr && !conversation_->results().empty())
    played.result = conversation_->results().front();
  played.time = player_.Now() - opened_;
  recorder.Played(std::move(played));
}

}  // namespace replay
