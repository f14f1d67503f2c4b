// One connection of the player. Part of Player; times and steps are told in player.h.
//
//   Open -> connecting (-> again after EAGAIN) -> talking -+-> ended: reported, then freed by
//   Player
//                                    waiting for a time <--'
#ifndef MILLRACE_TOOLS_REPLAY_PLAYER_SESSION_H_
#define MILLRACE_TOOLS_REPLAY_PLAYER_SESSION_H_

#include <memory>
#include <optional>
#include <string>

#include "tools/replay/player.h"

namespace replay {

class Player::Session final : public engine::SocketEvents {
 public:
  Session(Player& player, const SessionTask& task, SessionPlan plan);
  ~Session();  // closes
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Connects. It may have ended when this returns; it is freed later.
  void Open();
  // A time that it asked for has come.
  void OnWake();
  // Leaves if it waits for a message that is not begun.
  void OnStop();

  std::uint64_t number() const noexcept { return task_.number; }
  std::size_t slot() const noexcept { return task_.slot; }
  bool idle() const noexcept { return task_.idle; }
  bool stands() const noexcept { return stands_; }

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId id) noexcept override;
  engine::Drained OnDirect(engine::SocketId id, engine::DirectSocket& socket) noexcept override;
  void OnWritable(engine::SocketId id) noexcept override;
  void OnGone(engine::SocketId id, int error) noexcept override;

 private:
  struct OwnedTimer : engine::Timer {
    Session* owner = nullptr;
  };

  // player_session.cc: bytes and the connection.
  void Connect();
  void Pump();
  bool Gather();
  bool SendRest();
  void Watch();
  void End(const std::string& error);
  // player_steps.cc: messages, and when the client does what.
  bool Begin();
  void LoadNext(std::size_t message);
  void SetAbort(std::size_t message);
  bool BeginsMessage(milter::ClientStep step) const;
  bool MayGo(milter::ClientStep step);
  engine::Time DueOf(milter::ClientStep step) const;
  engine::Time Paced(engine::Time since, engine::Time offset) const;
  void OnStep(milter::ClientStep step);
  void BeginMessage(engine::Time now);
  void NoteEnds();
  void EndMessage(std::size_t message);
  const milter::TransactionResult& ResultOf(std::size_t message) const;
  void Compare(std::size_t message);
  void ReportEnd(const std::string& error);

  Player& player_;
  const SessionTask task_;
  SessionPlan plan_;
  std::unique_ptr<Conversation> conversation_;
  engine::SocketId id_;
  OwnedTimer timer_;  // the timeout
  std::string rest_;  // bytes that the socket did not take yet
  std::size_t rest_sent_ = 0;
  engine::Time opened_{};
  bool connected_ = false;
  bool stands_ = false;  // idle, and counted as such
  bool ended_ = false;
  // The message under way, and the steps of its client.
  std::size_t begun_ = 0;
  std::size_t done_ = 0;
  engine::Time lateness_{};
  std::optional<engine::Time> end_sent_{};  // of the bytes that end the message
  std::optional<engine::Time> ready_{};     // since when the next step could be done
  engine::Time wake_{};                     // asked for last
  std::size_t rcpts_ = 0;
  std::uint32_t helos_ = 0;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_PLAYER_SESSION_H_
