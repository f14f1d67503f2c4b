// A mail server in the simulated world: one connection that plays a script to the relay.
//
// Sans-IO MtaSession does the protocol; this moves its bytes over an engine::Loop (a simulated or a
// real one) and keeps what came of it. Paced scripts advance by `step_every` (a slow SMTP client).
#ifndef MILLRACE_TESTS_RELAY_SIM_MAIL_SERVER_H_
#define MILLRACE_TESTS_RELAY_SIM_MAIL_SERVER_H_

#include <array>
#include <string>
#include <vector>

#include "engine/io/loop.h"
#include "engine/net/address.h"
#include "milter/mta_session.h"

namespace relay_sim {

class SimMailServer final : public engine::SocketEvents {
 public:
  // With `step_every` above zero the options must be paced.
  SimMailServer(engine::Loop& loop,
                const milter::MtaOptions& options,
                milter::MtaScript script,
                engine::Time step_every = {});
  ~SimMailServer();
  SimMailServer(const SimMailServer&) = delete;
  SimMailServer& operator=(const SimMailServer&) = delete;

  void Connect(const engine::Address& to);
  // The mail server dies: closes without another byte.
  void Drop() { End(true); }
  // Refused, cut, or closed by the other side before the script was over.
  bool lost() const { return lost_; }
  bool done() const { return done_; }
  const milter::MtaSession& session() const { return session_; }
  const milter::MtaScript& script() const { return script_; }
  // Virtual time from the last byte of an end of message to its verdict; the largest of all
  // messages.
  engine::Time longest_answer() const { return longest_answer_; }

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId id) noexcept override;
  engine::Drained OnDirect(engine::SocketId id, engine::DirectSocket& socket) noexcept override;
  void OnWritable(engine::SocketId id) noexcept override;
  void OnGone(engine::SocketId id, int error) noexcept override;

 private:
  struct StepTimer : engine::Timer {
    SimMailServer* peer = nullptr;
  };
  void Pump();
  void NoteTimes();
  void End(bool lost);

  engine::Loop& loop_;
  milter::MtaOptions options_;
  milter::MtaScript script_;
  milter::MtaSession session_;
  engine::Time step_every_;
  StepTimer timer_;
  engine::SocketId id_{};
  std::string unsent_;
  engine::Time asked_at_{};
  engine::Time longest_answer_{};
  bool asked_ = false;
  bool lost_ = false;
  bool done_ = false;
};

}  // namespace relay_sim

#endif  // MILLRACE_TESTS_RELAY_SIM_MAIL_SERVER_H_
