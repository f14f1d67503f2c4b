// The phases are set by the thread (made, failed, left) and by the group (running, free) in turn;
// each waits for the other's on the atomic itself.
#include "engine/io/shard.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace engine {

Shard::Shard(ShardGroup& group, ShardId id, ShardApp& app, ShardOptions options) noexcept
    : group_(group), id_(id), app_(app), options_(std::move(options)) {
  for (std::uint32_t i = 0; i < kListenersMax; ++i)
    listenings_[i] = {this, i};
  for (HandOver& hand_over : hand_overs_)
    hand_over.from = this;
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
                .sockets_max = options_.sockets_max});
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
    while (!stopping_.load(std::memory_order_acquire))
      loop_->RunTurn(DirectLoop::kSleepMax);
    app_.OnStop();
    Enter(Phase::kLeft);
    AwaitNot(Phase::kLeft);
  }
  if (disk_ != nullptr) disk_->CloseFoldersBy(nullptr);
  loop_.reset();  // here: a ring belongs to its thread
  heavy_file_disk_.reset();
  file_thread_disk_.reset();
  disk_.reset();
}

void Shard::Listen(int fd, std::uint32_t listener) noexcept {
  ENGINE_CHECK(listener < kListenersMax);
  loop_->Listen(
      fd,
      [](void* context, int accepted) noexcept {
        const auto& listening = *static_cast<Listening*>(context);
        listening.shard->Place(accepted, listening.listener);
      },
      &listenings_[listener]);
}

void Shard::StopListening(int fd) noexcept {
  loop_->StopListening(fd);
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
  const ShardId target = group_.placement().Choose(id_);
  HandOver* hand_over = target == id_ ? nullptr : FreeHandOver();
  if (hand_over == nullptr) {
    group_.placement().Add(id_, 1);
    app_.OnAccepted(fd, listener);
    return;
  }
  // Counted there from now on, so that a burst does not all go to the same shard.
  group_.placement().Add(target, 1);
  hand_over->to = &group_.shard(target);
  hand_over->fd = fd;
  hand_over->listener = listener;
  hand_over->in_use = true;
  hand_over->deliver = [](Mail& mail) noexcept {
    auto& arrived = static_cast<HandOver&>(mail);
    const int accepted = std::exchange(arrived.fd, -1);
    const std::uint32_t number = arrived.listener;
    ShardApp& app = arrived.to->app_;
    arrived.deliver = [](Mail& back) noexcept { static_cast<HandOver&>(back).in_use = false; };
    arrived.from->loop_->Post(arrived);
    app.OnAccepted(accepted, number);
  };
  hand_over->to->loop_->Post(*hand_over);
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
