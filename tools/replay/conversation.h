// One session's talk with the other end, over MILTER or over SMTP, as the player sees it.
//
//   milter::MtaSession --.
//                         >-- Conversation: bytes out, bytes in, the client's steps, results
//   SmtpClient ----------'
//
// Both are paced: nothing is said beyond the client's next step before Advance(). No sockets, no
// clock. The script outlives it, and may be filled in up to where it is being played.
#ifndef MILLRACE_TOOLS_REPLAY_CONVERSATION_H_
#define MILLRACE_TOOLS_REPLAY_CONVERSATION_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/base/units.h"
#include "milter/mta_session.h"
#include "tools/replay/smtp_client.h"

namespace replay {

class Conversation {
 public:
  virtual ~Conversation() = default;
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // As in milter::MtaSession.
  virtual std::size_t Fill(engine::Bytes to) = 0;
  virtual void Feed(engine::ConstBytes bytes) = 0;
  virtual void Advance() = 0;
  virtual milter::ClientStep next_step() const = 0;
  virtual bool finished() const = 0;
  virtual bool awaits_reply() const = 0;
  virtual bool awaits_verdict() const = 0;  // the message has been sent whole
  virtual const std::vector<milter::TransactionResult>& results() const = 0;
  virtual std::size_t transactions_done() const = 0;

  // The other end has closed. True: that is no error.
  virtual bool FeedEnd() = 0;
  // Empty: none so far. Without numbers of its own: errors are counted by it.
  virtual std::string error() const = 0;

 protected:
  Conversation() = default;
};

// Both outlive it. `options.paced` is set.
std::unique_ptr<Conversation> MakeMilterConversation(const milter::MtaOptions& options,
                                                     const milter::MtaScript& script);
std::unique_ptr<Conversation> MakeSmtpConversation(const SmtpOptions& options,
                                                   const milter::MtaScript& script);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_CONVERSATION_H_
