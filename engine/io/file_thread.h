// The threads that do a loop's file operations where its kernel interface has none for them: all
// kinds under epoll, all but heavy writes under io_uring.
//
//   loop: Submit -> thread's mailbox -> Disk call -> loop's mailbox -> FileOp::done in the loop
//
// Two to a loop, of which one does what is heavy: on a throttled disk a removal waits until the
// pages of its file that are on their way to the disk are there. And the kernel holds up a thread
// by what this thread has made dirty: one that only ever writes a little is held up little.
//
// Started with the first operation (only a stalling disk asks for one). It blocks all signals. One
// operation at a time, in order: behind a frozen file system the others wait, and the shard does
// not. Bounded by FileOps::kFileOpsMax, no heap. The destructor waits for what is in flight,
// without telling `done`; a file system that stays frozen holds it, and no signal helps: a thread
// that waits for a thaw cannot be killed.
#ifndef MILLRACE_ENGINE_IO_FILE_THREAD_H_
#define MILLRACE_ENGINE_IO_FILE_THREAD_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include "engine/io/file_ops.h"
#include "engine/io/mailbox.h"

namespace engine {

class FileThread {
 public:
  // `home` is the mailbox of the loop that submits. `disk` is for this thread alone, with the same
  // root as the shard's own; nullptr: nothing is ever submitted. Both outlive this, and `stalls`.
  // `name`: of the thread, at most 15 octets.
  FileThread(Mailbox& home, Disk* disk, StallGovernor* stalls, const char* name) noexcept;
  ~FileThread();
  FileThread(const FileThread&) = delete;
  FileThread& operator=(const FileThread&) = delete;

  // The loop's thread, both.
  void Submit(FileOp& op) noexcept;
  std::uint32_t in_flight() const noexcept { return ops_.in_flight(); }

 private:
  struct Job : Mail {
    FileThread* thread = nullptr;
    std::uint32_t index = 0;
    FileOp* op = nullptr;
    IoResult result;
  };

  void Run() noexcept;
  static void Work(Mail& mail) noexcept;    // in the file thread
  static void Finish(Mail& mail) noexcept;  // back in the loop's

  Mailbox inbox_;
  FileOps ops_;
  std::array<Job, FileOps::kFileOpsMax> jobs_;
  Mail quit_;
  std::thread thread_;
  Mailbox& home_;
  Disk* disk_;
  const char* name_;
  std::atomic<bool> quitting_{false};
};

// A loop's two: FileOp::heavy goes to one of them, the rest to the other.
class FileThreads {
 public:
  // `heavy_disk` nullptr: there is one thread, for all.
  FileThreads(Mailbox& home, Disk* disk, Disk* heavy_disk, StallGovernor* stalls) noexcept
      : light_(home, disk, stalls, "file-work"),
        heavy_(home, heavy_disk, stalls, "file-heavy"),
        has_heavy_(heavy_disk != nullptr) {}

  void Submit(FileOp& op) noexcept { (op.heavy && has_heavy_ ? heavy_ : light_).Submit(op); }
  std::uint32_t in_flight() const noexcept { return light_.in_flight() + heavy_.in_flight(); }

 private:
  FileThread light_;
  FileThread heavy_;
  bool has_heavy_;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_FILE_THREAD_H_
