// A folder of transactions as a source: in the order of names, again and again.
//
// Session n begins with transaction n modulo their number and takes the next ones from there. All
// times are zero. Each message has a queue id of its own; bodies are never copied.
#ifndef MILLRACE_TOOLS_REPLAY_SET_SOURCE_H_
#define MILLRACE_TOOLS_REPLAY_SET_SOURCE_H_

#include <vector>

#include "tools/replay/source.h"
#include "tools/replay/transaction_set.h"

namespace replay {

struct SetOptions {
  milter::MtaKind kind = milter::MtaKind::kPostfix;
  std::uint32_t messages_per_session = 1;
  std::uint64_t rounds = 0;        // each transaction so often; 0: no end
  std::uint64_t shuffle_seed = 0;  // not 0: in a drawn order
};

class SetSource final : public Source {
 public:
  // `transactions`: at least one.
  SetSource(std::vector<NamedTransaction> transactions, const SetOptions& options);

  std::uint64_t messages() const override;
  engine::Time NextBegin() const override;
  bool Next(std::uint64_t messages_max, SessionPlan* plan) override;
  absl::Status Begin(SessionPlan* plan) override;
  absl::Status Load(SessionPlan* plan, std::size_t message) override;
  engine::Time NextDue() const override { return engine::kNever; }
  void PopDue() override {}

 private:
  std::vector<NamedTransaction> transactions_;
  std::vector<std::shared_ptr<const std::string>> bodies_;
  const SetOptions options_;
  std::uint64_t next_ = 0;    // session
  std::uint64_t given_ = 0;   // messages
  std::uint64_t loaded_ = 0;  // messages: their queue ids
};

// The client's part of a script, with the macros that Postfix or Sendmail sends about it.
milter::MtaScript ClientScript(const Client& client, milter::MtaKind kind);

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_SET_SOURCE_H_
