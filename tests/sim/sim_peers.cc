// See sim_peers.h.
#include "tests/sim/sim_peers.h"

#include <cstring>

namespace sim {

EchoServer::EchoServer(engine::Loop& loop, int listener) : loop_(&loop) {
  loop.Listen(
      listener,
      [](void* context, int fd) noexcept { static_cast<EchoServer*>(context)->Accepted(fd); },
      this);
}

void EchoServer::Accepted(int fd) {
  Connection& connection = connections_.emplace_back();
  connection.server = this;
  connection.id = loop_->Adopt(fd, connection, engine::ReadMode::kSmall);
}

void EchoServer::Forget(Connection& connection) {
  loop_->Close(connection.id);
  connections_.remove_if([&](const Connection& one) { return &one == &connection; });
}

void EchoServer::Connection::OnBytes(engine::SocketId, engine::Bytes bytes) noexcept {
  pending.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void EchoServer::Connection::SendPending() {
  if (pending.empty()) return;
  const iovec piece{pending.data(), pending.size()};
  const engine::IoResult sent = server->loop_->Send(id, {&piece, 1});
  if (sent.ok()) pending.erase(0, static_cast<std::size_t>(sent.value));
}

void EchoServer::Connection::OnGone(engine::SocketId, int) noexcept {
  server->Forget(*this);
}

int EchoClient::Connect(const engine::Address& to) {
  const engine::IoResult result = loop_->Connect(to, *this, &id_);
  if (!result.ok()) end_ = End::kBroken;
  return result.error;
}

void EchoClient::SendRest() {
  if (sent_ == text_.size()) return;
  const iovec piece{text_.data() + sent_, text_.size() - sent_};
  const engine::IoResult sent = loop_->Send(id_, {&piece, 1});
  if (sent.ok()) sent_ += static_cast<std::size_t>(sent.value);
}

void EchoClient::OnBytes(engine::SocketId, engine::Bytes bytes) noexcept {
  wrong_ = wrong_ || received_ + bytes.size() > sent_ ||
           std::memcmp(bytes.data(), text_.data() + received_, bytes.size()) != 0;
  received_ += bytes.size();
}

void EchoClient::OnTurnEnd(engine::SocketId) noexcept {
  if (received_ != text_.size()) return;
  end_ = End::kComplete;
  loop_->Close(id_);
}

void EchoClient::OnGone(engine::SocketId, int) noexcept {
  end_ = End::kBroken;
  loop_->Close(id_);
}

}  // namespace sim
