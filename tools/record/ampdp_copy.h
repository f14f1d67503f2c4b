// Copies of spooled messages, taken while the scanner works on them.
//
//   loop thread:   request is whole -> MessageReader::Start      reply is about to go -> ClaimLate
//                                          |                                    |
//   reader thread: open, read, look again -'-> Finish(kWhole)     one compare-and-exchange each:
//                                                                 whoever comes first is right
//
//   kCopying --> kWhole | kUnreadable | kTooLarge      by the reader
//            '-> kLate                                 by the loop; the reader throws away
//
// A client may use the folder again once it has its reply, so a copy that is not complete before
// the reply's first octet goes on may be another message's. A client that left without a reply
// counts as answered, too: nobody knows when it left.
// Limits: one file is open at a time, kMessageBytesMax octets a message, kCopiesBytesMax of all
// copies together. The file must be a regular one (O_NOFOLLOW, O_NONBLOCK), and the same in size
// and times before and after.
// The path is the client's word. What this process may not read the client does not get to see:
// copies go into the trace file, which is this process's own.
#ifndef MILLRACE_TOOLS_RECORD_AMPDP_COPY_H_
#define MILLRACE_TOOLS_RECORD_AMPDP_COPY_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/base/units.h"

namespace record {

inline constexpr std::size_t kMessageBytesMax = 256 * engine::kMiB;
inline constexpr std::size_t kCopiesBytesMax = 512 * engine::kMiB;

class MessageCopy {
 public:
  enum class State : std::uint8_t { kCopying, kWhole, kUnreadable, kTooLarge, kLate };

  explicit MessageCopy(std::string path) : path_(std::move(path)) {}
  ~MessageCopy() {
    if (budget_ != nullptr) budget_->fetch_sub(charged_, std::memory_order_relaxed);
  }
  MessageCopy(const MessageCopy&) = delete;
  MessageCopy& operator=(const MessageCopy&) = delete;

  const std::string& path() const noexcept { return path_; }
  State state() const noexcept { return state_.load(std::memory_order_acquire); }

  // The loop: kCopying becomes kLate. Answers what it is now.
  State ClaimLate() noexcept {
    State expected = State::kCopying;
    state_.compare_exchange_strong(expected, State::kLate, std::memory_order_acq_rel);
    return state();
  }
  // The reader: kCopying becomes `state`. False: too late.
  bool Finish(State state) noexcept {
    State expected = State::kCopying;
    return state_.compare_exchange_strong(expected, state, std::memory_order_acq_rel);
  }

  // The reader's until Finish(kWhole), then whoever has read that state.
  std::string& content() noexcept { return content_; }
  // The octets count against `budget` from now on. False: it has no room for them.
  bool Charge(std::atomic<std::size_t>& budget, std::size_t bytes, std::size_t max) noexcept {
    if (budget.fetch_add(bytes, std::memory_order_relaxed) + bytes > max) {
      budget.fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    budget_ = &budget;
    charged_ += bytes;
    return true;
  }

 private:
  std::string path_;
  std::atomic<State> state_{State::kCopying};
  std::string content_;
  std::atomic<std::size_t>* budget_ = nullptr;
  std::size_t charged_ = 0;
};

class MessageCopier {
 public:
  // The loop's thread; never blocks. The copy is done, or not, at any time afterwards.
  virtual void Start(std::shared_ptr<MessageCopy> copy) noexcept = 0;

 protected:
  ~MessageCopier() = default;
};

// Reads in a thread of its own. Outlives the copies that it has made.
class MessageReader final : public MessageCopier {
 public:
  // For tests: called by the reader when a copy was read, before it is told so.
  using Hold = void (*)(void* context) noexcept;

  explicit MessageReader(Hold hold = nullptr, void* context = nullptr);
  ~MessageReader();  // waits for the file that is being read; what waits is not read any more
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  void Start(std::shared_ptr<MessageCopy> copy) noexcept override;

 private:
  void Run() noexcept;
  MessageCopy::State Read(MessageCopy& copy) noexcept;
  MessageCopy::State ReadAll(int file, std::size_t bytes, MessageCopy& copy) noexcept;

  Hold hold_;
  void* context_;
  std::atomic<std::size_t> held_bytes_{0};
  std::mutex mutex_;  // held for a queue operation, never while a file is read
  std::condition_variable wake_;
  std::deque<std::shared_ptr<MessageCopy>> queue_;
  bool stopping_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_AMPDP_COPY_H_
