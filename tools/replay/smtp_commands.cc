// The client's end of one SMTP session: the commands.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/absl_text.h"
#include "tools/replay/smtp_client.h"

namespace replay {

using milter::Command;

namespace {

constexpr std::string_view kNotInCommands("\r\n\0", 3);
constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

// False, and the session has failed, when the text would be more than one command.
bool SmtpClient::Say(std::string_view command, Awaited awaited) {
  if (command.find_first_of(kNotInCommands) != std::string_view::npos ||
      command.size() + kLineEnd.size() > kCommandMaxBytes) {
    Fail(SmtpError::kCommandText);
    return false;
  }
  output_.append(command).append(kLineEnd);
  awaited_.push_back(awaited);
  return true;
}

// EHLO wants an argument: a client whose own is not known says its name.
void SmtpClient::SayHelo() {
  const std::string_view name = helo_->empty() ? script_->client_name : *helo_;
  Say(absl::StrCat(esmtp_ ? "EHLO " : "HELO ", engine::ToAbsl(name)),
      esmtp_ ? Awaited::kEhlo : Awaited::kHelo);
}

void SmtpClient::SayMail() {
  results_.emplace_back();
  const MailFacts facts = {.content = MeasureContent(transaction()),
                           .declare_8bit = options_->declare_8bit};
  const FittedArguments arguments = FitMailArguments(transaction(), facts, extensions_);
  arguments_left_out_ += arguments.left_out;
  const std::string address = Bracketed(transaction().sender.address);
  if (!Say(absl::StrCat("MAIL FROM:", address, arguments.text), Awaited::kMail)) return;
  if (StopsAt(Command::kMail, 1)) {
    Enter(Step::kWait);
  } else {
    Enter(transaction().recipients.empty() ? Step::kReset : Step::kRcpt);
  }
}

void SmtpClient::SayRcpt() {
  const milter::EnvelopeAddress& recipient = transaction().recipients[progress_.rcpts_sent++];
  const FittedArguments arguments = FitRcptArguments(recipient, extensions_);
  arguments_left_out_ += arguments.left_out;
  const std::string address = Bracketed(recipient.address);
  if (!Say(absl::StrCat("RCPT TO:", address, arguments.text), Awaited::kRcpt)) return;
  if (StopsAt(Command::kRcpt, progress_.rcpts_sent)) {
    Enter(Step::kWait);
  } else if (progress_.rcpts_sent == transaction().recipients.size()) {
    Enter(Step::kData);
  }
}

void SmtpClient::SayData() {
  if (Say("DATA", Awaited::kData)) Enter(Step::kWait);
}

}  // namespace replay
