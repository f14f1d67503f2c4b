// The scanner's host over simulated files, and its clients.
#include "tests/tools/scanner_world.h"

#include <sys/un.h>

#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace scanner {
namespace {

engine::Address SocketAddress() {
  auto address = engine::ParseAddress(ScannerWorld::kSocket);
  ENGINE_CHECK(address.ok());
  return *std::move(address);
}

}  // namespace

TestClient::TestClient(sim::SimLoop& loop, const engine::Address& to) : loop_(loop) {
  const engine::IoResult result = loop_.Connect(to, *this, &id_);
  error = result.error;
}

TestClient::~TestClient() {
  Leave();
}

void TestClient::Say(std::string_view bytes) {
  rest_.append(bytes);
  if (connected_) SendRest();
}

void TestClient::Leave() {
  if (id_.generation != 0) loop_.Close(std::exchange(id_, {}));
}

void TestClient::OnBytes(engine::SocketId /*id*/, engine::Bytes bytes) noexcept {
  heard.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void TestClient::OnWritable(engine::SocketId /*id*/) noexcept {
  connected_ = true;
  SendRest();
}

void TestClient::OnGone(engine::SocketId /*id*/, int why) noexcept {
  gone = true;
  error = why;
  Leave();
}

void TestClient::SendRest() {
  while (!rest_.empty() && id_.generation != 0) {
    const iovec data{.iov_base = rest_.data(), .iov_len = rest_.size()};
    const engine::IoResult sent = loop_.Send(id_, {&data, 1});
    if (sent.value <= 0) return;
    rest_.erase(0, static_cast<std::size_t>(sent.value));
  }
}

ScannerWorld::ScannerWorld(const ScannerConfig& config, const sim::SimFaults& faults)
    : world(7, faults),
      scanner_loop(world.AddLoop("scanner", "/scanner")),
      client_loop(world.AddLoop("client", "/client")),
      listener(world.Listen(kSocket)),
      app(std::make_unique<ScannerApp>(scanner_loop, *this, config)) {
  world.files().MakeDir("/spool");
  app->Listen(listener);
}

ScannerWorld::~ScannerWorld() {
  clients.clear();
  scanner_loop.StopListening(listener);
  app.reset();
}

TestClient& ScannerWorld::NewClient() {
  clients.push_back(std::make_unique<TestClient>(client_loop, SocketAddress()));
  return *clients.back();
}

std::string ScannerWorld::Request(std::string_view recipient, std::string_view file) {
  const std::string_view recipients[] = {recipient};
  const ampdp::Request request{.queue_id = "4Q",
                               .sender = "<alice@example.net>",
                               .recipients = recipients,
                               .mail_file = file};
  std::string wire(ampdp::RequestBytes(request), '\0');
  ampdp::WriteRequest(request, wire);
  return wire;
}

bool ScannerWorld::ReadFile(std::string_view path, std::string* content, std::string* reason) {
  const std::optional<std::string> found = world.files().ReadFile(std::string(path));
  if (found) *content = *found;
  if (!found) *reason = "File " + std::string(path) + " does not exist";
  return found.has_value();
}

int ScannerWorld::HoldOpen(std::string_view path) {
  held = world.files().Hold(std::string(path));
  return held ? 1 : -1;
}

void ScannerWorld::Release(int /*handle*/) {
  sim::SimFiles::LetGo(std::exchange(held, nullptr));
}

void ScannerWorld::Reset(int fd) {
  world.streams().Reset(fd);
}

void ScannerWorld::OnLateRead(const ampdp::Request& request, std::string_view content) {
  late_reads.push_back(std::string(request.queue_id) + ":" + std::string(content));
}

}  // namespace scanner
