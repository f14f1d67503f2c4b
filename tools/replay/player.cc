// Which session begins when, and what wakes whom.
#include "tools/replay/player.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "tools/replay/player_session.h"
#include "tools/replay/set_source.h"

namespace replay {
namespace {

// At once: more would fill backlogs, and keep the sessions that are open waiting.
constexpr int kOpensPerTurn = 64;
constexpr std::uint32_t kIdleOpeningMax = 64;
constexpr engine::Time kTick = std::chrono::seconds(1);  // of the recorder, at least

}  // namespace

engine::Time RealTime(const engine::Loop& /*loop*/) noexcept {
  return engine::MonotonicNow();
}

Player::Player(engine::Loop& loop, PlayerConfig config, Source* source, ResultsRecorder& recorder)
    : loop_(loop),
      config_(std::move(config)),
      source_(source),
      recorder_(recorder),
      arrivals_(config_.arrivals, config_.seed),
      arrivals_due_(arrivals_) {
  ENGINE_CHECK(source_ != nullptr || config_.mode == RunMode::kIdle);
  for (const bool leaves : {false, true}) {
    for (const milter::MtaKind kind : {milter::MtaKind::kPostfix, milter::MtaKind::kSendmail}) {
      mta_options_[static_cast<std::size_t>(kind)][leaves ? 1 : 0] = {
          .kind = kind, .paced = true, .quit = !leaves};
    }
    SmtpOptions& smtp = smtp_options_[leaves ? 1 : 0];
    smtp = config_.smtp;
    smtp.paced = true;
    smtp.quit = !leaves;
  }
  timer_.owner = this;
  timer_.fire = [](engine::Timer& timer, engine::Time) noexcept {
    static_cast<OwnedTimer&>(timer).owner->Serve();
  };
}

Player::~Player() {
  loop_.Cancel(timer_);
}

void Player::Start() {
  begin_ = Now();
  next_tick_ = begin_ + kTick;
  Serve();
}

void Player::Stop() {
  if (std::exchange(stopping_, true)) return;
  for (const std::unique_ptr<Session>& session : slots_) {
    if (session != nullptr) session->OnStop();
  }
  Arm();
}

bool Player::NothingLeft() const {
  if (stopping_ || config_.mode == RunMode::kIdle) return true;
  if (config_.messages != 0 && begun_ >= config_.messages) return true;
  return NextArrival() == engine::kNever;
}

engine::Time Player::Recorded(engine::Time time) const {
  if (config_.speed == 1) return time;
  return engine::Time(
      static_cast<engine::Time::rep>(static_cast<double>(time.count()) / config_.speed));
}

// When the next session may begin; kNever: there is none left.
engine::Time Player::NextArrival() const {
  const engine::Time recorded = source_->NextBegin();
  if (recorded == engine::kNever) return engine::kNever;
  if (!open_loop()) return begin_;
  if (config_.recorded_times) return begin_ + Recorded(recorded);
  const engine::Time arrival = arrivals_.Peek();
  return arrival == engine::kNever ? engine::kNever : begin_ + arrival;
}

void Player::Serve() {
  const engine::Time now = Now();
  CountDue(now);  // before the second that ends is closed
  recorder_.Tick(now);
  while (next_tick_ <= now)
    next_tick_ += kTick;
  Reap();
  WakeSessions(now);
  OpenIdle();
  OpenSessions(now);
  Arm();
}

void Player::Reap() {
  for (std::size_t i = 0; i < ended_.size(); ++i) {
    const std::size_t slot = ended_[i];
    if (slots_[slot]->idle()) {
      if (!slots_[slot]->stands()) --idle_opening_;
    } else {
      --active_;
    }
    slots_[slot].reset();
    free_slots_.push_back(slot);
  }
  ended_.clear();
}

// What is due counts as scheduled, begun or not. In a closed loop the sessions count.
void Player::CountDue(engine::Time now) {
  if (!open_loop() || stopping_) return;
  std::uint64_t due = 0;
  while (config_.messages == 0 || counted_due_ < config_.messages) {
    const engine::Time next = config_.recorded_times ? source_->NextDue() : arrivals_due_.Peek();
    if (next == engine::kNever) break;
    if (begin_ + (config_.recorded_times ? Recorded(next) : next) > now) break;
    config_.recorded_times ? source_->PopDue() : arrivals_due_.Pop();
    ++counted_due_;
    ++due;
  }
  if (due > 0) recorder_.Scheduled(due);
}

void Player::WakeSessions(engine::Time now) {
  while (!wakes_.empty() && wakes_.top().at <= now) {
    const Wake wake = wakes_.top();
    wakes_.pop();
    Session* session = slots_[wake.slot].get();
    if (session != nullptr && session->number() == wake.number) session->OnWake();
  }
}

void Player::OpenSessions(engine::Time now) {
  more_to_open_ = false;
  for (int opened = 0; active_ < config_.sessions && !NothingLeft(); ++opened) {
    if (NextArrival() > now) return;
    more_to_open_ = opened == kOpensPerTurn;
    if (more_to_open_ || !OpenNext(now)) return;
  }
}

bool Player::OpenNext(engine::Time now) {
  SessionPlan plan;
  const engine::Time due = open_loop() ? NextArrival() : now;
  const std::uint64_t left = config_.messages == 0 ? UINT64_MAX : config_.messages - begun_;
  if (!source_->Next(left, &plan)) return false;
  begun_ += plan.messages.size();
  if (open_loop()) Schedule(due, &plan);
  ++active_;
  SessionTask task{.number = next_number_++, .due = due};
  Draws draws(config_.seed ^ (task.number * 0x9e3779b97f4a7c15U));
  task.aborts = draws.Fraction() < config_.abort_share;
  task.abort_stage = static_cast<AbortStage>(draws.Below(kAbortStages));
  task.slow = draws.Fraction() < config_.slow_share;
  Add(task, std::move(plan));
  return true;
}

void Player::Add(SessionTask task, SessionPlan plan) {
  if (free_slots_.empty()) {
    free_slots_.push_back(slots_.size());
    slots_.emplace_back();
  }
  task.slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[task.slot] = std::make_unique<Session>(*this, task, std::move(plan));
  slots_[task.slot]->Open();
}

// Sets when the messages of a session that is due at `at` are due themselves.
void Player::Schedule(engine::Time at, SessionPlan* plan) {
  for (std::size_t i = 0; i < plan->messages.size(); ++i) {
    MessagePlan& message = plan->messages[i];
    const bool own_time = i > 0 || config_.recorded_pace;
    if (config_.recorded_times) {
      message.due = own_time ? at + Recorded(message.offset) : at;
    } else {
      message.due = begin_ + arrivals_.Peek();
      arrivals_.Pop();
    }
  }
}

// A few at a time: hundreds of connects at once would overrun the backlog.
void Player::OpenIdle() {
  while (idle_begun_ < config_.idle && idle_opening_ < kIdleOpeningMax && !stopping_) {
    ++idle_begun_;
    ++idle_opening_;
    SessionPlan plan{.kind = config_.idle_kind};
    plan.script = ClientScript(Client(), config_.idle_kind);
    Add({.number = next_number_++, .due = Now(), .idle = true}, std::move(plan));
  }
}

engine::Time Player::NextDue() const {
  if (!ended_.empty() || more_to_open_) return engine::Time{};
  engine::Time next = next_tick_;
  if (!wakes_.empty()) next = std::min(next, wakes_.top().at);
  if (active_ < config_.sessions && !NothingLeft()) next = std::min(next, NextArrival());
  return next;
}

void Player::Arm() {
  // A time that has passed fires in the next turn; one that has only just come, a tick later.
  const engine::Time next = NextDue();
  loop_.Set(timer_, next <= loop_.now() ? engine::Time{} : next);
}

void Player::WakeAt(const Session& session, engine::Time at) {
  wakes_.push({.at = at, .number = session.number(), .slot = session.slot()});
  Arm();
}

void Player::OnEnded(const Session& session) {
  ended_.push_back(session.slot());
  Arm();
}

void Player::OnStands() {
  --idle_opening_;
  if (idle_begun_ < config_.idle) loop_.Set(timer_, engine::Time{});
}

}  // namespace replay
