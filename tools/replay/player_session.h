// One milter connection of the player. Part of Player.
#ifndef MILLRACE_TOOLS_REPLAY_PLAYER_SESSION_H_
#define MILLRACE_TOOLS_REPLAY_PLAYER_SESSION_H_

#include <optional>
#include <string>

#include "tools/replay/player.h"

namespace replay {

class Player::Session final : public engine::SocketEvents {
 public:
  struct Task {
    Purpose purpose = Purpose::kLoad;
    std::size_t slot = 0;
    std::size_t transaction = 0;
  };

  Session(Player& player, const milter::MtaOptions& options, const Task& task);
  ~Session();  // closes
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Connects. What goes wrong comes as a result, in a later turn.
  void Open();

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId id) noexcept override;
  engine::Drained OnDirect(engine::SocketId id, engine::DirectSocket& socket) noexcept override;
  void OnWritable(engine::SocketId id) noexcept override;
  void OnGone(engine::SocketId id, int error) noexcept override;

 private:
  struct OwnedTimer : engine::Timer {
    Session* owner = nullptr;
  };

  void Pump();
  bool SendRest();
  void NoteProgress();
  void End(std::string error);
  void Report(std::string error);
  void OnTimer();

  Player& player_;
  const Task task_;
  milter::MtaSession mta_;
  engine::SocketId id_;
  OwnedTimer timer_;
  std::string rest_;  // bytes that the socket did not take yet
  std::size_t rest_sent_ = 0;
  std::size_t transactions_done_ = 0;
  engine::Time opened_{};
  std::optional<engine::Time> end_of_message_{};  // when the verdict began to be awaited
  bool connected_ = false;
  bool stands_ = false;  // idle, and counted as such
  bool ended_ = false;
  std::string error_{};
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_PLAYER_SESSION_H_
