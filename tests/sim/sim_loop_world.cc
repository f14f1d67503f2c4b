// See sim_loop_world.h.
#include "tests/sim/sim_loop_world.h"

#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "tests/sim/sim_world.h"

namespace sim {
namespace {

class SimLoopWorld final : public engine::LoopWorld {
 public:
  explicit SimLoopWorld(const SimFaults& faults) : world_(1, faults) {}

  engine::Loop& loop() override { return loop_; }

  engine::SocketId AdoptPair(engine::SocketEvents& owner,
                             engine::ReadMode mode,
                             engine::FarEnd* far) override {
    const auto [near_end, far_end] = streams().MakePair();
    far->number = far_end;
    return loop_.Adopt(near_end, owner, mode);
  }

  std::size_t FarWrite(engine::FarEnd far, std::string_view data) override {
    const iovec piece{const_cast<char*>(data.data()), data.size()};
    const IoResult result = streams().Send(far.number, {&piece, 1});
    return result.ok() ? static_cast<std::size_t>(result.value) : 0;
  }
  std::string FarRead(engine::FarEnd far, std::size_t bytes_max) override {
    const SimEnd* end = streams().Find(far.number);
    if (end == nullptr) return {};
    std::string bytes(std::min(bytes_max, end->readable()), '\0');
    bytes.resize(streams().Read(far.number, std::as_writable_bytes(std::span(bytes))));
    return bytes;
  }
  bool FarSeesEnd(engine::FarEnd far) override {
    const SimEnd* end = streams().Find(far.number);
    return end != nullptr && end->readable() == 0 && (end->end_seen || end->reset != 0);
  }
  void FarShutdown(engine::FarEnd far) override { streams().Shutdown(far.number); }
  void FarClose(engine::FarEnd far) override { streams().Close(far.number); }
  void FarReset(engine::FarEnd far) override { streams().Reset(far.number); }

  int MakeListener(int backlog) override {
    const std::string at = NewPlace();
    const int listener = world_.Listen(at, static_cast<std::size_t>(backlog));
    places_[listener] = at;
    return listener;
  }
  bool FarConnect(int listener, engine::FarEnd* far) override {
    int later_error = 0;
    const IoResult result = streams().Connect(places_[listener], true, &later_error);
    far->number = static_cast<int>(result.value);
    return result.ok();
  }
  void CloseListener(int listener) override { streams().CloseListener(listener); }
  engine::SocketId AdoptAccepted(int fd, engine::SocketEvents& owner) override {
    return loop_.Adopt(fd, owner, engine::ReadMode::kSmall);
  }
  void CloseAccepted(int fd) override { streams().Close(fd); }

  engine::Address FarListen() override {
    constexpr std::size_t kBacklog = 2;
    const std::string at = NewPlace();
    listeners_[at] = world_.Listen(at, kBacklog);
    return UnixAddress(at);
  }
  bool FarAccept(const engine::Address& at, engine::FarEnd* far) override {
    far->number = streams().Accept(listeners_[std::string(at.path())]);
    return far->number >= 0;
  }
  engine::Address Nowhere() override { return UnixAddress(NewPlace()); }
  bool backlog_answers_eagain() const override { return true; }

  void RunOutOfDescriptors(bool on) override { world_.set_out_of_descriptors(on); }

  std::unique_ptr<engine::Pipe> MakePipe() override { return std::make_unique<SimPipe>(); }
  int MakeFile() override { return loop_.sim_disk().MakeFile(); }
  std::string FileContent(int file) override { return loop_.sim_disk().FileContent(file); }

 private:
  SimStreams& streams() { return world_.streams(); }
  std::string NewPlace() { return "/sockets/" + std::to_string(world_.NewNumber()); }

  SimWorld world_;
  SimLoop& loop_ = world_.AddLoop("shard", "/spool/0");
  std::map<int, std::string> places_;
  std::map<std::string, int> listeners_;
};

}  // namespace

engine::Address UnixAddress(const std::string& path) {
  engine::Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  un->sun_family = AF_UNIX;
  path.copy(un->sun_path, sizeof un->sun_path - 1);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  address.text = "unix:" + path;
  return address;
}

std::unique_ptr<engine::LoopWorld> MakeSimLoopWorld() {
  return std::make_unique<SimLoopWorld>(SimFaults());
}

std::unique_ptr<engine::LoopWorld> MakeLendingSimLoopWorld() {
  SimFaults faults;
  faults.lending = 1'000'000;
  return std::make_unique<SimLoopWorld>(faults);
}

}  // namespace sim
