// The phases are set by the thread (made, failed, left) and by the group (running, free) in turn;
// each waits for the other's on the atomic itself.
#include "engine/io/shard.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace engine {

Shard::Shard(ShardGroup& group, ShardId id, ShardApp& app, ShardOptions options) noexcept
    : group_(group), id_(id), app_(app), options_(std::move(options)) {
  for (std::uint32_t i = 0; i < kListenersMax; ++i)
    listenings_[i] = {this, i, -1};
  for (HandOver& hand_over : hand_overs_)
    hand_over.from = this;
  look_.shard = this;
  look_.fire = [](Timer& timer, Time now) noexcept {
    static_cast<LookTimer&>(timer).shard->Look(now);
  };
}

void Shard::Enter(Phase phase) noexcept {
  phase_.store(phase, std::memory_order_release);
  phase_.notify_all();
}

Shard::Phase Shard::AwaitNot(Phase phase) const noexcept {
  phase_.wait(phase, std::memory_order_acquire);
  return phase_.load(std::memory_order_acquire);
}

absl::Status Shard::Make() {
  StallMonitor* const monitor = options_.stall_monitor;
  if (monitor != nullptr) options_.disk.calls = &monitor->calls(id_);
  absl::StatusOr<std::unique_ptr<PosixDisk>> disk = PosixDisk::Open(options_.disk);
  if (!disk.ok()) return disk.status();
  disk_ = *std::move(disk);
  options_.disk.calls = monitor != nullptr ? &monitor->file_thread_calls(id_) : nullptr;
  disk = PosixDisk::Open(options_.disk);
  if (!disk.ok()) return disk.status();
  file_thread_disk_ = *std::move(disk);
  // Nobody watches: it works only once others have shown that the disk stalls.
  options_.disk.calls = nullptr;
  disk = PosixDisk::Open(options_.disk);
  if (!disk.ok()) return disk.status();
  heavy_file_disk_ = *std::move(disk);
  absl::StatusOr<std::unique_ptr<Loop>> loop =
      MakeLoop(options_.io,
               {.disk = disk_.get(),
                .file_thread_disk = file_thread_disk_.get(),
                .heavy_file_disk = heavy_file_disk_.get(),
                .stalls = options_.stalls,
                .turn_clock = &group_.placement().clock(id_),
                .sockets_max = options_.sockets_max,
                .turns = options_.turns});
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  disk_->CloseFoldersBy(loop_.get());
  return absl::OkStatus();
}

