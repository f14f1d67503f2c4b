// The work items are mails: in the thread's mailbox on the way there, in the loop's on the way
// back.
#include "engine/io/file_thread.h"

#include <poll.h>
#include <sys/uio.h>

#include <cerrno>
#include <csignal>

#include "engine/base/check.h"

namespace engine {

FileThread::FileThread(Mailbox& home) noexcept : home_(home) {
  for (std::uint32_t i = 0; i < FileOps::kFileOpsMax; ++i) {
    works_[i].thread = this;
    works_[i].index = i;
  }
}

FileThread::~FileThread() {
  if (!thread_.joinable()) return;
  quit_.deliver = [](Mail&) noexcept {};
  quitting_.store(true, std::memory_order_release);
  inbox_.Post(quit_);
  thread_.join();
}

void FileThread::Submit(FileOp& op) noexcept {
  if (!thread_.joinable()) {
    ENGINE_CHECK(inbox_.wake_descriptor() >= 0);
    sigset_t all{};
    sigset_t before{};
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  Work& work = works_[ops_.Add(op)];
  work.op = &op;
  work.deliver = &FileThread::Write;
  inbox_.Post(work);
}

void FileThread::Run() noexcept {
  for (;;) {
    if (inbox_.PrepareSleep()) {
      pollfd wake{inbox_.wake_descriptor(), POLLIN, 0};
      ::poll(&wake, 1, -1);
      inbox_.Awake();
      inbox_.DrainWake();
    }
    const bool more = inbox_.Deliver();
    if (!more && quitting_.load(std::memory_order_acquire)) return;
  }
}

void FileThread::Write(Mail& mail) noexcept {
  auto& work = static_cast<Work&>(mail);
  const FileOp& op = *work.op;
  ssize_t wrote = 0;
  do {
    wrote = ::pwritev(
        op.file, op.data.data(), static_cast<int>(op.data.size()), static_cast<off_t>(op.offset));
  } while (wrote < 0 && errno == EINTR);
  work.result = wrote < 0 ? IoResult{0, errno} : IoResult{wrote, 0};
  work.deliver = &FileThread::Finish;
  work.thread->home_.Post(work);
}

void FileThread::Finish(Mail& mail) noexcept {
  auto& work = static_cast<Work&>(mail);
  work.thread->ops_.Finish(work.index, work.result);
}

}  // namespace engine
