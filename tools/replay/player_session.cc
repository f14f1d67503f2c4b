// Bytes between MtaSession and a socket, and the clock beside them.
//
// A session that has ended waits for its timer before it is reported: the player then destroys it,
// and that must not happen inside one of its own callbacks.
#include "tools/replay/player_session.h"

#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"
#include "engine/base/clock.h"
#include "engine/base/errno_name.h"

namespace replay {
namespace {

constexpr std::size_t kFillBytes = 64 * engine::kKiB;
constexpr auto kEndOfMessage = static_cast<std::uint8_t>(milter::Command::kEndOfMessage);

}  // namespace

Player::Session::Session(Player& player, const milter::MtaOptions& options, const Task& task)
    : player_(player), task_(task), mta_(options, player.ScriptOf(task.purpose, task.transaction)) {
  timer_.owner = this;
  timer_.fire = [](engine::Timer& timer, engine::Time) noexcept {
    static_cast<OwnedTimer&>(timer).owner->OnTimer();
  };
  if (task_.purpose == Purpose::kIdle) {
    mta_.Advance();  // connect
    mta_.Advance();  // HELO
  }
}

Player::Session::~Session() {
  player_.loop_.Cancel(timer_);
  if (id_.generation != 0) player_.loop_.Close(id_);
}

void Player::Session::Open() {
  opened_ = engine::MonotonicNow();
  engine::SocketId id;
  const engine::IoResult result = player_.loop_.Connect(player_.config_.milter, *this, &id);
  if (!result.ok()) return End(absl::StrCat("connect: ", engine::ErrnoName(result.error)));
  id_ = id;
  player_.loop_.Set(timer_, player_.loop_.now() + player_.config_.timeout);
}

void Player::Session::OnBytes(engine::SocketId /*id*/, engine::Bytes bytes) noexcept {
  mta_.Feed(bytes);
}

void Player::Session::OnTurnEnd(engine::SocketId /*id*/) noexcept {
  NoteProgress();
  if (task_.purpose != Purpose::kIdle)
    player_.loop_.Set(timer_, player_.loop_.now() + player_.config_.timeout);
  Pump();
}

engine::Drained Player::Session::OnDirect(engine::SocketId /*id*/,
                                          engine::DirectSocket& /*socket*/) noexcept {
  return engine::Drained::kYes;  // never asked for
}

void Player::Session::OnWritable(engine::SocketId /*id*/) noexcept {
  connected_ = true;
  Pump();
}

void Player::Session::OnGone(engine::SocketId /*id*/, int error) noexcept {
  if (!connected_) return End(absl::StrCat("connect: ", engine::ErrnoName(error)));
  if (error != 0) return End(absl::StrCat("connection: ", engine::ErrnoName(error)));
  End("closed by the milter");
}

// Sends what MtaSession has to say until it waits for something.
void Player::Session::Pump() {
  static thread_local std::array<std::byte, kFillBytes> buffer;
  if (ended_ || !SendRest()) return;
  while (mta_.error() == milter::MtaError::kNone) {
    const std::size_t filled = mta_.Fill(buffer);
    if (filled == 0) break;
    // Before the send: the milter may run, and answer, before the call has returned.
    if (mta_.awaited_command() == kEndOfMessage && !end_of_message_)
      end_of_message_ = engine::MonotonicNow();
    rest_.assign(reinterpret_cast<const char*>(buffer.data()), filled);
    rest_sent_ = 0;
    if (!SendRest()) return;
  }
  if (mta_.error() != milter::MtaError::kNone)
    return End(absl::StrCat("milter: ", engine::ToAbsl(milter::MtaErrorText(mta_.error()))));
  if (mta_.finished()) return End("");
  if (task_.purpose == Purpose::kIdle && !stands_ && !mta_.awaits_reply()) {
    stands_ = true;
    ++player_.result_.idle_open;
    player_.loop_.Cancel(timer_);
  }
}

// True when all of rest_ is out.
bool Player::Session::SendRest() {
  while (rest_sent_ < rest_.size()) {
    const iovec rest{.iov_base = rest_.data() + rest_sent_, .iov_len = rest_.size() - rest_sent_};
    const engine::IoResult sent = player_.loop_.Send(id_, {&rest, 1});
    if (sent.value > 0) rest_sent_ += static_cast<std::size_t>(sent.value);
    if (!sent.ok() || rest_sent_ < rest_.size()) return false;  // OnWritable or OnGone follows
  }
  return true;
}

void Player::Session::NoteProgress() {
  if (mta_.transactions_done() == transactions_done_) return;
  transactions_done_ = mta_.transactions_done();
  if (!end_of_message_) return;
  const engine::Time waited = engine::MonotonicNow() - *std::exchange(end_of_message_, {});
  player_.result_.end_of_message.Record(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
}

void Player::Session::End(std::string error) {
  if (ended_) return;
  ended_ = true;
  error_ = std::move(error);
  if (id_.generation != 0) player_.loop_.Close(std::exchange(id_, {}));
  player_.loop_.Set(timer_, player_.loop_.now());
}

void Player::Session::OnTimer() {
  if (!ended_) return End("timeout");
  Report(std::move(error_));
  player_.OnDone(task_.slot);  // destroys this
}

void Player::Session::Report(std::string error) {
  PlayResult& result = player_.result_;
  result.last = engine::MonotonicNow();
  ++result.sessions;
  if (stands_) --result.idle_open;
  if (task_.purpose == Purpose::kIdle && error.empty()) error = "idle session ended";
  if (!error.empty()) player_.CountError(error);
  for (std::size_t i = 0; i < mta_.results().size(); ++i) {
    const milter::Outcome outcome = mta_.results()[i].outcome;
    if (task_.purpose == Purpose::kAbort) {
      ++result.aborted;
    } else if (i < mta_.transactions_done()) {
      ++result.messages;
      ++result.outcomes[static_cast<std::size_t>(outcome)];
    }
  }
  if (task_.purpose != Purpose::kOnce) return;
  OnceResult once{.transaction = task_.transaction, .error = std::move(error)};
  if (!mta_.results().empty()) once.result = mta_.results().front();
  once.time = result.last - opened_;
  result.once.push_back(std::move(once));
}

}  // namespace replay
