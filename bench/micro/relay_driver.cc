// Sets up folder, sockets and shard; turns it and its peers by turns.
#include "bench/micro/relay_driver.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "bench/micro/allocation_count.h"
#include "bench/micro/replying_scanner.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

namespace bench {
namespace {

using engine::Time;

constexpr std::uint32_t kMessagesMax = 64;
constexpr std::uint32_t kSocketsMax = 512;
constexpr std::uint32_t kTurnsPerLook = 1024;  // at the clock
constexpr Time kSleepMax = std::chrono::milliseconds(1);

// Takes lines nowhere. `emitted` is set by the first one.
class SilentSink final : public engine::LogSink {
 public:
  explicit SilentSink(std::shared_ptr<std::atomic<bool>> emitted) : emitted_(std::move(emitted)) {}
  bool Emit(engine::Level, Time, std::string_view) noexcept override {
    if (!emitted_->exchange(true)) emitted_->notify_all();
    return true;
  }

 private:
  std::shared_ptr<std::atomic<bool>> emitted_;
};

std::int64_t WallSeconds() noexcept {
  return static_cast<std::int64_t>(std::time(nullptr));
}

Time ClockNow(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::string MakeRoot() {
  std::string root = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  root += "/millrace-bench-XXXXXX";
  ENGINE_CHECK(::mkdtemp(root.data()) != nullptr);
  return root;
}

engine::Address UnixAddress(const std::string& path) {
  absl::StatusOr<engine::Address> address = engine::ParseAddress("unix:" + path);
  ENGINE_CHECK(address.ok());
  return *std::move(address);
}

}  // namespace

// A mail server's connection: what MtaSession says, over a blocking-free socket.
class RelayDriver::MailServer {
 public:
  MailServer(const engine::Address& to, const milter::MtaScript& script)
      : session_(options_, script) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ENGINE_CHECK(fd_ >= 0);
    ENGINE_CHECK(::connect(fd_, to.raw(), to.length) == 0);
  }
  ~MailServer() { Close(); }
  MailServer(const MailServer&) = delete;
  MailServer& operator=(const MailServer&) = delete;

  bool done() const { return fd_ < 0; }
  const milter::MtaSession& session() const { return session_; }

  // Reads what is there, then writes what goes. False: there was nothing to do.
  bool Pump() {
    if (done()) return false;
    bool moved = false;
    for (;;) {
      const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) return Close();
      moved = true;
      session_.Feed(std::as_bytes(std::span(buffer_.data(), static_cast<std::size_t>(got))));
      ENGINE_CHECK(session_.error() == milter::MtaError::kNone);
    }
    for (;;) {
      if (unsent_.empty()) {
        const std::size_t filled = session_.Fill(std::as_writable_bytes(std::span(buffer_)));
        if (filled == 0) break;
        unsent_.assign(buffer_.data(), filled);
      }
      const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) return moved;
      if (sent <= 0) return Close();
      moved = true;
      unsent_.erase(0, static_cast<std::size_t>(sent));
    }
    return session_.finished() ? Close() : moved;
  }

 private:
  bool Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    return true;
  }

  milter::MtaOptions options_;
  milter::MtaSession session_;
  int fd_ = -1;
  std::string unsent_;
  std::array<char, 64 * engine::kKiB> buffer_{};
};

