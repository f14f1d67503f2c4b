// Where the sessions that a run plays come from: a folder of transactions, or a trace.
//
//   Source::Next --> SessionPlan (what, how many; a few octets a message)
//             Begin --> client, HELO, macros      when the session is opened
//             Load  --> the message               shortly before it is played
//             Drop  --> gone                      shortly after
//
// So what is in memory are the messages being played, however long the trace. Bodies are shared
// among those that play the same one. One thread.
#ifndef MILLRACE_TOOLS_REPLAY_SOURCE_H_
#define MILLRACE_TOOLS_REPLAY_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/units.h"
#include "milter/mta_session.h"

namespace replay {

// The recorded times of the client's steps, in microseconds since its transaction began.
struct StepTimes {
  std::uint64_t mail_us = 0;
  std::vector<std::uint64_t> rcpt_us{};
  std::uint64_t data_us = 0;
  std::uint64_t content_us = 0;
};

// What is known of a message while it is loaded, besides what is in the script.
struct LoadedMessage {
  std::string name{};  // of the transaction; "12.0" is the first one of the trace's session 12
  std::uint64_t session = 0;  // in the trace
  std::uint32_t index = 0;    // there, in its session
  std::optional<milter::Outcome> expected{};
  std::optional<milter::TransactionResult> recorded{};  // with a verdict, or refusals
  std::string recorded_queue_id{};
  StepTimes steps{};
  std::shared_ptr<const std::string> body{};
};

struct MessagePlan {
  std::uint64_t entry = 0;                  // the source's number for it
  engine::Time offset{};                    // recorded, since its session began
  engine::Time due{};                       // since the run began; the player's
  std::unique_ptr<LoadedMessage> loaded{};  // between Load() and Drop()
};

struct SessionPlan {
  std::uint64_t entry = 0;  // the source's number for it
  std::uint64_t round = 0;  // which repetition of the source
  milter::MtaKind kind = milter::MtaKind::kPostfix;
  milter::MtaScript script{};           // as many transactions as messages, empty until loaded
  std::vector<MessagePlan> messages{};  // at least one, but in an idle session
  engine::Time connect_offset{};        // recorded, since the session was accepted
  engine::Time helo_offset{};
};

class Source {
 public:
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Messages that it will give in all; 0: no end.
  virtual std::uint64_t messages() const = 0;
  // The recorded beginning of the session that Next() gives, since that of the first one;
  // engine::kNever when there is none left. Zeros in a source without times.
  virtual engine::Time NextBegin() const = 0;
  // The next session, with at most `messages_max` (at least one) messages. False: none left.
  virtual bool Next(std::uint64_t messages_max, SessionPlan* plan) = 0;
  // Fills in client, HELO, macros, and whose ways they are. kDataLoss: the record is damaged.
  virtual absl::Status Begin(SessionPlan* plan) = 0;
  // Fills in one message. kDataLoss: its record, or its body, is damaged.
  virtual absl::Status Load(SessionPlan* plan, std::size_t message) = 0;
  static void Drop(SessionPlan* plan, std::size_t message);

  // The recorded times at which messages are due, in order, each once: a second walk over what
  // Next() gives, for counting what is due and has not begun. engine::kNever: no more.
  virtual engine::Time NextDue() const = 0;
  virtual void PopDue() = 0;

 protected:
  Source() = default;
};

// A queue id that no other message of the run has: "4RP" and the number in hexadecimal.
std::string QueueIdOf(std::uint64_t number);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_SOURCE_H_
