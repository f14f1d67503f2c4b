// MtaSession behind the common face; SMTP's is in smtp_conversation.cc.
#include "tools/replay/conversation.h"

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"

namespace replay {
namespace {

class MilterConversation final : public Conversation {
 public:
  MilterConversation(const milter::MtaOptions& options, const milter::MtaScript& script)
      : mta_(options, script) {}

  std::size_t Fill(engine::Bytes to) override { return mta_.Fill(to); }
  void Feed(engine::ConstBytes bytes) override { mta_.Feed(bytes); }
  void Advance() override { mta_.Advance(); }
  milter::ClientStep next_step() const override { return mta_.client_step(); }
  bool finished() const override { return mta_.finished(); }
  bool awaits_reply() const override { return mta_.awaits_reply(); }
  bool awaits_verdict() const override {
    return mta_.awaited_command() == static_cast<std::uint8_t>(milter::Command::kEndOfMessage);
  }
  const std::vector<milter::TransactionResult>& results() const override { return mta_.results(); }
  std::size_t transactions_done() const override { return mta_.transactions_done(); }
  bool FeedEnd() override {
    closed_ = true;
    return false;
  }
  std::string error() const override {
    if (mta_.error() != milter::MtaError::kNone)
      return absl::StrCat("milter: ", engine::ToAbsl(milter::MtaErrorText(mta_.error())));
    return closed_ ? "closed by the milter" : "";
  }

 private:
  milter::MtaSession mta_;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Conversation> MakeMilterConversation(const milter::MtaOptions& options,
                                                     const milter::MtaScript& script) {
  return std::make_unique<MilterConversation>(options, script);
}

}  // namespace replay
