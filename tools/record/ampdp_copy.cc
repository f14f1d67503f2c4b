// The reader's thread. See ampdp_copy.h.
#include "tools/record/ampdp_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace record {
namespace {

constexpr std::size_t kReadBytes = 1 * engine::kMiB;

using State = MessageCopy::State;

bool Same(const timespec& a, const timespec& b) noexcept {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool Unchanged(const struct stat& before, const struct stat& after) noexcept {
  return before.st_size == after.st_size && Same(before.st_mtim, after.st_mtim) &&
         Same(before.st_ctim, after.st_ctim);
}

}  // namespace

MessageReader::MessageReader(Hold hold, void* context)
    : hold_(hold), context_(context), thread_([this] { Run(); }) {}

MessageReader::~MessageReader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_one();
  thread_.join();
}

void MessageReader::Start(std::shared_ptr<MessageCopy> copy) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(copy));
  }
  wake_.notify_one();
}

void MessageReader::Run() noexcept {
  for (;;) {
    std::shared_ptr<MessageCopy> copy;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      copy = std::move(queue_.front());
      queue_.pop_front();
    }
    if (copy->state() != State::kCopying) continue;
    const State state = Read(*copy);
    if (hold_ != nullptr) hold_(context_);
    if (!copy->Finish(state)) copy->content().clear();
  }
}

State MessageReader::Read(MessageCopy& copy) noexcept {
  const int file =
      ::open(copy.path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return State::kUnreadable;
  struct stat before {};
  State state = State::kUnreadable;
  if (::fstat(file, &before) == 0 && S_ISREG(before.st_mode)) {
    const auto bytes = static_cast<std::size_t>(before.st_size);
    const bool room = bytes <= kMessageBytesMax && copy.Charge(held_bytes_, bytes, kCopiesBytesMax);
    state = room ? ReadAll(file, bytes, copy) : State::kTooLarge;
    struct stat after {};
    if (state == State::kWhole && (::fstat(file, &after) != 0 || !Unchanged(before, after)))
      state = State::kUnreadable;
  }
  ::close(file);
  return state;
}

// Gives up early when the copy is late: whoever looks for users of the file finds one less.
State MessageReader::ReadAll(int file, std::size_t bytes, MessageCopy& copy) noexcept {
  std::string& content = copy.content();
  content.resize(bytes);
  std::size_t have = 0;
  while (have < bytes) {
    if (copy.state() == State::kLate) return State::kUnreadable;
    const ssize_t got = ::read(file, content.data() + have, std::min(kReadBytes, bytes - have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return State::kUnreadable;
    have += static_cast<std::size_t>(got);
  }
  return State::kWhole;
}

}  // namespace record
