// The jobs are mails: in the thread's mailbox on the way there, in the loop's on the way
// back.
#include "engine/io/file_thread.h"

#include <poll.h>
#include <pthread.h>

#include <csignal>

#include "engine/base/check.h"

namespace engine {

FileThread::FileThread(Mailbox& home, Disk* disk, StallGovernor* stalls, const char* name) noexcept
    : ops_(stalls), home_(home), disk_(disk), name_(name) {
  for (std::uint32_t i = 0; i < FileOps::kFileOpsMax; ++i) {
    jobs_[i].thread = this;
    jobs_[i].index = i;
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
    ENGINE_CHECK(disk_ != nullptr);
    ENGINE_CHECK(inbox_.wake_descriptor() >= 0);
    sigset_t all{};
    sigset_t before{};
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  Job& job = jobs_[ops_.Add(op)];
  job.op = &op;
  job.deliver = &FileThread::Work;
  inbox_.Post(job);
}

void FileThread::Run() noexcept {
  ::pthread_setname_np(::pthread_self(), name_);
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

void FileThread::Work(Mail& mail) noexcept {
  auto& job = static_cast<Job&>(mail);
  job.result = Perform(*job.thread->disk_, *job.op);
  job.deliver = &FileThread::Finish;
  job.thread->home_.Post(job);
}

void FileThread::Finish(Mail& mail) noexcept {
  auto& job = static_cast<Job&>(mail);
  job.thread->ops_.Finish(job.index, job.result);
}

}  // namespace engine
