// Moves an MtaSession's bytes over a loop.
#include "tests/relay/sim_mail_server.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/base/scratch.h"

namespace relay_sim {

SimMailServer::SimMailServer(engine::Loop& loop,
                             const milter::MtaOptions& options,
                             milter::MtaScript script,
                             engine::Time step_every)
    : loop_(loop),
      options_(options),
      script_(std::move(script)),
      session_(options_, script_),
      step_every_(step_every) {
  timer_.peer = this;
  timer_.fire = [](engine::Timer& timer, engine::Time now) noexcept {
    SimMailServer& peer = *static_cast<StepTimer&>(timer).peer;
    if (peer.done_) return;
    peer.session_.Advance();
    peer.loop_.Set(timer, now + peer.step_every_);
    peer.Pump();
  };
}

SimMailServer::~SimMailServer() {
  loop_.Cancel(timer_);
  if (!done_ && id_.generation != 0) loop_.Close(id_);
}

void SimMailServer::Connect(const engine::Address& to) {
  if (!loop_.Connect(to, *this, &id_).ok()) {
    lost_ = done_ = true;
    return;
  }
  if (step_every_.count() > 0) loop_.Set(timer_, loop_.now() + step_every_);
}

void SimMailServer::OnBytes(engine::SocketId, engine::Bytes bytes) noexcept {
  session_.Feed(bytes);
  NoteTimes();
}

void SimMailServer::OnTurnEnd(engine::SocketId) noexcept {
  Pump();
}

engine::Drained SimMailServer::OnDirect(engine::SocketId, engine::DirectSocket&) noexcept {
  return engine::Drained::kYes;
}

void SimMailServer::OnWritable(engine::SocketId) noexcept {
  Pump();
}

void SimMailServer::OnGone(engine::SocketId, int) noexcept {
  End(true);
}

void SimMailServer::NoteTimes() {
  const bool asks =
      session_.awaited_command() == static_cast<std::uint8_t>(milter::Command::kEndOfMessage);
  if (asks && !asked_) asked_at_ = loop_.now();
  if (!asks && asked_) longest_answer_ = std::max(longest_answer_, loop_.now() - asked_at_);
  asked_ = asks;
}

void SimMailServer::Pump() {
  while (!done_) {
    if (unsent_.empty()) {
      engine::Scratch<std::byte, 8192> bytes;
      const std::size_t count = session_.Fill(bytes);
      NoteTimes();
      if (count == 0) {
        if (session_.finished()) End(false);
        return;
      }
      unsent_.assign(reinterpret_cast<const char*>(bytes.data()), count);
    }
    const iovec piece{unsent_.data(), unsent_.size()};
    const engine::IoResult result = loop_.Send(id_, {&piece, 1});
    if (!result.ok() && result.error != EAGAIN) return;  // OnGone follows
    unsent_.erase(0, result.ok() ? static_cast<std::size_t>(result.value) : 0);
    if (!unsent_.empty()) return;  // OnWritable follows
  }
}

void SimMailServer::End(bool lost) {
  if (done_) return;
  lost_ = lost;
  done_ = true;
  loop_.Cancel(timer_);
  loop_.Close(id_);
}

}  // namespace relay_sim
