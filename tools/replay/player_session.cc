// Bytes between a conversation and a socket, and the way in and out.
#include "tools/replay/player_session.h"

#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/errno_name.h"

namespace replay {
namespace {

constexpr std::size_t kFillBytes = 64 * engine::kKiB;
constexpr engine::Time kRetryPause = std::chrono::milliseconds(1);

}  // namespace

Player::Session::Session(Player& player, const SessionTask& task, SessionPlan plan)
    : player_(player), task_(task), plan_(std::move(plan)) {
  timer_.owner = this;
  timer_.fire = [](engine::Timer& timer, engine::Time) noexcept {
    static_cast<OwnedTimer&>(timer).owner->End("timeout");
  };
}

Player::Session::~Session() {
  player_.loop_.Cancel(timer_);
  if (id_.generation != 0) player_.loop_.Close(id_);
}

void Player::Session::Open() {
  opened_ = player_.Now();
  if (Begin()) Connect();
}

void Player::Session::Connect() {
  engine::SocketId id;
  const engine::IoResult result = player_.loop_.Connect(player_.config_.address, *this, &id);
  if (result.error == EAGAIN && player_.Now() - opened_ < player_.config_.timeout)
    return player_.WakeAt(*this, player_.Now() + kRetryPause);
  if (!result.ok()) return End(absl::StrCat("connect: ", engine::ErrnoName(result.error)));
  id_ = id;
  Watch();
}

void Player::Session::OnWake() {
  wake_ = {};
  if (ended_) {
    player_.OnEnded(*this);
  } else if (id_.generation == 0) {
    Connect();
  } else {
    Pump();
  }
}

void Player::Session::OnBytes(engine::SocketId /*id*/, engine::Bytes bytes) noexcept {
  conversation_->Feed(bytes);
}

void Player::Session::OnTurnEnd(engine::SocketId /*id*/) noexcept {
  NoteEnds();
  Pump();
}

engine::Drained Player::Session::OnDirect(engine::SocketId /*id*/,
                                          engine::DirectSocket& /*socket*/) noexcept {
  return engine::Drained::kYes;  // never asked for
}

void Player::Session::OnWritable(engine::SocketId /*id*/) noexcept {
  if (!connected_) {
    connected_ = true;
    player_.recorder_.Connected(player_.Now() - task_.due);
    if (!idle()) player_.recorder_.SessionOpened();
  }
  Pump();
}

void Player::Session::OnGone(engine::SocketId /*id*/, int error) noexcept {
  if (!connected_) return End(absl::StrCat("connect: ", engine::ErrnoName(error)));
  NoteEnds();
  if (error != 0) return End(absl::StrCat("connection: ", engine::ErrnoName(error)));
  End(conversation_->FeedEnd() ? "" : conversation_->error());
}

// Says what there is to say until it waits for the other end, or for a time.
void Player::Session::Pump() {
  while (!ended_ && SendRest()) {
    if (Gather()) continue;
    if (ended_) return;
    if (const std::string error = conversation_->error(); !error.empty()) return End(error);
    if (conversation_->finished()) return End("");
    break;
  }
  if (!ended_) Watch();
}

// Fills the buffer over as many of the client's steps as may be done now, and sends it. False:
// there was nothing.
bool Player::Session::Gather() {
  static thread_local std::array<std::byte, kFillBytes> buffer;
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const std::size_t more = conversation_->Fill(engine::Bytes(buffer).subspan(filled));
    filled += more;
    NoteEnds();
    if (more > 0) continue;
    const milter::ClientStep step = conversation_->next_step();
    if (step == milter::ClientStep::kNone || !MayGo(step)) break;
    OnStep(step);
    conversation_->Advance();
  }
  if (filled == 0 || ended_) return false;
  // Before the send: the other end may run, and answer, before the call has returned.
  if (conversation_->awaits_verdict() && !end_sent_) end_sent_ = player_.Now();
  const iovec data{.iov_base = buffer.data(), .iov_len = filled};
  const engine::IoResult sent = player_.loop_.Send(id_, {&data, 1});
  const std::size_t taken = sent.value > 0 ? static_cast<std::size_t>(sent.value) : 0;
  rest_.assign(reinterpret_cast<const char*>(buffer.data()) + taken, filled - taken);
  rest_sent_ = 0;
  return true;
}

// True when all is out. Otherwise OnWritable or OnGone follows.
bool Player::Session::SendRest() {
  if (rest_sent_ == rest_.size()) return true;
  const iovec rest{.iov_base = rest_.data() + rest_sent_, .iov_len = rest_.size() - rest_sent_};
  const engine::IoResult sent = player_.loop_.Send(id_, {&rest, 1});
  if (sent.value > 0) rest_sent_ += static_cast<std::size_t>(sent.value);
  if (rest_sent_ < rest_.size()) return false;
  rest_ = {};
  rest_sent_ = 0;
  return true;
}

// The timeout runs while the other end has the turn.
void Player::Session::Watch() {
  const bool theirs = !connected_ || rest_sent_ < rest_.size() || conversation_->awaits_reply();
  if (theirs) {
    player_.loop_.Set(timer_, player_.loop_.now() + player_.config_.timeout);
  } else {
    player_.loop_.Cancel(timer_);
  }
}

// A connect that failed is reported at once and freed a little later, so that a closed loop does
// not spin against a daemon that is gone.
void Player::Session::End(const std::string& error) {
  if (ended_) return;
  ended_ = true;
  player_.loop_.Cancel(timer_);
  ReportEnd(error);
  if (id_.generation != 0) player_.loop_.Close(std::exchange(id_, {}));
  if (!connected_ && !error.empty()) {
    player_.WakeAt(*this, player_.Now() + kRetryPause);
  } else {
    player_.OnEnded(*this);
  }
}

}  // namespace replay
