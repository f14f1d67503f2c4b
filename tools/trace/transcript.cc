// The packets of one message to a script.
#include "tools/trace/transcript.h"

#include <algorithm>
#include <utility>

#include "milter/commands.h"
#include "milter/mta_reply.h"
#include "tools/trace/macro_values.h"
#include "tools/trace/verdict.h"

namespace trace {
namespace {

using milter::Command;
using milter::MacroValue;

std::uint8_t Byte(Command command) noexcept {
  return static_cast<std::uint8_t>(command);
}

class TransactionDecoder {
 public:
  TransactionDecoder(const TransactionRecord& record, std::string body, bool leading_space)
      : leading_space_(leading_space) {
    out_.transaction.body = std::move(body);
    for (const Packet& packet : record.packets) {
      body_bytes_ += packet.body_bytes;
      if (packet.direction == Direction::kToFilter) {
        OnCommand(packet);
      } else {
        OnReply(packet);
      }
    }
    Finish();
    // Imported or made up: the filter that took the message was none.
    if (record.decided_at == 0 && out_.has_verdict) TakeVerdictBack();
  }
  RecordedTransaction Take() { return std::move(out_); }

 private:
  milter::Transaction& transaction() { return out_.transaction; }

  void OnCommand(const Packet& packet) {
    verdict_.OnCommand(packet.code);
    switch (static_cast<Command>(packet.code)) {
      case Command::kMacro: OnMacro(packet); break;
      case Command::kHelo:
        if (step_ != 0) {
          ++out_.not_understood;
        } else {
          transaction().helo = milter::DecodeText(packet.payload);
        }
        break;
      case Command::kUnknown:
        if (step_ != 0 || !transaction().unknown_line.empty()) {
          ++out_.not_understood;
        } else {
          transaction().unknown_line = milter::DecodeText(packet.payload);
        }
        break;
      case Command::kMail:
      case Command::kRcpt:
      case Command::kData:
      case Command::kHeader:
      case Command::kEndOfHeaders:
      case Command::kBody:
      case Command::kEndOfMessage: OnMessageCommand(packet); break;
      case Command::kAbort:
        // One before MAIL follows a HELO.
        if (step_ != 0) left_ = milter::StopHow::kReset;
        break;
      case Command::kQuit: left_ = milter::StopHow::kQuit; break;
      case Command::kNegotiate:
      case Command::kConnect:
      case Command::kQuitNc:
      default: ++out_.not_understood;
    }
  }

  void OnMessageCommand(const Packet& packet) {
    BeginStep(packet.code, packet.offset_us, false);
    switch (static_cast<Command>(packet.code)) {
      case Command::kMail: OnAddress(packet.payload, &transaction().sender); break;
      case Command::kRcpt: OnAddress(packet.payload, &transaction().recipients.back()); break;
      case Command::kHeader: OnHeader(packet.payload); break;
      default: break;
    }
  }

  // The macros of a step and the step itself count once, however few of the two were sent.
  void BeginStep(std::uint8_t code, std::uint64_t offset_us, bool is_macro) {
    const bool announced = std::exchange(by_macro_, is_macro);
    const bool again = announced && !is_macro && step_ == code;
    if (!again) {
      count_ = step_ == code ? count_ + 1 : 1;
      step_ = code;
    }
    switch (static_cast<Command>(code)) {
      case Command::kMail: out_.mail_us = offset_us; break;
      case Command::kRcpt:
        if (!again) {
          transaction().recipients.emplace_back();
          out_.rcpt_us.push_back(0);
        }
        out_.rcpt_us.back() = offset_us;
        break;
      case Command::kData:
        if (!again && count_ > 1) transaction().retry_data = true;
        out_.data_us = offset_us;
        break;
      case Command::kEndOfMessage: out_.end_of_message_us = offset_us; [[fallthrough]];
      default:
        if (!content_) out_.content_us = offset_us;
        content_ = true;
        break;
    }
  }

  void OnMacro(const Packet& packet) {
    if (packet.payload.empty()) {
      ++out_.not_understood;
      return;
    }
    const std::string_view pairs = std::string_view(packet.payload).substr(1);
    const auto letter = static_cast<std::uint8_t>(packet.payload.front());
    std::vector<MacroValue>* macros = &transaction().macros;
    switch (static_cast<Command>(letter)) {
      case Command::kMail:
      case Command::kRcpt:
      case Command::kData:
      case Command::kHeader:
      case Command::kEndOfHeaders:
      case Command::kBody:
      case Command::kEndOfMessage:
        BeginStep(letter, packet.offset_us, true);
        if (letter == Byte(Command::kRcpt)) macros = &transaction().recipients.back().macros;
        break;
      case Command::kUnknown:
        // Postfix tells the command's macros even where the filter does not want the command.
        if (step_ == 0 && transaction().unknown_line.empty()) unknown_announced_ = true;
        break;
      default: break;
    }
    AddMacros(pairs, macros, &transaction().queue_id);
  }

