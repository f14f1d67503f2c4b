// A loop of which only the mail works, and a time that the test sets: all that a slot pool needs.
//
// Every other call is a failed check. Post(): any thread; DeliverOne(): one thread.
#ifndef MILLRACE_TESTS_ENGINE_MAIL_LOOP_H_
#define MILLRACE_TESTS_ENGINE_MAIL_LOOP_H_

#include "engine/base/check.h"
#include "engine/io/loop.h"
#include "engine/io/mailbox.h"

namespace engine {

class MailLoop : public Loop {
 public:
  bool DeliverOne() noexcept {
    Mail* mail = queue_.Pop();
    if (mail == nullptr) return false;
    mail->deliver(*mail);
    return true;
  }
  void Post(Mail& mail) noexcept override { queue_.Push(mail); }

  SocketId Adopt(int, SocketEvents&, ReadMode) noexcept override { return Unused<SocketId>(); }
  IoResult Connect(const Address&, SocketEvents&, SocketId*) noexcept override {
    return Unused<IoResult>();
  }
  void Listen(int, void (*)(void*, int) noexcept, void*) noexcept override { Unused<int>(); }
  void StopListening(int) noexcept override { Unused<int>(); }
  void CloseDescriptor(int) noexcept override { Unused<int>(); }
  IoResult Send(SocketId, Gather) noexcept override { return Unused<IoResult>(); }
  IoResult SendFrom(SocketId, Pipe&, std::size_t) noexcept override { return Unused<IoResult>(); }
  void EndSending(SocketId) noexcept override { Unused<int>(); }
  void SetReadMode(SocketId, ReadMode) noexcept override { Unused<int>(); }
  void Close(SocketId) noexcept override { Unused<int>(); }
  void Set(Timer&, Time) noexcept override { Unused<int>(); }
  void Cancel(Timer&) noexcept override { Unused<int>(); }
  void Submit(FileOp&) noexcept override { Unused<int>(); }
  std::uint32_t file_ops() const noexcept override { return 0; }
  Disk& disk() noexcept override { return *Unused<Disk*>(); }
  Time now() const noexcept override { return now_; }
  void set_now(Time now) noexcept { now_ = now; }
  void RunTurn(Time) noexcept override { Unused<int>(); }
  const char* source_name() const noexcept override { return "mail only"; }
  std::uint64_t accept_pauses() const noexcept override { return 0; }

 private:
  template <typename T>
  static T Unused() noexcept {
    CheckFailed(__FILE__, __LINE__, "a pool calls nothing but Post and now");
  }
  MpscQueue queue_;
  Time now_{};
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_MAIL_LOOP_H_
