// One helper thread that writes for a loop whose kernel interface has no asynchronous file writes.
//
//   loop: Submit -> thread's mailbox -> pwritev -> loop's mailbox -> FileOp::done in the loop
//
// Started with the first operation (only a stalling disk asks for one). It blocks all signals. One
// operation at a time, in order. The destructor waits for what is in flight, without telling
// `done`.
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
  // `home` is the mailbox of the loop that submits; it outlives this.
  explicit FileThread(Mailbox& home) noexcept;
  ~FileThread();
  FileThread(const FileThread&) = delete;
  FileThread& operator=(const FileThread&) = delete;

  void Submit(FileOp& op) noexcept;

 private:
  struct Work : Mail {
    FileThread* thread = nullptr;
    std::uint32_t index = 0;
    FileOp* op = nullptr;
    IoResult result;
  };

  void Run() noexcept;
  static void Write(Mail& mail) noexcept;   // in the helper thread
  static void Finish(Mail& mail) noexcept;  // back in the loop's

  Mailbox inbox_;
  FileOps ops_;
  std::array<Work, FileOps::kFileOpsMax> works_;
  Mail quit_;
  std::thread thread_;
  Mailbox& home_;
  std::atomic<bool> quitting_{false};
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_IO_FILE_THREAD_H_
