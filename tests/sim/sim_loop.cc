// The calls of the contract and the turn. What a turn does with sockets is in sim_loop_serve.cc.
#include "tests/sim/sim_loop.h"

#include <algorithm>
#include <cerrno>

#include "engine/base/check.h"
#include "engine/net/address.h"
#include "tests/sim/sim_world.h"

namespace sim {
namespace {

constexpr Time kAcceptPause = std::chrono::milliseconds(100);

}  // namespace

SimLoop::SimLoop(SimWorld& world, std::string name, const std::string& root)
    : world_(&world),
      lends_(world.random().Chance(world.faults().lending)),
      name_(std::move(name)),
      disk_(world, root, this),
      now_(world.now()),
      wheel_(world.now()),
      scratch_(engine::kScratchBytes) {}

SimLoop::~SimLoop() = default;

Time SimLoop::LocalNow() const noexcept {
  return std::max(busy_until_, world_->now());
}

void SimLoop::Spend(Time time) noexcept {
  busy_until_ = LocalNow() + time;
}

SimLoop::Socket* SimLoop::Find(engine::SocketId id) noexcept {
  if (id.index >= sockets_.size()) return nullptr;
  Socket& socket = sockets_[id.index];
  return socket.used && socket.generation == id.generation ? &socket : nullptr;
}

engine::SocketId SimLoop::NewSocket(int end,
                                    engine::SocketEvents& owner,
                                    engine::ReadMode mode) noexcept {
  std::uint32_t index = static_cast<std::uint32_t>(sockets_.size());
  if (free_.empty()) {
    sockets_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Socket& socket = sockets_[index];
  const std::uint32_t generation = socket.generation;
  socket = Socket();
  socket.generation = generation;
  socket.used = true;
  socket.owner = &owner;
  socket.end = end;
  ++open_sockets_;
  const engine::SocketId id{index, generation};
  world_->streams().Watch(end, {this, id});
  SetReadMode(id, mode);
  return id;
}

engine::SocketId SimLoop::Adopt(int fd,
                                engine::SocketEvents& owner,
                                engine::ReadMode mode) noexcept {
  const SimEnd* end = world_->streams().Find(fd);
  ENGINE_CHECK(end != nullptr && end->open);
  ENGINE_CHECK(end->watch.loop == nullptr);  // adopted twice
  const engine::SocketId id = NewSocket(fd, owner, mode);
  Ready(id);
  return id;
}

IoResult SimLoop::Connect(const engine::Address& to,
                          engine::SocketEvents& owner,
                          engine::SocketId* id) noexcept {
  if (world_->out_of_descriptors()) return {0, EMFILE};
  int error = 0;
  const IoResult result = world_->streams().Connect(SimStreams::NameOf(to), to.is_unix(), &error);
  if (!result.ok()) return result;
  *id = NewSocket(static_cast<int>(result.value), owner, engine::ReadMode::kSmall);
  Find(*id)->connecting = true;
  const SimFaults& faults = world_->faults();
  const Time delay = world_->random().Between(faults.delay_min, faults.delay_max);
  world_->At(world_->now() + delay, [this, at = *id, error] { ConnectDone(at, error); });
  return {};
}

void SimLoop::ConnectDone(engine::SocketId id, int error) noexcept {
  Socket* socket = Find(id);
  if (socket == nullptr) return;
  socket->connect_done = true;
  socket->connect_error = error;
  Ready(id);
}

void SimLoop::Listen(int fd,
                     void (*accepted)(void* context, int fd) noexcept,
                     void* context) noexcept {
  ENGINE_CHECK(FindListening(fd) == nullptr);
  listening_.push_back({fd, accepted, context, false, Time{}});
  world_->streams().WatchListener(fd, *this);
}

void SimLoop::StopListening(int fd) noexcept {
  for (auto at = listening_.begin(); at != listening_.end(); ++at) {
    if (at->fd != fd) continue;
    listening_.erase(at);
    world_->streams().UnwatchListener(fd, *this);
    return;
  }
}

SimLoop::Listening* SimLoop::FindListening(int fd) noexcept {
  for (Listening& listening : listening_) {
    if (listening.fd == fd) return &listening;
  }
  return nullptr;
}

void SimLoop::AcceptReady(int listener) noexcept {
  if (Listening* listening = FindListening(listener)) listening->ready = true;
}

IoResult SimLoop::Send(engine::SocketId id, engine::Gather data) noexcept {
  Socket* socket = Find(id);
  if (socket == nullptr) return {0, EBADF};
  if (socket->connecting) return {};  // OnWritable comes with the connection
  std::size_t wanted = 0;
  for (const iovec& piece : data)
    wanted += piece.iov_len;
  const IoResult result = world_->streams().Send(socket->end, data);
  if (!result.ok()) {
    socket->send_error = result.error;
    Ready(id);
    return result;
  }
  if (static_cast<std::size_t>(result.value) < wanted) socket->wants_room = true;
  return result;
}

void SimLoop::SetReadMode(engine::SocketId id, engine::ReadMode mode) noexcept {
  Socket* socket = Find(id);
  if (socket == nullptr) return;
  const bool asks_direct =
      mode == engine::ReadMode::kDirect && socket->mode != engine::ReadMode::kDirect;
  socket->mode = mode;
  if (mode == engine::ReadMode::kSmall) socket->lent_to = lends_;
  if (!asks_direct) {
    if (mode != engine::ReadMode::kDirect) Ready(id);
    return;
  }
  socket->granted = false;
  const SimFaults& faults = world_->faults();
  const Time delay = world_->random().Between(faults.delay_min, faults.delay_max);
  world_->At(world_->now() + delay, [this, id] {
    Socket* asked = Find(id);
    if (asked == nullptr || asked->mode != engine::ReadMode::kDirect) return;
    asked->granted = true;
    asked->lent_to = false;
    Ready(id);
  });
}

void SimLoop::Close(engine::SocketId id) noexcept {
  Socket* socket = Find(id);
  if (socket == nullptr) return;
  const int end = socket->end;
  socket->used = false;
  socket->owner = nullptr;
  ++socket->generation;
  free_.push_back(id.index);
  --open_sockets_;
  world_->streams().Close(end);
}

void SimLoop::Set(engine::Timer& timer, Time at) noexcept {
  wheel_.Set(timer, at);
}

void SimLoop::Cancel(engine::Timer& timer) noexcept {
  wheel_.Cancel(timer);
}

// The owner's rule: those on one file or slot one at a time. The order here is drawn.
void SimLoop::CheckAlone(const engine::FileOp& op) noexcept {
  for (const engine::FileOp* other : file_ops_) {
    if (other == &op || (op.file >= 0 && other->file == op.file) ||
        (!op.slot.empty() && other->slot == op.slot))
      world_->Broken("two file operations are in flight on one file or slot");
  }
}

void SimLoop::Submit(engine::FileOp& op) noexcept {
  CheckAlone(op);
  if (file_ops_.empty()) file_ops_moved_at_ = world_->now();
  file_ops_.push_back(&op);
  const SimFaults& faults = world_->faults();
  Time delay = world_->random().Between(faults.delay_min, faults.delay_max);
  if (world_->random().Chance(faults.disk_stall))
    delay = world_->random().Between(Time{}, faults.stall_max);
  const Time now = world_->now();
  PerformAt(op, now + delay + (disk_.FrozenAt(now) ? Time{} : disk_.HeldUp(now)));
}

// What would be done while the disk is frozen is done at the thaw.
void SimLoop::PerformAt(engine::FileOp& op, Time at) noexcept {
  world_->At(at, [this, &op] {
    const Time now = world_->now();
    if (disk_.FrozenForEver(now)) return frozen_.push_back(&op);
    if (disk_.FrozenAt(now)) return PerformAt(op, now + disk_.HeldUp(now));
    op.result = disk_.PerformAside(op);
    finished_.push_back(&op);
    if (SimStallMonitor* monitor = world_->stall_monitor())
      monitor->OnOperation(now - file_ops_moved_at_);
    file_ops_moved_at_ = now;
  });
}

void SimLoop::Thawed() {
  std::vector<engine::FileOp*> ops;
  ops.swap(frozen_);
  for (engine::FileOp* op : ops)
    PerformAt(*op, world_->now());
}

void SimLoop::Ready(engine::SocketId id) noexcept {
  Socket* socket = Find(id);
  if (socket == nullptr || socket->listed) return;
  socket->listed = true;
  ready_.push_back(id);
}

void SimLoop::RoomCame(engine::SocketId id) noexcept {
  Socket* socket = Find(id);
  if (socket == nullptr || !socket->wants_room) return;
  socket->wants_room = false;
  socket->room_came = true;
  Ready(id);
}

bool SimLoop::HasWork() noexcept {
  const Time now = world_->now();
  if (!ready_.empty() || !finished_.empty()) return true;
  return NextWork() <= now;
}

Time SimLoop::NextWork() noexcept {
  const Time now = world_->now();
  Time next = engine::kNever;
  const Time timer = wheel_.UntilNext(now);
  if (timer != engine::kNever) next = now + timer;
  for (const Listening& listening : listening_) {
    if (listening.ready) next = std::min(next, std::max(now, listening.not_before));
  }
  if (inbox_.empty()) return next;
  if (mail_due_ == engine::kNever) {
    mail_due_ = now;
    if (world_->random().Chance(world_->faults().mail_late))
      mail_due_ += world_->random().Between(Time{}, world_->faults().mail_delay_max);
  }
  return std::min(next, std::max(now, mail_due_));
}

void SimLoop::RunTurn(Time sleep_at_most) noexcept {
  world_->AdvanceTo(busy_until_);
  world_->RunDue();
  const Time start = world_->now();
  const Time deadline =
      sleep_at_most > engine::kNever - start ? engine::kNever : start + sleep_at_most;
  while (!HasWork() && world_->now() < deadline) {
    const Time limit = std::min(deadline, NextWork());
    if (world_->AdvanceOnce(limit)) continue;
    if (limit == engine::kNever) break;  // nothing will ever happen here
    world_->AdvanceTo(limit);
  }
  now_ = world_->now();
  Spend(world_->random().Between(std::chrono::microseconds(1), std::chrono::microseconds(20)));
  world_->Note(name_.c_str(), ready_.size(), 0);
  wheel_.Advance(now_);
  DeliverMail();
  Accept();
  FinishFileOps();
  ServeSockets();
}

void SimLoop::DeliverMail() noexcept {
  if (NextWork() > now_ || mail_due_ > now_) return;
  mail_due_ = engine::kNever;
  for (std::size_t i = 0; i < engine::Mailbox::kDeliveriesPerTurnMax; ++i) {
    engine::Mail* mail = inbox_.Pop();
    if (mail == nullptr) return;
    mail->deliver(*mail);
  }
}

void SimLoop::Accept() noexcept {
  for (std::size_t i = 0; i < listening_.size(); ++i) {
    const int fd = listening_[i].fd;
    if (!listening_[i].ready || listening_[i].not_before > now_) continue;
    while (world_->streams().HasWaiting(fd)) {
      Listening* listening = FindListening(fd);
      if (listening == nullptr) break;  // stopped by `accepted`
      if (world_->out_of_descriptors()) {
        ++accept_pauses_;
        listening->not_before = now_ + kAcceptPause;
        break;
      }
      const int end = world_->streams().Accept(fd);
      world_->Note("accept", static_cast<std::uint64_t>(end), 0);
      listening->accepted(listening->context, end);
    }
    Listening* listening = FindListening(fd);
    if (listening != nullptr) listening->ready = world_->streams().HasWaiting(fd);
  }
}

void SimLoop::FinishFileOps() noexcept {
  for (std::size_t i = finished_.size(); i > 0; --i) {
    engine::FileOp* op = finished_.front();
    finished_.pop_front();
    std::erase(file_ops_, op);
    op->done(*op);
  }
}

}  // namespace sim
