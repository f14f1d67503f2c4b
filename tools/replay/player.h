// Plays transactions against a milter socket, as one mail server with many sessions.
//
//   Player --connect--> PlayerSession (milter::MtaSession on a socket) --messages done--> next one
//
//   load      `sessions` connections at a time, each with messages_per_session messages, until
//             `messages` have been begun; some of them leave at end of message (abort_share)
//   once      each transaction by itself, in its own session, one after the other
//   idle      `idle` connections that say CONNECT and HELO and stay to the end
//
// Session n begins with transaction n modulo their number and takes the next ones from there;
// sessions of one kind share their script, so queue ids repeat among them.
// One thread, the loop's. It allocates: this is a load tool.
#ifndef MILLRACE_TOOLS_REPLAY_PLAYER_H_
#define MILLRACE_TOOLS_REPLAY_PLAYER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/base/histogram.h"
#include "engine/io/loop.h"
#include "engine/net/address.h"
#include "milter/mta_session.h"
#include "tools/replay/transaction_set.h"

namespace replay {

struct PlayerConfig {
  engine::Address milter{};
  milter::MtaKind kind = milter::MtaKind::kPostfix;
  std::uint32_t sessions = 1;
  std::uint64_t messages = 0;  // load only; 0: none
  std::uint32_t messages_per_session = 1;
  std::uint32_t idle = 0;
  double abort_share = 0;  // of the load's sessions, 0 to 1
  std::uint64_t seed = 1;
  engine::Time timeout = std::chrono::seconds(600);  // without a byte from the milter
  bool once = false;
};

// What became of one transaction played once.
struct OnceResult {
  std::size_t transaction = 0;  // index in the set
  milter::TransactionResult result{};
  std::string error{};  // empty: played to its end
  engine::Time time{};  // from its connect
};

struct PlayResult {
  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;                     // with a verdict at end of message or before
  std::uint64_t outcomes[5] = {};                 // by milter::Outcome, of those messages
  std::uint64_t aborted = 0;                      // messages left on purpose
  std::uint64_t idle_open = 0;                    // idle sessions that stand
  std::map<std::string, std::uint64_t> errors{};  // by kind
  engine::Histogram end_of_message{};             // microseconds from end of message to verdict
  std::vector<OnceResult> once{};
  engine::Time first{};
  engine::Time last{};
};

class Player {
 public:
  // `loop` and `transactions` (at least one) outlive it.
  Player(engine::Loop& loop,
         PlayerConfig config,
         const std::vector<NamedTransaction>& transactions);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Opens the idle sessions and the first of the others.
  void Start();
  // Begins no more messages; those under way are played to their end.
  void Stop() { stopping_ = true; }
  // True when all messages are done (idle sessions may stand).
  bool done() const;

  const PlayResult& result() const { return result_; }

 private:
  class Session;
  friend class Session;
  enum class Purpose : std::uint8_t { kLoad, kAbort, kIdle, kOnce };

  void BuildScripts();
  milter::MtaScript MakeScript(std::size_t first, std::uint32_t count) const;
  bool StartNext(std::size_t slot);
  void Open(std::size_t slot, Purpose purpose, std::size_t transaction);
  void OnDone(std::size_t slot);
  void CountError(std::string kind) { ++result_.errors[std::move(kind)]; }
  const milter::MtaScript& ScriptOf(Purpose purpose, std::size_t transaction) const;

  engine::Loop& loop_;
  const PlayerConfig config_;
  const std::vector<NamedTransaction>& transactions_;
  milter::MtaOptions options_;
  milter::MtaOptions idle_options_;
  milter::MtaOptions abort_options_;
  std::vector<milter::MtaScript> load_scripts_;   // by first transaction
  std::vector<milter::MtaScript> abort_scripts_;  // likewise
  std::vector<milter::MtaScript> once_scripts_;   // likewise
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Session>> sessions_;  // load or once, by slot
  std::vector<std::unique_ptr<Session>> idle_;
  std::uint64_t begun_ = 0;  // messages given to sessions
  std::size_t next_transaction_ = 0;
  std::size_t active_ = 0;
  bool stopping_ = false;
  PlayResult result_;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_PLAYER_H_
