// Plays the sessions of a source against a milter or a mail server, as one mail server with many
// sessions, or one crowd of clients.
//
//   Source --plan--> Player --connect--> Session (Conversation on a socket) --> ResultsRecorder
//
//   once, closed  `sessions` at a time; the next one begins when one has ended
//   open          each at its time: the source's recorded one divided by `speed`, or an arrival of
//                 arrivals.h; when `sessions` are open, what is due waits
//   idle          `idle` connections that say CONNECT and HELO (connect and EHLO) and stay
//
// Times. A message is due: open: at its recorded time or arrival; the first one of a recorded
// session with the session, unless the pace is recorded. Closed: when its session gets to it.
//   lateness        begun - due: waiting for a free session, for the message before it in its
//                   session, for the player itself. A first message begins with its connect.
//   connect         connected - session due
//   transaction     verdict - due
//   end of message  verdict - the bytes that end it, just before they are sent, + lateness
// So nothing that waits is left out (no coordinated omission). A recorded session stays one: each
// message at its own time, never before the end of the one before.
// Steps of the client (connect, HELO, MAIL, RCPT, DATA, content with its end): as soon as may be;
// or, with `recorded_pace`, at their recorded offsets divided by `speed` since the session or the
// message was due (closed: began), at once when that is past; of a slow session each one also
// `slow_step` after it could have been done.
// A session that leaves (abort_share) does so in its last message, at a drawn stage: after MAIL, a
// RCPT, DATA, in the content, before the verdict.
// Draws depend on the seed and the session's number alone, so a run can be had again.
//
// A connect that the kernel puts off (EAGAIN: backlog full) is tried again each millisecond until
// the timeout. One thread, the loop's. It allocates: this is a load tool.
#ifndef MILLRACE_TOOLS_REPLAY_PLAYER_H_
#define MILLRACE_TOOLS_REPLAY_PLAYER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "engine/io/loop.h"
#include "engine/net/address.h"
#include "tools/replay/arrivals.h"
#include "tools/replay/conversation.h"
#include "tools/replay/results.h"
#include "tools/replay/source.h"
#include "tools/replay/verdict_diff.h"

namespace replay {

// CLOCK_MONOTONIC, read now: a turn may take long.
engine::Time RealTime(const engine::Loop& loop) noexcept;

struct PlayerConfig {
  engine::Address address{};
  RunTarget target = RunTarget::kMilter;
  RunMode mode = RunMode::kClosed;
  std::uint32_t sessions = 1;   // at a time; open: at most
  std::uint64_t messages = 0;   // begin no more than these; 0: all that the source has
  bool recorded_times = false;  // open: the source's times, else `arrivals`
  ArrivalShape arrivals{};
  double speed = 1;  // of recorded times and pace, over 0
  bool recorded_pace = false;
  std::uint32_t idle = 0;
  milter::MtaKind idle_kind = milter::MtaKind::kPostfix;
  double abort_share = 0;  // of the sessions, 0 to 1
  double slow_share = 0;   // likewise
  engine::Time slow_step = std::chrono::milliseconds(100);
  std::uint64_t seed = 1;
  engine::Time timeout = std::chrono::seconds(600);  // without a byte from the other end
  DiffOptions diff{};
  SmtpOptions smtp{.paced = true};
  engine::Time (*clock)(const engine::Loop& loop) noexcept = RealTime;
};

// Where a session that leaves does so.
enum class AbortStage : std::uint8_t { kMail, kRcpt, kData, kContent, kVerdict };
inline constexpr std::uint64_t kAbortStages = 5;

struct SessionTask {
  std::uint64_t number = 0;  // of the run's sessions
  std::size_t slot = 0;
  engine::Time due{};
  bool idle = false;
  bool aborts = false;
  bool slow = false;
  AbortStage abort_stage = AbortStage::kMail;
};

class Player {
 public:
  // All outlive it; `source` may be nullptr when the mode is kIdle.
  Player(engine::Loop& loop, PlayerConfig config, Source* source, ResultsRecorder& recorder);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // The run's beginning.
  void Start();
  // Does what is due now. The player's own timer does it too, in the loop's ticks of 1 ms; a
  // program that calls this after each turn, and sleeps until NextDue() at most, is more exact.
  void Serve();
  // On the player's clock; in the past: Serve() has work.
  engine::Time NextDue() const;

  // Begins no more messages; those under way are played to their end.
  void Stop();
  // True when all messages are done (idle sessions may stand).
  bool done() const { return active_ == 0 && NothingLeft(); }

 private:
  class Session;
  friend class Session;
  struct Wake {
    engine::Time at{};
    std::uint64_t number = 0;  // of the session: another one may have its slot by then
    std::size_t slot = 0;
    bool operator>(const Wake& other) const { return at > other.at; }
  };
  struct OwnedTimer : engine::Timer {
    Player* owner = nullptr;
  };

  engine::Time Now() const { return config_.clock(loop_); }
  bool open_loop() const { return config_.mode == RunMode::kOpen; }
  bool NothingLeft() const;
  engine::Time NextArrival() const;
  engine::Time Recorded(engine::Time time) const;
  void Reap();
  void CountDue(engine::Time now);
  void WakeSessions(engine::Time now);
  void OpenSessions(engine::Time now);
  bool OpenNext(engine::Time now);
  void Schedule(engine::Time at, SessionPlan* plan);
  void OpenIdle();
  void Add(SessionTask task, SessionPlan plan);
  void Arm();
  // For sessions.
  void WakeAt(const Session& session, engine::Time at);
  void OnEnded(const Session& session);
  void OnStands();

  engine::Loop& loop_;
  const PlayerConfig config_;
  Source* const source_;
  ResultsRecorder& recorder_;
  milter::MtaOptions mta_options_[2][2];  // by kind, and whether the session leaves
  SmtpOptions smtp_options_[2];           // by whether the session leaves
  Arrivals arrivals_;                     // taken by sessions
  Arrivals arrivals_due_;                 // counted as due
  std::uint64_t counted_due_ = 0;
  std::uint64_t begun_ = 0;        // messages given to sessions
  std::uint64_t next_number_ = 0;  // of sessions, idle ones too
  std::vector<std::unique_ptr<Session>> slots_;
  std::vector<std::size_t> free_slots_;
  std::vector<std::size_t> ended_;  // slots to be freed, outside their sessions' callbacks
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes_;
  OwnedTimer timer_;
  engine::Time begin_{};
  engine::Time next_tick_{};
  std::size_t active_ = 0;  // sessions, without idle ones
  std::uint32_t idle_begun_ = 0;
  std::uint32_t idle_opening_ = 0;
  bool more_to_open_ = false;
  bool stopping_ = false;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_PLAYER_H_
