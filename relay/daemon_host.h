// A shard's relay in its engine shard, and the mails by which the main thread reaches it.
//
// Part of daemon.h: daemon.cc and daemon_reload.cc alone include it.
#ifndef MILLRACE_RELAY_DAEMON_HOST_H_
#define MILLRACE_RELAY_DAEMON_HOST_H_

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <memory>
#include <vector>

#include "relay/daemon.h"
#include "relay/reload_plan.h"

namespace relay {

// A reload on its way to the shards, twice: with the settings, and, once all shards have those,
// with the new sockets. A connection may be handed over to any shard, and all must know its
// listener. Freed when all have listened.
struct Daemon::PendingReload {
  struct ShardMail : engine::Mail {
    Host* host = nullptr;
    PendingReload* reload = nullptr;
  };

  const Settings* settings = nullptr;
  ReloadPlan plan;
  std::vector<ListenerFd> opened;
  std::vector<ListenerFd> removed;
  std::vector<ShardMail> take;  // one per shard, each posted once; never resized
  std::vector<ShardMail> listen;
  std::atomic<std::uint32_t> shards_without{0};  // the settings
  std::atomic<std::uint32_t> shards_left{0};
};

class Daemon::Host final : public engine::ShardApp, public ShardHost {
 public:
  Host(Daemon& daemon, std::uint32_t number) noexcept : daemon_(daemon), number_(number) {
    stop_.host = this;
    stop_.deliver = [](engine::Mail& mail) noexcept { static_cast<StopMail&>(mail).host->Stop(); };
  }
  virtual ~Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void OnStart(engine::Shard& shard) noexcept override {
    shard_ = &shard;
    app_ = std::make_unique<relay::ShardApp>(ShardParts{*daemon_.settings_,
                                                        shard.loop(),
                                                        daemon_.scanners_,
                                                        daemon_.shared_,
                                                        daemon_.governor_,
                                                        *this,
                                                        daemon_.log_,
                                                        &WallSeconds,
                                                        number_,
                                                        &pipes_,
                                                        daemon_.seed_});
    daemon_.figures_[number_]->app.store(app_.get(), std::memory_order_release);
    for (const ListenerFd& listener : daemon_.first_listeners_)
      Listen(listener);
  }
  void OnAccepted(int fd, std::uint32_t listener) noexcept override { app_->Adopt(fd, listener); }
  void OnStop() noexcept override {}
  void OnSessionEnded() noexcept override { shard_->OnConnectionEnd(); }
  void OnDone() noexcept override {
    daemon_.shards_done_.fetch_add(1, std::memory_order_release);
    // The main thread waits for signals; this one tells it.
    ::kill(::getpid(), SIGUSR1);
  }

  engine::Mail& stop_mail() noexcept { return stop_; }
  // After the shard's thread has ended, or for the counters, which any thread may read.
  const relay::ShardApp* app() const noexcept { return app_.get(); }

  void Take(PendingReload& reload) noexcept {
    for (const ListenerFd& listener : reload.removed)
      StopListening(listener);
    app_->Take(*reload.settings);
    if (reload.shards_without.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    // Nobody accepts there any more: who has connected already is not left behind.
    for (const ListenerFd& listener : reload.removed)
      AcceptRest(listener);
    // The last of them may end the reload, and free it: nothing of it after that.
    for (std::size_t i = reload.listen.size(); i > 0; --i) {
      PendingReload::ShardMail& mail = reload.listen[i - 1];
      mail.host->shard_->loop().Post(mail);
    }
  }
  void ListenToNew(PendingReload& reload) noexcept {
    if (!app_->stopping()) {
      for (const ListenerFd& listener : reload.opened)
        Listen(listener);
    }
    reload.shards_left.fetch_sub(1, std::memory_order_release);
  }

 private:
  struct StopMail : engine::Mail {
    Host* host = nullptr;
  };

  static std::int64_t WallSeconds() noexcept {
    return static_cast<std::int64_t>(std::time(nullptr));
  }

  void Listen(const ListenerFd& listener) noexcept {
    shard_->Listen(listener.fd, listener.slot);
    listening_.push_back(listener);
  }

  void StopListening(const ListenerFd& listener) noexcept {
    shard_->StopListening(listener.fd);
    std::erase_if(listening_, [&listener](const ListenerFd& l) { return l.slot == listener.slot; });
  }

  void AcceptRest(const ListenerFd& listener) noexcept {
    for (;;) {
      const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      shard_->group().placement().Add(shard_->id(), 1);
      app_->Adopt(fd, listener.slot);
    }
  }

  void Stop() noexcept {
    for (const ListenerFd& listener : listening_)
      shard_->StopListening(listener.fd);
    app_->Stop(shard_->loop().now() + kStopWithin);
  }

  Daemon& daemon_;
  std::uint32_t number_;
  engine::Shard* shard_ = nullptr;
  engine::PosixPipePool pipes_;
  std::unique_ptr<relay::ShardApp> app_;
  std::vector<ListenerFd> listening_;
  StopMail stop_;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_DAEMON_HOST_H_
