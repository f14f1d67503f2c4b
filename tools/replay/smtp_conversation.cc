// SmtpClient behind the common face.
#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"
#include "tools/replay/conversation.h"

namespace replay {
namespace {

class SmtpConversation final : public Conversation {
 public:
  SmtpConversation(const SmtpOptions& options, const milter::MtaScript& script)
      : client_(options, script) {}

  std::size_t Fill(engine::Bytes to) override { return client_.Fill(to); }
  void Feed(engine::ConstBytes bytes) override { client_.Feed(bytes); }
  void Advance() override { client_.Advance(); }
  milter::ClientStep next_step() const override { return client_.client_step(); }
  bool finished() const override { return client_.finished(); }
  bool awaits_reply() const override { return client_.awaits_reply(); }
  bool awaits_verdict() const override {
    return client_.awaited_command() == static_cast<std::uint8_t>(milter::Command::kEndOfMessage);
  }
  const std::vector<milter::TransactionResult>& results() const override {
    return client_.results();
  }
  std::size_t transactions_done() const override { return client_.transactions_done(); }
  bool FeedEnd() override {
    client_.FeedEnd();
    return client_.error() == SmtpError::kNone;
  }
  std::string error() const override {
    if (client_.error() == SmtpError::kNone) return "";
    return absl::StrCat("smtp: ", engine::ToAbsl(SmtpErrorText(client_.error())));
  }

 private:
  SmtpClient client_;
};

}  // namespace

std::unique_ptr<Conversation> MakeSmtpConversation(const SmtpOptions& options,
                                                   const milter::MtaScript& script) {
  return std::make_unique<SmtpConversation>(options, script);
}

}  // namespace replay
