// The world of real sockets for the loop contract suite: Unix or TCP, over any loop of engine/io.
#ifndef MILLRACE_TESTS_ENGINE_POSIX_WORLD_H_
#define MILLRACE_TESTS_ENGINE_POSIX_WORLD_H_

#include <sys/resource.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/direct_loop.h"
#include "engine/io/posix_disk.h"
#include "engine/net/listener.h"
#include "tests/engine/loop_contract.h"
#include "tests/engine/temp_dir.h"

namespace engine {

enum class SocketKind : std::uint8_t { kUnix, kTcp };

class PosixWorld final : public LoopWorld {
 public:
  using Maker = absl::StatusOr<std::unique_ptr<Loop>> (*)(const LoopOptions&);

  PosixWorld(SocketKind kind, Maker maker);
  ~PosixWorld() override;

  Loop& loop() override { return *loop_; }
  SocketId AdoptPair(SocketEvents& owner, ReadMode mode, FarEnd* far) override;
  std::size_t FarWrite(FarEnd far, std::string_view data) override;
  std::string FarRead(FarEnd far, std::size_t bytes_max) override;
  bool FarSeesEnd(FarEnd far) override;
  void FarShutdown(FarEnd far) override;
  void FarClose(FarEnd far) override;
  void FarReset(FarEnd far) override;
  int MakeListener(int backlog) override;
  bool FarConnect(int listener, FarEnd* far) override;
  void CloseListener(int listener) override;
  SocketId AdoptAccepted(int fd, SocketEvents& owner) override;
  void CloseAccepted(int fd) override;
  Address FarListen() override;
  bool FarAccept(const Address& at, FarEnd* far) override;
  Address Nowhere() override;
  bool backlog_answers_eagain() const override { return kind_ == SocketKind::kUnix; }
  void RunOutOfDescriptors(bool on) override;
  std::unique_ptr<Pipe> MakePipe() override { return std::make_unique<PosixPipe>(); }
  int MakeFile() override;
  std::string FileContent(int file) override;

 private:
  struct Place {
    Listener listener;
    Address address;  // with the port that the kernel chose
  };

  Place& AddPlace(int backlog);
  FarEnd Keep(int fd);
  int DescriptorOf(FarEnd far) const { return fars_[static_cast<std::size_t>(far.number)]; }

  SocketKind kind_;
  TempDir dir_{"/dev/shm"};  // a file system where slots can be looked at
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<PosixDisk> file_thread_disk_;
  std::unique_ptr<PosixDisk> heavy_file_disk_;
  std::unique_ptr<Loop> loop_;
  std::vector<int> fars_;
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<int> files_;
  int names_ = 0;
  rlimit limit_{};
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_POSIX_WORLD_H_