RelayDriver::RelayDriver(const RelayOptions& options)
    : root_(MakeRoot()),
      milter_address_(UnixAddress(root_ + "/milter.sock")),
      governor_(options.config.spool.writes),
      log_emitted_(std::make_shared<std::atomic<bool>>(false)),
      log_(std::make_unique<SilentSink>(log_emitted_)) {
  // As BlockSignals() does; the other signals stay those of the benchmark.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGIO, SIG_IGN);
  ENGINE_CHECK(log_.Start());
  // A thread's start may allocate: it is over once it has taken a line.
  log_.Write(engine::Level::kInfo, "begun");
  log_emitted_->wait(false);
  const relay::Limits limits{.shards = 1,
                             .sessions_max = options.sessions_max,
                             .messages_max = kMessagesMax,
                             .scanner_connections_max = kMessagesMax,
                             .descriptors_needed = 0,
                             .descriptors_available = 0};
  const engine::Address scanner = UnixAddress(root_ + "/scanner.sock");
  engine::SpoolDirReport spool;
  spool.reuse_allowed = true;
  relay::FillSettings(options.config, limits, {scanner}, spool, &settings_);
  std::vector<relay::ScannerGroupSpec> groups = relay::ScannerGroupsOf(settings_);
  groups[0].scanners[0].limit = options.scanner_slots;
  scanners_ = std::make_unique<relay::ScannerGroups>(groups, 1U, engine::MonotonicNow());
  settings_.spool_limits.floor.bytes_free_min = options.spool_bytes_free_min;
  settings_.spool_limits.floor.inodes_free_min = 0;
  scanner_ = std::make_unique<ReplyingScanner>(scanner, options.scanner_reply);
  scanner_->set_leaves_parts(options.scanner_leaves_parts);
  if (!options.scanner_listens) scanner_->StopListening();
  std::error_code error;
  ENGINE_CHECK(std::filesystem::create_directory(root_ + "/spool", error));
  absl::StatusOr<std::unique_ptr<engine::PosixDisk>> disk =
      engine::PosixDisk::Open({.root = root_ + "/spool"});
  ENGINE_CHECK(disk.ok());
  disk_ = *std::move(disk);
  disk = engine::PosixDisk::Open({.root = root_ + "/spool"});
  ENGINE_CHECK(disk.ok());
  file_thread_disk_ = *std::move(disk);
  absl::StatusOr<std::unique_ptr<engine::Loop>> loop =
      engine::MakeLoop(options.io,
                       {.disk = disk_.get(),
                        .file_thread_disk = file_thread_disk_.get(),
                        .sockets_max = kSocketsMax});
  ENGINE_CHECK(loop.ok());
  loop_ = *std::move(loop);
  disk_->CloseFoldersBy(loop_.get());
  shard_ = std::make_unique<relay::ShardApp>(relay::ShardParts{
      settings_, *loop_, *scanners_, shared_, governor_, host_, log_, &WallSeconds});
  absl::StatusOr<engine::Listener> listener = engine::Listener::Open(milter_address_, {});
  ENGINE_CHECK(listener.ok());
  listener_ = *std::move(listener);
  loop_->Listen(
      listener_.fd(),
      [](void* shard, int fd) noexcept { static_cast<relay::ShardApp*>(shard)->Adopt(fd, 0); },
      shard_.get());
  StartCounting();
}

RelayDriver::~RelayDriver() {
  loop_->StopListening(listener_.fd());
  shard_->Stop(loop_->now() + std::chrono::seconds(7));
  while (!shard_->done())
    loop_->RunTurn(std::chrono::milliseconds(10));
  shard_.reset();
  disk_->CloseFoldersBy(nullptr);
  loop_.reset();
  file_thread_disk_.reset();
  disk_.reset();
  scanner_.reset();
  std::error_code error;
  std::filesystem::remove_all(root_, error);
  ENGINE_CHECK(!error);
}

void RelayDriver::StartCounting() noexcept {
  turns_allocations_ = 0;
  others_before_ = AllAllocations() - ThreadAllocations();
  cpu_time_ = {};
}

std::uint64_t RelayDriver::allocations() const noexcept {
  return turns_allocations_ + AllAllocations() - ThreadAllocations() - others_before_;
}

// Never inlined: profilers tell it from the peers.
[[gnu::noinline]] void RelayDriver::Turn(Time sleep_at_most) noexcept {
  const std::uint64_t before = ThreadAllocations();
  const Time begun = ClockNow(CLOCK_THREAD_CPUTIME_ID);
  loop_->RunTurn(sleep_at_most);
  cpu_time_ += ClockNow(CLOCK_THREAD_CPUTIME_ID) - begun;
  turns_allocations_ += ThreadAllocations() - before;
}

bool RelayDriver::Quiet() const noexcept {
  return shard_->sessions() == 0 && shard_->messages() == 0 && shard_->scans() == 0;
}

void RelayDriver::Play(const milter::MtaScript& script, std::uint32_t sessions) {
  std::vector<std::unique_ptr<MailServer>> servers;
  for (std::uint32_t i = 0; i < sessions; ++i)
    servers.push_back(std::make_unique<MailServer>(milter_address_, script));
  const Time begun = ClockNow(CLOCK_MONOTONIC);
  const auto done = [](const auto& server) { return server->done(); };
  bool moved = true;
  for (std::uint32_t turns = 1; !Quiet() || !std::all_of(servers.begin(), servers.end(), done);
       ++turns) {
    for (const auto& server : servers)
      moved |= server->Pump();
    // Where no peer has moved, the shard waits for a timer, or for the kernel.
    Turn(moved ? Time{} : kSleepMax);
    moved = scanner_->Pump();
    if (turns % kTurnsPerLook == 0) ENGINE_CHECK(ClockNow(CLOCK_MONOTONIC) - begun < kPlayMax);
  }
  for (const auto& server : servers)
    Note(*server);
}

void RelayDriver::Note(const MailServer& server) noexcept {
  for (const milter::TransactionResult& result : server.session().results())
    ++tally_.outcomes[static_cast<std::size_t>(result.outcome)];
  for (const milter::StageReply& reply : server.session().session_replies()) {
    if (reply.reply == milter::Reply::kReplyCode) ++tally_.sessions_refused;
  }
}

}  // namespace bench
