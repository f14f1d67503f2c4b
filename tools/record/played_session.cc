// The filter's end is two packets: the answer to OPTNEG, and CONTINUE.
#include "tools/record/played_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "milter/negotiate.h"
#include "milter/replies.h"

namespace record {
namespace {

constexpr std::size_t kFillBytes = 256 * engine::kKiB;
constexpr std::size_t kReplyBytes = 1024;

// Nothing is answered but the end of the message; all commands and the white space of header fields
// are seen.
milter::FilterOptions TakeEverything() {
  milter::FilterOptions options;
  options.protocol = milter::kNoReplyAll | milter::kLeadingSpace;
  return options;
}

class Playing {
 public:
  Playing(const PlayedSession& played, std::uint64_t number, trace::RecordSink& sink)
      : played_(played),
        options_{.kind = played.kind, .buffer_bytes = 0, .paced = true},
        mta_(options_, played.script),
        observer_(sink, number, played.connect_us),
        now_us_(played.connect_us),
        steps_before_mail_(1 + played.script.helo_count) {
    buffer_.resize(kFillBytes);
  }

  bool Run() {
    for (;;) {
      const std::size_t bytes = mta_.Fill(std::as_writable_bytes(std::span<char>(buffer_)));
      if (bytes != 0) {
        Sent({buffer_.data(), bytes});
      } else if (mta_.awaits_reply()) {
        Answer();
      } else if (mta_.awaits_client()) {
        now_us_ = NextStep();
        mta_.Advance();
      } else {
        break;
      }
    }
    observer_.OnEnd(trace::Ending::kServerClosed, 0, now_us_);
    return mta_.error() == milter::MtaError::kNone && mta_.finished() &&
           mta_.transactions_done() == played_.script.transactions.size();
  }

  std::uint64_t now_us() const noexcept { return now_us_; }

 private:
  void Sent(std::string_view octets) {
    observer_.OnOctets(trace::Direction::kToFilter, octets, now_us_);
    now_us_ += octets.size() * 1'000'000 / kContentBytesPerSecond;
  }

  void Answer() {
    std::array<std::byte, kReplyBytes> reply{};
    milter::ReplyWriter writer(reply, true);
    if (mta_.awaited_command() == static_cast<std::uint8_t>(milter::Command::kNegotiate)) {
      const milter::FilterOptions filter = TakeEverything();
      writer.Negotiate(milter::Negotiate(options_.offer, filter).answer);
    } else {
      writer.Continue();
    }
    const std::size_t bytes = writer.written();
    const std::string_view octets(reinterpret_cast<const char*>(reply.data()), bytes);
    observer_.OnOctets(trace::Direction::kToServer, octets, now_us_);
    mta_.Feed(std::span(reply).first(bytes));
  }

  // The step that begins a message waits for the message's time.
  std::uint64_t NextStep() {
    const std::uint64_t soonest = now_us_ + kStepUs;
    if (steps_before_mail_ != 0) {
      --steps_before_mail_;
      return soonest;
    }
    const std::size_t done = mta_.transactions_done();
    const bool begins = mta_.results().size() == done;
    if (!begins || done >= played_.message_us.size()) return soonest;
    return std::max(soonest, played_.message_us[done]);
  }

  const PlayedSession& played_;
  milter::MtaOptions options_;
  milter::MtaSession mta_;
  trace::SessionObserver observer_;
  std::uint64_t now_us_;
  std::uint32_t steps_before_mail_;
  std::string buffer_;
};

}  // namespace

bool PlaySession(const PlayedSession& played,
                 std::uint64_t number,
                 trace::RecordSink& sink,
                 std::uint64_t* end_us) {
  Playing playing(played, number, sink);
  const bool whole = playing.Run();
  if (end_us != nullptr) *end_us = playing.now_us();
  return whole;
}

}  // namespace record
