// Commands and replies to an outcome.
#include "tools/trace/verdict.h"

#include "milter/mta_reply.h"

namespace trace {
namespace {

using milter::Command;
using milter::Outcome;
using milter::Reply;

std::uint8_t Byte(Command command) noexcept {
  return static_cast<std::uint8_t>(command);
}

bool IsOfMessage(std::uint8_t code) noexcept {
  switch (static_cast<Command>(code)) {
    case Command::kMail:
    case Command::kRcpt:
    case Command::kData:
    case Command::kHeader:
    case Command::kEndOfHeaders:
    case Command::kBody:
    case Command::kEndOfMessage: return true;
    case Command::kNegotiate:
    case Command::kMacro:
    case Command::kConnect:
    case Command::kHelo:
    case Command::kAbort:
    case Command::kQuit:
    case Command::kQuitNc:
    case Command::kUnknown: break;
  }
  return false;
}

}  // namespace

void Verdict::OnCommand(std::uint8_t code) noexcept {
  if (code == Byte(Command::kMacro)) return;
  awaited_ = code;
  // The client tries again.
  if (code == Byte(Command::kData) && !over_) {
    outcome_ = Outcome::kNone;
    decided_at_ = 0;
  }
}

bool Verdict::OnReply(std::uint8_t code, std::string_view payload) noexcept {
  const auto reply = static_cast<Reply>(code);
  if (awaited_ == 0 || reply == Reply::kNegotiate || !milter::IsFinal(reply)) return false;
  answered_ = awaited_;
  awaited_ = 0;
  if (over_ || !IsOfMessage(answered_)) return true;
  switch (reply) {
    case Reply::kContinue: OnContinue(); break;
    case Reply::kAccept: Decide(Outcome::kAccepted, true); break;
    case Reply::kDiscard: Decide(Outcome::kDiscarded, true); break;
    case Reply::kReject: OnRefusal(Outcome::kRejected); break;
    case Reply::kTempfail:
    case Reply::kShutdown: OnRefusal(Outcome::kTempfailed); break;
    case Reply::kReplyCode:
      OnRefusal(payload.starts_with('5') ? Outcome::kRejected : Outcome::kTempfailed);
      break;
    case Reply::kNegotiate:
    case Reply::kSkip:
    case Reply::kProgress:
    case Reply::kQuarantine:
    case Reply::kAddHeader:
    case Reply::kInsertHeader:
    case Reply::kChangeHeader:
    case Reply::kReplaceBody:
    case Reply::kAddRcpt:
    case Reply::kAddRcptPar:
    case Reply::kDeleteRcpt:
    case Reply::kChangeFrom: break;
  }
  return true;
}

void Verdict::OnContinue() noexcept {
  if (answered_ == Byte(Command::kEndOfMessage)) Decide(Outcome::kAccepted, true);
}

void Verdict::OnRefusal(Outcome outcome) noexcept {
  if (answered_ == Byte(Command::kRcpt)) return;
  Decide(outcome, answered_ != Byte(Command::kData));
}

void Verdict::Decide(Outcome outcome, bool over) noexcept {
  outcome_ = outcome;
  decided_at_ = answered_;
  over_ = over;
}

}  // namespace trace
