// From bytes to a request, from a request to a reply, and every way in which that goes wrong on
// purpose.
#include "tools/scanner/scanner_connection.h"

#include <sys/uio.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"

namespace scanner {
namespace {

constexpr std::size_t kArenaBytesMax = 4 * engine::kMiB;
constexpr std::size_t kInputBytesMax = 2 * ampdp::kBlockBytesMax;  // then reading pauses
constexpr std::string_view kGarbage{"\0\x01\xff no reply\r\n%%%\r\n\r\n", 19};
constexpr std::string_view kVerdictName = "return_value=";

// Replaces the return_value line of a reply.
void ReplaceVerdict(std::string_view lines, std::string* wire) {
  const std::size_t start = wire->find(kVerdictName);
  if (start == std::string::npos) return;
  wire->replace(start, wire->find('\n', start) + 1 - start, lines);
}

}  // namespace

ScannerApp::Connection::Connection(ScannerApp& app) : app_(app), arena_(app.pool_, kArenaBytesMax) {
  timer_.owner = this;
  timer_.fire = [](engine::Timer& timer, engine::Time) noexcept {
    static_cast<OwnedTimer&>(timer).owner->OnTimer();
  };
}

ScannerApp::Connection::~Connection() {
  app_.loop_.Cancel(timer_);
  if (held_file_ >= 0) app_.host_.Release(held_file_);
  CloseSocket();
}

void ScannerApp::Connection::Open(int fd) {
  fd_ = fd;
  id_ = app_.loop_.Adopt(fd, *this, engine::ReadMode::kSmall);
}

void ScannerApp::Connection::OnBytes(engine::SocketId /*id*/, engine::Bytes bytes) noexcept {
  input_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void ScannerApp::Connection::OnTurnEnd(engine::SocketId /*id*/) noexcept {
  if (state_ == State::kReading && !more_) return ReadRequest();
  if (input_.size() < kInputBytesMax) return;
  app_.loop_.SetReadMode(id_, engine::ReadMode::kPaused);
  paused_ = true;
}

engine::Drained ScannerApp::Connection::OnDirect(engine::SocketId /*id*/,
                                                 engine::DirectSocket& /*socket*/) noexcept {
  return engine::Drained::kYes;  // never asked for
}

void ScannerApp::Connection::OnWritable(engine::SocketId /*id*/) noexcept {
  if (state_ == State::kReplying) Flush();
}

void ScannerApp::Connection::OnGone(engine::SocketId /*id*/, int error) noexcept {
  ended_ = true;
  if (state_ == State::kScanning) ++app_.statistics_.gone_while_inside;
  if (error != 0) CloseSocket();
  switch (state_) {
    case State::kReading:
      if (more_) return;  // requests that it sent before are still to be answered
      return Free();
    case State::kScanning:
      if (fault() != Fault::kHang) return;  // as amavisd: noticed when the reply is written
      app_.LeaveInside();
      return Free();
    case State::kReplying:
      if (open()) return;  // half closed: the reply is still wanted
      return Flush();
    case State::kHolding: return;
  }
}

void ScannerApp::Connection::ReadRequest() {
  switch (reader_.Scan(input_)) {
    case ampdp::BlockStatus::kNeedMore:
      if (ended_) Free();
      return;
    case ampdp::BlockStatus::kComplete: return BeginRequest(reader_.block_bytes());
    case ampdp::BlockStatus::kBlockTooLong:
    case ampdp::BlockStatus::kLineTooLong:
    case ampdp::BlockStatus::kTooManyAttributes: break;
  }
  ++app_.statistics_.broken_requests;
  Free();
}

void ScannerApp::Connection::BeginRequest(std::size_t block_bytes) {
  state_ = State::kScanning;
  app_.EnterInside();
  reader_.Reset();
  rule_ = nullptr;
  if (!app_.config_.fixed_reply.empty()) {
    input_.erase(0, block_bytes);
    output_ = app_.config_.fixed_reply;
    ++app_.statistics_.fixed_replies;
    return Wait(app_.DelayOf(nullptr));
  }
  request_.assign(input_, 0, block_bytes);
  input_.erase(0, block_bytes);
  arena_.Reset();
  const ampdp::RequestError error = ampdp::ParseRequest(request_, arena_, &facts_);
  if (!error.ok() || facts_.request != "AM.PDP") {
    ++app_.statistics_.broken_requests;
    const char* reason =
        error.ok() ? "request is not AM.PDP" : ampdp::RequestFaultText(error.fault);
    WriteAnswer(MakeFailure(app_.NextLogId(), reason), &output_);
    return Wait({});
  }
  rule_ = app_.PickLateRule(facts_.facts);
  if (rule_ == nullptr) return Judge();
  read_later_ = true;
  if (rule_->fault == Fault::kLateRead) return SetTimer(rule_->hold);
  WriteAnswer(MakeAnswer(facts_.facts, {}, rule_, app_.NextLogId()), &output_);
  output_.resize(output_.size() / 2);
  ++app_.statistics_.faults;
  state_ = State::kReplying;
  Flush();
}

std::string_view ScannerApp::Connection::MailFile() {
  if (!facts_.facts.mail_file.empty()) return facts_.facts.mail_file;
  mail_file_ = absl::StrCat(engine::ToAbsl(facts_.facts.tempdir), "/email.txt");
  return mail_file_;
}

// Reads and checks the message, and writes the reply to come.
void ScannerApp::Connection::Judge() {
  const std::string log_id = app_.NextLogId();
  Answer answer;
  if (app_.host_.ReadFile(MailFile(), &app_.content_, &app_.reason_)) {
    const Findings findings = app_.scan_.Run(app_.content_);
    if (rule_ == nullptr) rule_ = app_.PickRule(facts_.facts, findings);
    answer = MakeAnswer(facts_.facts, findings, rule_, log_id);
  } else {
    ++app_.statistics_.unreadable_files;
    app_.content_.clear();
    answer = MakeFailure(log_id, app_.reason_);
  }
  ++app_.statistics_.verdicts[static_cast<std::size_t>(answer.verdict)];
  WriteAnswer(answer, &output_);
  if (app_.config_.verbose) {
    app_.host_.Log(absl::StrCat("log_id=",
                                log_id,
                                " queue_id=",
                                engine::ToAbsl(facts_.facts.queue_id),
                                " recipients=",
                                facts_.facts.recipients.size(),
                                " bytes=",
                                app_.content_.size(),
                                " verdict=",
                                ampdp::VerdictText(answer.verdict),
                                " fault=",
                                FaultText(fault())));
  }
  if (read_later_) return;
  if (fault() == Fault::kKeepOpen) held_file_ = app_.host_.HoldOpen(MailFile());
  if (fault() != Fault::kHang) return Wait(app_.DelayOf(rule_));
  ++app_.statistics_.faults;
  if (!ended_) return;
  app_.LeaveInside();  // nobody is left to hang for
  Free();
}

// The late read itself: what is in the file by now is the host's to judge.
void ScannerApp::Connection::JudgeLate() {
  ++app_.statistics_.late_reads;
  Judge();
  app_.host_.OnLateRead(facts_.facts, app_.content_);
  read_later_ = false;
}

// The file is read, the reply is ready; `time` passes before it goes out.
void ScannerApp::Connection::Wait(engine::Time time) {
  if (time <= engine::Time{}) return Reply();
  SetTimer(time);
}

void ScannerApp::Connection::SetTimer(engine::Time time) {
  app_.loop_.Set(timer_, app_.loop_.now() + time);
}

void ScannerApp::Connection::OnTimer() {
  if (state_ == State::kReading) {
    more_ = false;
    return ReadRequest();
  }
  if (state_ == State::kHolding) {
    if (held_file_ >= 0) app_.host_.Release(std::exchange(held_file_, -1));
    return Finish();
  }
  if (!read_later_) return Reply();
  JudgeLate();
  if (fault() == Fault::kLateRead) return Reply();
  app_.LeaveInside();
  Free();
}

void ScannerApp::Connection::Reply() {
  state_ = State::kReplying;
  if (fault() != Fault::kNone) ApplyFault();
  Flush();
}

void ScannerApp::Connection::ApplyFault() {
  ++app_.statistics_.faults;
  switch (fault()) {
    case Fault::kNone:
    case Fault::kHang:
    case Fault::kLateRead:
    case Fault::kKeepOpen:
    case Fault::kHalfLateRead: break;
    case Fault::kHalf:
      output_.resize(output_.size() / 2);
      close_after_ = true;
      break;
    case Fault::kGarbage: output_ = kGarbage; break;
    case Fault::kReset:
      if (open()) app_.host_.Reset(fd_);
      [[fallthrough]];
    case Fault::kClose:
      output_.clear();
      close_after_ = true;
      break;
    case Fault::kNoVerdict: ReplaceVerdict("", &output_); break;
    case Fault::kTwoVerdicts:
      ReplaceVerdict("return_value=reject\r\nreturn_value=continue\r\n", &output_);
      break;
  }
}

void ScannerApp::Connection::Flush() {
  while (open() && sent_ < output_.size()) {
    const iovec rest{.iov_base = output_.data() + sent_, .iov_len = output_.size() - sent_};
    const engine::IoResult sent = app_.loop_.Send(id_, {&rest, 1});
    if (sent.value > 0) sent_ += static_cast<std::size_t>(sent.value);
    if (!sent.ok()) CloseSocket();                 // nobody is there to read it
    if (open() && sent_ < output_.size()) return;  // OnWritable follows
  }
  output_.clear();
  sent_ = 0;
  if (read_later_) {  // a half reply has gone out; the file is still to be read
    CloseSocket();
    state_ = State::kScanning;
    return SetTimer(rule_->hold);
  }
  app_.LeaveInside();
  if (fault() == Fault::kKeepOpen && held_file_ >= 0) {
    state_ = State::kHolding;
    return SetTimer(rule_->hold);
  }
  Finish();
}

// The exchange is over: on to the connection's next request, or away with it.
void ScannerApp::Connection::Finish() {
  state_ = State::kReading;
  rule_ = nullptr;
  if (close_after_ || !open() || (ended_ && input_.empty())) return Free();
  if (std::exchange(paused_, false)) app_.loop_.SetReadMode(id_, engine::ReadMode::kSmall);
  if (input_.empty()) return;
  more_ = true;  // by way of the timer: a long row of requests must not nest
  SetTimer({});
}

void ScannerApp::Connection::CloseSocket() {
  if (open()) app_.loop_.Close(std::exchange(id_, {}));
}

void ScannerApp::Connection::Free() {
  app_.connections_.Free(*this);
}

}  // namespace scanner
