// The recorder: takes copies from the loop's thread, and makes records of them in its own.
//
//   loop thread --> RecorderQueue (bounded) --> writer thread: SessionObserver per session
//                                                  --> RecordFilter --> RecorderOutput
//
//   recording --> ended, for good: kStopped    Stop() was called: all is written, EndRecord,
//   fdatasync
//                                  kTooSlow    the queue was full: what is in it is written, then
//                                  as
//                                              above
//                                  kWriteFailed  the disk is full or broken: nothing more is
//                                  written
//
// The loop's thread copies and goes on; it wakes the writer only when that sleeps, at most once per
// kGather: what came meanwhile is written in one go.
// Memory: the queue, kSessionsBytesMax held by all observers (a session beyond it is recorded no
// further), and what ampdp_copy.h allows. Records are written as they complete.
// Not its work: the layout of the file (tools/trace), what a session means (SessionObserver).
#ifndef MILLRACE_TOOLS_RECORD_RECORDER_H_
#define MILLRACE_TOOLS_RECORD_RECORDER_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "engine/base/counters.h"
#include "engine/base/log.h"
#include "tools/record/proxy_tap.h"
#include "tools/record/record_filter.h"
#include "tools/record/recorder_output.h"
#include "tools/record/recorder_queue.h"
#include "tools/trace/session_observer.h"

namespace record {

inline constexpr std::chrono::milliseconds kGather(20);
inline constexpr std::size_t kSessionsBytesMax = 1024 * engine::kMiB;

enum class RecorderEnd : std::uint8_t { kRecording, kStopped, kTooSlow, kWriteFailed };
// Since 1970.
std::uint64_t WallMicroseconds() noexcept;
const char* RecorderEndText(RecorderEnd end) noexcept;  // "stopped", "too slow", "write failed"

// What was written; the writer's thread counts.
enum class Recorded : std::uint8_t {
  kSessions,  // CloseRecords
  kTransactions,
  kScans,
  kBodiesKept,   // written
  kBodiesKnown,  // the file had them already
  kNotCaptured,  // bodies and messages that were to be captured and were not
  kCut,          // sessions that were not recorded to their end
  kEnd,
};

struct RecorderOptions {
  std::size_t buffer_bytes = 64 * engine::kMiB;
  RecordFilter* filter = nullptr;  // outlives it
  bool sync_every_second = false;
  engine::Log* log = nullptr;  // outlives it; nullptr: silent
  std::string program = "millrace-record";
};

class Recorder final : public RecorderInput {
 public:
  Recorder(std::unique_ptr<RecorderOutput> output, RecorderOptions options);
  ~Recorder();  // stops
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Writes the MetaRecord and starts the thread. An error: nothing can be written.
  absl::Status Start();
  // From the loop's thread, which gives no more afterwards: waits until all is written.
  void Stop() noexcept;

  // RecorderInput: the loop's thread.
  bool recording() const noexcept override {
    return end_.load(std::memory_order_relaxed) == RecorderEnd::kRecording;
  }
  std::uint64_t Open(std::uint64_t time_us) noexcept override;
  void Octets(std::uint64_t session,
              trace::Direction direction,
              engine::Gather parts,
              std::uint64_t time_us) noexcept override;
  void Close(std::uint64_t session,
             trace::Ending ending,
             int error,
             std::uint64_t time_us) noexcept override;
  void Scan(trace::ScanRecord&& record, std::shared_ptr<MessageCopy> copy) noexcept override;

  // Any thread.
  RecorderEnd end() const noexcept { return end_.load(std::memory_order_acquire); }
  std::uint64_t count(Recorded name) const noexcept { return counters_.Read(name); }
  std::size_t waiting_bytes() const noexcept { return queue_.bytes(); }
  // Sessions and scans that came after the recording had ended; the loop's thread.
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  class Sink;
  struct Scanned {
    trace::ScanRecord record;
    std::shared_ptr<MessageCopy> copy;
    std::size_t bytes = 0;
  };
  enum class WriterState : std::uint8_t { kAwake, kGathering, kAsleep };
  using Observers = std::map<std::uint64_t, std::unique_ptr<trace::SessionObserver>>;

  // The loop's thread.
  bool Push(const Event& event, engine::Gather parts) noexcept;
  void EndAsTooSlow() noexcept;
  void Wake() noexcept;

  // The writer's thread.
  void Run() noexcept;
  void Drain() noexcept;
  void Discard() noexcept;
  void Take(const Event& event, const std::array<std::string_view, 2>& octets) noexcept;
  void Feed(const Event& event, const std::array<std::string_view, 2>& octets) noexcept;
  void WriteScan(Scanned& scanned) noexcept;
  void WaitForWork() noexcept;
  void Poll(int milliseconds) noexcept;
  void SyncIfDue() noexcept;
  void CutSessions() noexcept;
  void WriteEnd() noexcept;
  void CountBody(const trace::BodyRef& body, std::uint64_t file_bytes_before) noexcept;
  bool Check(const absl::Status& status) noexcept;
  bool failed() const noexcept { return end() == RecorderEnd::kWriteFailed; }
  void LogEnd(std::string_view reason) noexcept;

  std::unique_ptr<RecorderOutput> output_;
  RecorderOptions options_;
  RecorderQueue queue_;
  std::unique_ptr<Sink> sink_;
  Observers observers_;
  std::size_t held_bytes_ = 0;  // by all observers
  std::uint64_t synced_at_us_ = 0;
  engine::Counters<Recorded> counters_;
  std::atomic<std::size_t> scan_bytes_{0};
  std::atomic<RecorderEnd> end_{RecorderEnd::kRecording};
  std::atomic<WriterState> writer_state_{WriterState::kAwake};
  std::atomic<bool> stopping_{false};
  int wake_ = -1;
  std::uint64_t next_session_ = 1;  // the loop's thread
  std::uint64_t dropped_ = 0;       // the loop's thread
  std::thread thread_;
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RECORDER_H_
