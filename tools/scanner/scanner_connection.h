// One connection of the scanner; the states are drawn in scanner_app.h. Part of ScannerApp.
#ifndef MILLRACE_TOOLS_SCANNER_SCANNER_CONNECTION_H_
#define MILLRACE_TOOLS_SCANNER_SCANNER_CONNECTION_H_

#include <string>

#include "tools/scanner/scanner_app.h"

namespace scanner {

class ScannerApp::Connection final : public engine::SocketEvents {
 public:
  explicit Connection(ScannerApp& app);
  ~Connection();  // closes the socket, forgets timer and held file
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Open(int fd);

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId id) noexcept override;
  engine::Drained OnDirect(engine::SocketId id, engine::DirectSocket& socket) noexcept override;
  void OnWritable(engine::SocketId id) noexcept override;
  void OnGone(engine::SocketId id, int error) noexcept override;

 private:
  enum class State : std::uint8_t { kReading, kScanning, kReplying, kHolding };
  struct OwnedTimer : engine::Timer {
    Connection* owner = nullptr;
  };

  void ReadRequest();
  void BeginRequest(std::size_t block_bytes);
  void Judge();
  void JudgeLate();
  std::string_view MailFile();
  void Wait(engine::Time time);
  void SetTimer(engine::Time time);
  void OnTimer();
  void Reply();
  void ApplyFault();
  void Flush();
  void Finish();
  void CloseSocket();
  void Free();  // the connection is gone after it
  bool open() const { return id_.generation != 0; }
  Fault fault() const { return rule_ == nullptr ? Fault::kNone : rule_->fault; }

  ScannerApp& app_;
  engine::SocketId id_;
  int fd_ = -1;
  State state_ = State::kReading;
  bool ended_ = false;        // the client will send no more
  bool more_ = false;         // kReading: the timer is set, to go on with what is in input_
  bool paused_ = false;       // too much came before its turn
  bool close_after_ = false;  // the reply is followed by the end
  bool read_later_ = false;   // the timer is that of a late read
  int held_file_ = -1;
  OwnedTimer timer_;
  ampdp::RequestReader reader_;
  std::string input_;    // bytes of the request being read, and what follows it
  std::string request_;  // the request being answered
  std::string output_;
  std::size_t sent_ = 0;
  std::string mail_file_;
  engine::Arena arena_;
  ampdp::ReceivedRequest facts_;
  const Rule* rule_ = nullptr;
};

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_SCANNER_CONNECTION_H_