  void OnAddress(std::string_view payload, milter::EnvelopeAddress* address) {
    milter::AddressCommand command;
    if (!milter::DecodeAddress(payload, &command)) {
      ++out_.not_understood;
      return;
    }
    address->address = command.address;
    milter::EsmtpReader reader(command.arguments);
    std::string_view argument;
    while (reader.Next(&argument))
      address->arguments.emplace_back(argument);
  }

  void OnHeader(std::string_view payload) {
    milter::HeaderCommand header;
    if (!milter::DecodeHeader(payload, &header)) {
      ++out_.not_understood;
      return;
    }
    std::string value = leading_space_ ? "" : " ";
    value += header.value;
    // Name, colon and line end; line ends inside are one octet here and two in a transfer.
    header_bytes_ += header.name.size() + 3 + value.size() +
                     static_cast<std::size_t>(std::count(value.begin(), value.end(), '\n'));
    transaction().headers.push_back({std::string(header.name), std::move(value)});
  }

  void OnReply(const Packet& packet) {
    milter::FilterReply reply;
    if (milter::ParseReply(packet.code, packet.payload, &reply) != milter::MtaError::kNone) {
      ++out_.not_understood;
      reply = {};
      reply.kind = static_cast<milter::Reply>(packet.code);
    }
    if (verdict_.OnReply(packet.code, packet.payload)) {
      OnFinal(reply, packet.offset_us);
    } else if (reply.kind == milter::Reply::kProgress) {
      ++out_.result.progress_count;
    } else if (reply.kind != milter::Reply::kNegotiate && !milter::IsFinal(reply.kind)) {
      out_.result.edits.push_back(
          {reply.kind, reply.index, std::string(reply.name), std::string(reply.value)});
    }
  }

  void OnFinal(const milter::FilterReply& reply, std::uint64_t offset_us) {
    const auto command = static_cast<Command>(verdict_.answered());
    if (command == Command::kHelo || command == Command::kUnknown) return;
    milter::TransactionResult& result = out_.result;
    result.replies.push_back({command, reply.kind, std::string(reply.value)});
    if (command == Command::kRcpt) {
      const bool refused =
          reply.kind == milter::Reply::kReject || reply.kind == milter::Reply::kTempfail ||
          reply.kind == milter::Reply::kReplyCode || reply.kind == milter::Reply::kShutdown;
      result.recipients_accepted.resize(transaction().recipients.size(), true);
      if (!result.recipients_accepted.empty()) result.recipients_accepted.back() = !refused;
    }
    if (verdict_.outcome() == milter::Outcome::kNone) return;
    result.reply_text = reply.value;
    out_.verdict_us = offset_us;
  }

  void TakeVerdictBack() {
    out_.has_verdict = false;
    out_.verdict_us = 0;
    out_.result = {};
    out_.result.recipients_accepted.resize(transaction().recipients.size(), true);
  }

  void Finish() {
    milter::TransactionResult& result = out_.result;
    result.recipients_accepted.resize(transaction().recipients.size(), true);
    result.outcome = verdict_.outcome();
    out_.has_verdict = verdict_.decided_at() != 0;
    if (out_.has_verdict) {
      result.decided_at = static_cast<Command>(verdict_.decided_at());
    } else if (step_ != 0) {
      transaction().stop = {left_, static_cast<Command>(step_), count_};
    }
    if (unknown_announced_ && transaction().unknown_line.empty()) {
      transaction().unknown_line = "UNKNOWN";
    }
    if (content_) out_.message_bytes = header_bytes_ + 2 + body_bytes_;
  }

  RecordedTransaction out_;
  Verdict verdict_;
  milter::StopHow left_ = milter::StopHow::kDrop;
  std::uint8_t step_ = 0;  // the last message command, or the one that its macros announced
  std::uint32_t count_ = 0;
  bool by_macro_ = false;
  bool content_ = false;
  bool unknown_announced_ = false;
  bool leading_space_;
  std::uint64_t header_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace

RecordedTransaction DecodeTransaction(const TransactionRecord& record,
                                      std::string body,
                                      bool leading_space) {
  return TransactionDecoder(record, std::move(body), leading_space).Take();
}

const char* OutcomeText(milter::Outcome outcome) {
  switch (outcome) {
    case milter::Outcome::kNone: return "none";
    case milter::Outcome::kAccepted: return "accepted";
    case milter::Outcome::kRejected: return "rejected";
    case milter::Outcome::kTempfailed: return "tempfailed";
    case milter::Outcome::kDiscarded: return "discarded";
  }
  return "?";
}

}  // namespace trace
