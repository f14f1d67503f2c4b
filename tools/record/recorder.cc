// The loop's side, and the writer's waiting. What is written is in recorder_writer.cc.
//
// Sleeping: the writer says so, then looks at the queue; the loop's thread pushes, then looks at
// what the writer says. Both in one order (sequentially consistent), so one of the two sees the
// other. A wake-up is an eventfd: it is not lost, whenever it comes.
#include "tools/record/recorder.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"

namespace record {
namespace {

// One entry of the queue: small against the smallest queue.
constexpr std::size_t kEntryBytesMax = 128 * engine::kKiB;
constexpr int kSecondMs = 1000;

std::string Rfc3339Now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  text[std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)] = '\0';
  return text;
}

}  // namespace

const char* RecorderEndText(RecorderEnd end) noexcept {
  switch (end) {
    case RecorderEnd::kRecording: return "recording";
    case RecorderEnd::kStopped: return "stopped";
    case RecorderEnd::kTooSlow: return "too slow";
    case RecorderEnd::kWriteFailed: return "write failed";
  }
  return "";
}

std::uint64_t WallMicroseconds() noexcept {
  return static_cast<std::uint64_t>(engine::WallNow().count()) / 1000;
}

absl::Status Recorder::Start() {
  trace::MetaRecord meta;
  meta.time_us = WallMicroseconds();
  meta.json = absl::StrCat("{\"program\":\"",
                           options_.program,
                           "\",\"source\":\"proxy\",\"started\":\"",
                           Rfc3339Now(),
                           "\"}");
  if (options_.filter != nullptr) options_.filter->Rewrite(meta);
  if (absl::Status status = output_->Write(meta); !status.ok()) return status;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Recorder::Stop() noexcept {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_seq_cst);
  Wake();
  thread_.join();
  // After a failed write scans may be left: their copies must not outlive the MessageReader.
  Discard();
}

void Recorder::Wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_, &one, sizeof one);
}

// The disk is too slow, unless something else has ended the recording already.
void Recorder::EndAsTooSlow() noexcept {
  RecorderEnd expected = RecorderEnd::kRecording;
  end_.compare_exchange_strong(expected, RecorderEnd::kTooSlow, std::memory_order_acq_rel);
  Wake();
}

// False: there was no room, and the recording has ended.
bool Recorder::Push(const Event& event, engine::Gather parts) noexcept {
  if (!queue_.Push(event, parts)) {
    EndAsTooSlow();
    return false;
  }
  WriterState state = writer_state_.load(std::memory_order_seq_cst);
  const bool hurry = queue_.bytes() > queue_.capacity() / 8;
  if (state == WriterState::kAwake || (state == WriterState::kGathering && !hurry)) return true;
  if (writer_state_.compare_exchange_strong(
          state, WriterState::kAwake, std::memory_order_seq_cst)) {
    Wake();
  }
  return true;
}

std::uint64_t Recorder::Open(std::uint64_t time_us) noexcept {
  const std::uint64_t session = next_session_++;
  if (recording()) {
    Push({.session = session, .time_us = time_us, .kind = EventKind::kOpen}, {});
  } else {
    ++dropped_;
  }
  return session;
}

void Recorder::Octets(std::uint64_t session,
                      trace::Direction direction,
                      engine::Gather parts,
                      std::uint64_t time_us) noexcept {
  for (const iovec& part : parts) {
    for (std::size_t at = 0; at < part.iov_len && recording(); at += kEntryBytesMax) {
      const iovec piece{static_cast<char*>(part.iov_base) + at,
                        std::min(kEntryBytesMax, part.iov_len - at)};
      Push({.session = session,
            .time_us = time_us,
            .bytes = static_cast<std::uint32_t>(piece.iov_len),
            .kind = EventKind::kOctets,
            .detail = static_cast<std::uint8_t>(direction)},
           {&piece, 1});
    }
  }
}

void Recorder::Close(std::uint64_t session,
                     trace::Ending ending,
                     int error,
                     std::uint64_t time_us) noexcept {
  if (!recording()) return;
  Push({.session = session,
        .time_us = time_us,
        .bytes = static_cast<std::uint32_t>(error),
        .kind = EventKind::kClose,
        .detail = static_cast<std::uint8_t>(ending)},
       {});
}

void Recorder::Scan(trace::ScanRecord&& record, std::shared_ptr<MessageCopy> copy) noexcept {
  if (!recording()) {
    ++dropped_;
    return;
  }
  const std::size_t bytes = record.request.size() + record.reply.size();
  if (scan_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > queue_.capacity())
    return EndAsTooSlow();
  auto scanned = std::make_unique<Scanned>(Scanned{std::move(record), std::move(copy), bytes});
  if (!Push({.object = scanned.get(), .kind = EventKind::kScan}, {})) return;
  [[maybe_unused]] const Scanned* const given = scanned.release();  // the writer's from now on
}

void Recorder::Poll(int milliseconds) noexcept {
  pollfd wake{.fd = wake_, .events = POLLIN, .revents = 0};
  if (::poll(&wake, 1, milliseconds) <= 0) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_, &count, sizeof count);
}

// Returns when something is there and was given time to become more, or at the end.
void Recorder::WaitForWork() noexcept {
  writer_state_.store(WriterState::kAsleep, std::memory_order_seq_cst);
  if (queue_.bytes() == 0 && !stopping_.load(std::memory_order_seq_cst) && recording())
    Poll(options_.sync_every_second ? kSecondMs : -1);
  writer_state_.store(WriterState::kGathering, std::memory_order_seq_cst);
  const bool hurry = queue_.bytes() > queue_.capacity() / 8;
  if (!hurry && !stopping_.load(std::memory_order_seq_cst) && recording())
    Poll(static_cast<int>(kGather.count()));
  writer_state_.store(WriterState::kAwake, std::memory_order_seq_cst);
}

}  // namespace record