void Shard::Run() noexcept {
  char name[16] = {};  // the kernel's limit
  std::snprintf(name, sizeof name, "shard-%u", id_.value % 100'000U);
  ::pthread_setname_np(::pthread_self(), name);
  if (options_.cpu >= 0 && options_.cpu < CPU_SETSIZE) {
    cpu_set_t cpus{};
    CPU_SET(static_cast<std::size_t>(options_.cpu), &cpus);
    ::pthread_setaffinity_np(::pthread_self(), sizeof cpus, &cpus);
  }
  status_ = Make();
  const Phase made = status_.ok() ? Phase::kMade : Phase::kFailed;
  Enter(made);
  if (AwaitNot(made) == Phase::kRunning) {
    app_.OnStart(*this);
    while (!stopping_.load(std::memory_order_acquire)) {
      loop_->RunTurn(DirectLoop::kSleepMax);
      AfterTurn();
    }
    app_.OnStop();
    loop_->Cancel(look_);
    Enter(Phase::kLeft);
    AwaitNot(Phase::kLeft);
  }
  if (disk_ != nullptr) disk_->CloseFoldersBy(nullptr);
  loop_.reset();  // here: a ring belongs to its thread
  heavy_file_disk_.reset();
  file_thread_disk_.reset();
  disk_.reset();
}

void Shard::WatchOne(Listening& listening) noexcept {
  loop_->Listen(
      listening.fd,
      [](void* context, int accepted) noexcept {
        const auto& on = *static_cast<Listening*>(context);
        on.shard->Place(accepted, on.listener);
      },
      &listening);
}

// Tells also of connections that wait already: the loop looks when it begins to watch.
void Shard::Watch() noexcept {
  if (std::exchange(watching_, true)) return;
  for (Listening& listening : listenings_) {
    if (listening.fd >= 0) WatchOne(listening);
  }
}

void Shard::EndWatch() noexcept {
  if (!std::exchange(watching_, false)) return;
  for (const Listening& listening : listenings_) {
    if (listening.fd >= 0) loop_->StopListening(listening.fd);
  }
}

void Shard::Listen(int fd, std::uint32_t listener) noexcept {
  ENGINE_CHECK(listener < kListenersMax && fd >= 0);
  Listening& listening = listenings_[listener];
  ENGINE_CHECK(listening.fd < 0);
  listening.fd = fd;
  if (watching_) WatchOne(listening);
  if (++listening_ > 1) return;
  if (group_.accept_turn().Join(id_)) Watch();
  if (group_.size() > 1) Look(loop_->now());
}

void Shard::StopListening(int fd) noexcept {
  for (Listening& listening : listenings_) {
    if (listening.fd != fd) continue;
    if (watching_) loop_->StopListening(fd);
    listening.fd = -1;
    if (--listening_ > 0) return;
    watching_ = false;
    loop_->Cancel(look_);
    group_.accept_turn().Leave(id_);
    return;
  }
}

// The look at the shard that has the turn to accept; the timer is filed for the next one.
void Shard::Look(Time now) noexcept {
  AcceptTurn& turn = group_.accept_turn();
  if (turn.Take(id_, now)) Watch();
  const bool rests = turn.Has(id_) || !turn.AtWork(&seen_at_work_);
  loop_->Set(look_, now + (rests ? AcceptTurn::kRestEvery : AcceptTurn::kLookEvery));
}

void Shard::AfterTurn() noexcept {
  if (!watching_) return;
  AcceptTurn& turn = group_.accept_turn();
  if (!turn.Has(id_)) {
    EndWatch();
    loop_->Set(look_, loop_->now() + AcceptTurn::kLookEvery);
    return;
  }
  if (passing_) return;
  const Time awake_since = group_.placement().clock(id_).awake_since();
  const std::optional<ShardId> next = turn.Next(id_, awake_since, loop_->now());
  HandOver* hand_over = next ? FreeHandOver() : nullptr;
  if (hand_over == nullptr) return;
  hand_over->turn = passing_ = true;
  Send(*hand_over, *next);
}

void Shard::OnConnectionEnd() noexcept {
  group_.placement().Add(id_, -1);
}

Shard::HandOver* Shard::FreeHandOver() noexcept {
  for (HandOver& hand_over : hand_overs_) {
    if (!hand_over.in_use) return &hand_over;
  }
  return nullptr;
}

void Shard::Place(int fd, std::uint32_t listener) noexcept {
  Placement& placement = group_.placement();
  const ShardId target = placement.Choose(id_, loop_->now());
  HandOver* hand_over = target == id_ ? nullptr : FreeHandOver();
  if (hand_over == nullptr) {
    placement.Add(id_, 1);
    app_.OnAccepted(fd, listener);
    return;
  }
  // Counted there from now on, so that a burst does not all go to the same shard.
  placement.Add(target, 1);
  hand_over->fd = fd;
  hand_over->listener = listener;
  // Behind by so much, it may as well accept itself.
  if (!passing_ && placement.Listens(target)) hand_over->turn = passing_ = true;
  Send(*hand_over, target);
}

void Shard::Send(HandOver& hand_over, ShardId target) noexcept {
  hand_over.to = &group_.shard(target);
  hand_over.in_use = true;
  hand_over.deliver = &Shard::Arrive;
  hand_over.to->loop_->Post(hand_over);
}

// In the target's thread; then, empty, in the sender's.
void Shard::Arrive(Mail& mail) noexcept {
  auto& arrived = static_cast<HandOver&>(mail);
  Shard& here = *arrived.to;
  const int accepted = std::exchange(arrived.fd, -1);
  const std::uint32_t number = arrived.listener;
  if (arrived.turn && here.group_.accept_turn().Receive(here.id_, arrived.from->id_)) here.Watch();
  arrived.deliver = [](Mail& back) noexcept {
    auto& empty = static_cast<HandOver&>(back);
    empty.in_use = false;
    if (std::exchange(empty.turn, false)) empty.from->passing_ = false;
  };
  arrived.from->loop_->Post(arrived);
  if (accepted >= 0) here.app_.OnAccepted(accepted, number);
}

ShardGroup::ShardGroup(std::span<ShardApp* const> apps, std::span<const ShardOptions> options)
    : placement_(static_cast<std::uint32_t>(apps.size())) {
  ENGINE_CHECK(apps.size() == options.size());
  for (std::uint32_t i = 0; i < apps.size(); ++i)
    shards_.push_back(std::make_unique<Shard>(*this, ShardId{i}, *apps[i], options[i]));
}

ShardGroup::~ShardGroup() {
  Stop();
}

absl::Status ShardGroup::Start() {
  ENGINE_CHECK(!running_);
  for (const auto& shard : shards_)
    shard->thread_ = std::thread([one = shard.get()] { one->Run(); });
  absl::Status status;
  for (const auto& shard : shards_) {
    if (shard->AwaitNot(Shard::Phase::kMaking) != Shard::Phase::kFailed || !status.ok()) continue;
    status = absl::Status(shard->status_.code(),
                          absl::StrCat("shard ", shard->id_.value, ": ", shard->status_.message()));
  }
  for (const auto& shard : shards_)
    shard->Enter(status.ok() ? Shard::Phase::kRunning : Shard::Phase::kFree);
  running_ = status.ok();
  if (!status.ok()) {
    for (const auto& shard : shards_)
      shard->thread_.join();
  }
  return status;
}

void ShardGroup::Stop() noexcept {
  if (!std::exchange(running_, false)) return;
  for (const auto& shard : shards_) {
    shard->stopping_.store(true, std::memory_order_release);
    shard->stop_.deliver = [](Mail&) noexcept {};
    shard->loop_->Post(shard->stop_);  // wakes it
  }
  for (const auto& shard : shards_)
    shard->AwaitNot(Shard::Phase::kRunning);
  for (const auto& shard : shards_)
    shard->Enter(Shard::Phase::kFree);
  for (const auto& shard : shards_) {
    shard->thread_.join();
    // What was on its way when its target left.
    for (Shard::HandOver& hand_over : shard->hand_overs_) {
      if (hand_over.fd >= 0) ::close(std::exchange(hand_over.fd, -1));
    }
  }
}

}  // namespace engine
