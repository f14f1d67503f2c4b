// Exchanges out of two streams. See ampdp_tap.h.
#include "tools/record/ampdp_tap.h"

#include <string_view>
#include <utility>

namespace record {
namespace {

constexpr std::size_t kArenaBytesMax = 4 * engine::kMiB;
// A client that sends more before its reply came is no AM.PDP client.
constexpr std::size_t kRequestBytesMax = 2 * ampdp::kBlockBytesMax;

void Append(std::string* to, engine::Gather parts) {
  for (const iovec& part : parts)
    to->append(static_cast<const char*>(part.iov_base), part.iov_len);
}

trace::Captured CapturedOf(MessageCopy::State state) noexcept {
  switch (state) {
    case MessageCopy::State::kWhole: return trace::Captured::kWhole;
    case MessageCopy::State::kUnreadable: return trace::Captured::kUnreadable;
    case MessageCopy::State::kTooLarge: return trace::Captured::kTooLarge;
    case MessageCopy::State::kCopying:
    case MessageCopy::State::kLate: break;
  }
  return trace::Captured::kLate;
}

}  // namespace

AmpdpTap::AmpdpTap(ScanWorld& world, std::uint64_t time_us) noexcept
    : world_(world), time_us_(time_us) {}

AmpdpTap::~AmpdpTap() {
  if (copy_ != nullptr) copy_->ClaimLate();
}

void AmpdpTap::OnForward(trace::Direction direction) noexcept {
  if (direction == trace::Direction::kToServer && copy_ != nullptr) copy_->ClaimLate();
}

void AmpdpTap::OnOctets(trace::Direction direction,
                        engine::Gather parts,
                        std::uint64_t time_us) noexcept {
  if (phase_ == Phase::kLost) return;
  if (direction == trace::Direction::kToFilter) {
    Append(&request_, parts);
    if (request_.size() > kRequestBytesMax) return Lose();
    if (phase_ == Phase::kRequest) ReadRequest(time_us);
  } else {
    Append(&reply_, parts);
    if (phase_ == Phase::kRequest) return Lose();
    ReadReply(time_us);
  }
}

void AmpdpTap::ReadRequest(std::uint64_t time_us) noexcept {
  switch (request_reader_.Scan(request_)) {
    case ampdp::BlockStatus::kNeedMore: return;
    case ampdp::BlockStatus::kComplete: break;
    case ampdp::BlockStatus::kBlockTooLong:
    case ampdp::BlockStatus::kLineTooLong:
    case ampdp::BlockStatus::kTooManyAttributes: return Lose();
  }
  phase_ = Phase::kReply;
  request_us_ = time_us - time_us_;
  StartCopy();
}

// A request that cannot be parsed is recorded, without a message.
void AmpdpTap::StartCopy() noexcept {
  std::string block = request_.substr(0, request_reader_.block_bytes());
  engine::Arena arena(*world_.pool, kArenaBytesMax);
  ampdp::ReceivedRequest received;
  if (!ampdp::ParseRequest(block, arena, &received).ok()) return;
  std::string path(received.facts.mail_file);
  if (path.empty() && !received.facts.tempdir.empty())
    path = std::string(received.facts.tempdir) + "/email.txt";
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) return;
  copy_ = std::make_shared<MessageCopy>(std::move(path));
  // A request that came in advance: its reply may have gone on together with the one before it.
  if (!reply_.empty()) {
    copy_->ClaimLate();
    return;
  }
  world_.copier->Start(copy_);
}

void AmpdpTap::ReadReply(std::uint64_t time_us) noexcept {
  while (phase_ == Phase::kReply) {
    switch (reply_reader_.Scan(reply_)) {
      case ampdp::BlockStatus::kNeedMore: return;
      case ampdp::BlockStatus::kComplete: break;
      case ampdp::BlockStatus::kBlockTooLong:
      case ampdp::BlockStatus::kLineTooLong:
      case ampdp::BlockStatus::kTooManyAttributes: return Lose();
    }
    const std::size_t request_bytes = request_reader_.block_bytes();
    const std::size_t reply_bytes = reply_reader_.block_bytes();
    Emit(request_.substr(0, request_bytes), reply_.substr(0, reply_bytes), time_us);
    request_.erase(0, request_bytes);
    reply_.erase(0, reply_bytes);
    request_reader_.Reset();
    reply_reader_.Reset();
    phase_ = Phase::kRequest;
    time_us_ = time_us;
    if (!request_.empty()) ReadRequest(time_us);
  }
  if (!reply_.empty()) Lose();  // nobody asked for it
}

void AmpdpTap::Emit(std::string&& request, std::string&& reply, std::uint64_t time_us) noexcept {
  trace::ScanRecord record;
  record.time_us = time_us_;
  record.request_us = request_us_;
  record.reply_us = time_us - time_us_;
  record.request = std::move(request);
  record.reply = std::move(reply);
  record.captured = trace::Captured::kUnreadable;
  if (copy_ != nullptr) record.captured = CapturedOf(copy_->ClaimLate());
  std::shared_ptr<MessageCopy> copy = std::move(copy_);
  if (record.captured != trace::Captured::kWhole) copy.reset();
  world_.recorder->Scan(std::move(record), std::move(copy));
}

void AmpdpTap::Lose() noexcept {
  phase_ = Phase::kLost;
  ++world_.lost;
  if (copy_ != nullptr) copy_->ClaimLate();
  copy_.reset();
  request_.clear();
  request_.shrink_to_fit();
  reply_.clear();
  reply_.shrink_to_fit();
}

// What was not answered is recorded as far as it came. Its copy is not: a client that left may have
// used the folder again before anybody here knew of it.
void AmpdpTap::OnEnd(trace::Ending /*ending*/, int /*error*/, std::uint64_t time_us) noexcept {
  if (phase_ == Phase::kLost || request_.empty()) return;
  if (phase_ == Phase::kRequest) request_us_ = time_us - time_us_;
  trace::Captured captured = trace::Captured::kNone;
  if (phase_ == Phase::kReply) captured = trace::Captured::kUnreadable;
  if (copy_ != nullptr) captured = trace::Captured::kLate;
  // With a part of the reply on its way the copy was judged before that.
  const bool judged = copy_ != nullptr && !reply_.empty();
  if (judged) return Emit(std::move(request_), std::move(reply_), time_us);
  if (copy_ != nullptr) copy_->ClaimLate();
  copy_.reset();
  trace::ScanRecord record;
  record.time_us = time_us_;
  record.request_us = request_us_;
  record.reply_us = time_us - time_us_;
  record.captured = captured;
  record.request = std::move(request_);
  record.reply = std::move(reply_);
  world_.recorder->Scan(std::move(record), nullptr);
}

}  // namespace record
