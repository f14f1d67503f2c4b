// A scanner and its clients in a simulated world: files in memory, virtual time.
#ifndef MILLRACE_TESTS_TOOLS_SCANNER_WORLD_H_
#define MILLRACE_TESTS_TOOLS_SCANNER_WORLD_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/address.h"
#include "tests/sim/sim_world.h"
#include "tools/scanner/scanner_app.h"

namespace scanner {

// One connection to the scanner; keeps everything that it hears.
class TestClient final : public engine::SocketEvents {
 public:
  TestClient(sim::SimLoop& loop, const engine::Address& to);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // Sends as soon as the connection stands.
  void Say(std::string_view bytes);
  void Leave();

  std::string heard{};
  bool gone = false;
  int error = 0;

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId) noexcept override {}
  engine::Drained OnDirect(engine::SocketId, engine::DirectSocket&) noexcept override {
    return engine::Drained::kYes;
  }
  void OnWritable(engine::SocketId id) noexcept override;
  void OnGone(engine::SocketId id, int why) noexcept override;

 private:
  void SendRest();

  sim::SimLoop& loop_;
  engine::SocketId id_{};
  std::string rest_;
  bool connected_ = false;
};

class ScannerWorld final : public ScannerHost {
 public:
  static constexpr const char* kSocket = "/run/scanner.sock";

  explicit ScannerWorld(const ScannerConfig& config, const sim::SimFaults& faults = {});
  ~ScannerWorld();
  ScannerWorld(const ScannerWorld&) = delete;
  ScannerWorld& operator=(const ScannerWorld&) = delete;

  TestClient& NewClient();
  // Lets `time` pass.
  void Pass(engine::Time time) { world.Run(world.now() + time); }
  // A request for `file` with one recipient.
  static std::string Request(std::string_view recipient, std::string_view file);

  bool ReadFile(std::string_view path, std::string* content, std::string* reason) override;
  int HoldOpen(std::string_view path) override;
  void Release(int handle) override;
  void Reset(int fd) override;
  void OnLateRead(const ampdp::Request& request, std::string_view content) override;
  void Log(std::string_view line) override { log.emplace_back(line); }

  sim::SimWorld world;
  sim::SimLoop& scanner_loop;
  sim::SimLoop& client_loop;
  int listener = 0;
  std::vector<std::string> log{};
  std::vector<std::string> late_reads{};
  sim::SimFilePtr held{};
  std::unique_ptr<ScannerApp> app;
  std::vector<std::unique_ptr<TestClient>> clients{};
};

}  // namespace scanner

#endif  // MILLRACE_TESTS_TOOLS_SCANNER_WORLD_H_
