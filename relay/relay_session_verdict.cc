// From end of message to the answer: request, scan, verdict or failure, summary line.
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "ampdp/request_writer.h"
#include "engine/base/check.h"
#include "engine/base/scratch.h"
#include "relay/policy_banks.h"
#include "relay/relay_session.h"
#include "relay/shard_app.h"
#include "relay/summary.h"
#include "relay/trace.h"

namespace relay {
namespace {

using engine::SpoolFate;
using engine::Time;

Count CountOf(ampdp::Verdict verdict) noexcept {
  switch (verdict) {
    case ampdp::Verdict::kContinue: return Count::kAnsweredContinue;
    case ampdp::Verdict::kAccept: return Count::kAnsweredAccept;
    case ampdp::Verdict::kReject: return Count::kAnsweredReject;
    case ampdp::Verdict::kDiscard: return Count::kAnsweredDiscard;
    case ampdp::Verdict::kTempfail: return Count::kAnsweredTempfail;
  }
  return Count::kAnsweredTempfail;
}

ListenerCount ListenerCountOf(ampdp::Verdict verdict) noexcept {
  switch (verdict) {
    case ampdp::Verdict::kContinue: return ListenerCount::kContinue;
    case ampdp::Verdict::kAccept: return ListenerCount::kAccept;
    case ampdp::Verdict::kReject: return ListenerCount::kReject;
    case ampdp::Verdict::kDiscard: return ListenerCount::kDiscard;
    case ampdp::Verdict::kTempfail: return ListenerCount::kTempfail;
  }
  return ListenerCount::kTempfail;
}

}  // namespace

bool RelaySession::StartScan() noexcept {
  std::size_t bytes = 0;
  Refusal refusal;
  const engine::Bytes request = WriteRequest(*message_->slot, &bytes, &refusal);
  if (request.empty()) return AnswerRefusal(refusal, {});
  TraceLines(shard_, "request", {reinterpret_cast<const char*>(request.data()), bytes});
  engine::SpoolSlot* slot = message_->slot;
  ScanJob* job = shard_.MakeJob(*this, Scanners(), *slot, {request, bytes});
  if (job == nullptr) {
    shard_.blocks().Give(request);
    return AnswerRefusal(OverloadRefusal("scans in work"), {});
  }
  message_->slot = nullptr;  // the job's from here on
  message_->job = job;
  job->Keep(std::exchange(message_->hold, {}));
  job->Start({.wait_until = shard_.loop().now() + settings().config.queue.wait_max,
              .answer_by = AnswerBy(),
              .delivery_is_ours = listener().delivery_care_of == DeliveryCareOf::kClient});
  return true;
}

ScannerGroup& RelaySession::Scanners() const noexcept {
  ScannerGroups& groups = shard_.scanners();
  if (groups.size() == 1) return groups.at(0);
  const GroupChoice& choice = settings().groups;
  std::string_view name = listener().scanner_group;
  if (!choice.empty()) {
    engine::Scratch<char, kBankListBytesMax> banks;
    name = choice.Choose(PolicyBanks(banks), ClientIp(), name);
  }
  return groups.at(groups.Find(name).value_or(0));
}

std::string_view RelaySession::PolicyBanks(std::span<char> to) const noexcept {
  const std::string_view daemon_name =
      listener().daemon_name_bank ? MacroText(Macro::kDaemonName) : std::string_view();
  return WritePolicyBanks({.of_listener = listener().policy_bank_list,
                           .daemon_name = daemon_name,
                           .auth_type = MacroText(Macro::kAuthType),
                           .auth_ssf = MacroText(Macro::kAuthSsf)},
                          to);
}

// The macro where CONNECT did not know; 0: nobody does.
std::uint16_t RelaySession::ClientPort() const noexcept {
  const std::string_view text = MacroText(Macro::kClientPort);
  std::uint16_t port = 0;
  if (client_port_ != 0 || text.empty()) return client_port_;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), port);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() ? port : 0;
}

// The banks that the message asks for, written into `to`: kBankListBytesMax.
// A block with the whole request; empty, and why, when there is no room for one.
engine::Bytes RelaySession::WriteRequest(const engine::SpoolSlot& slot,
                                         std::size_t* bytes,
                                         Refusal* why) noexcept {
  Message& message = *message_;
  const auto recipients = message.arena.MakeArray<std::string_view>(message.recipient_count);
  if (recipients.size() != message.recipient_count) {
    *why = message.NoRoomRefusal(message.recipient_count * sizeof(std::string_view),
                                 EnvelopeTooLargeRefusal());
    return {};
  }
  std::size_t index = 0;
  for (const Recipient* r = message.recipients; r != nullptr; r = r->next) {
    recipients[index++] = r->address;
  }
  engine::Scratch<char, kBankListBytesMax> banks;
  const ampdp::Request request = {
      .queue_id = MacroText(Macro::kQueueId),
      .protocol_name = MacroText(Macro::kProtocol),
      .sender = message.sender.empty() ? "<>" : message.sender,
      .recipients = recipients,
      .tempdir = shard_.settings().sharing.send_tempdir ? slot.directory() : std::string_view(),
      .mail_file = slot.mail_file(),
      .delivery_care_of = listener().delivery_care_of == DeliveryCareOf::kServer
                              ? ampdp::DeliveryCare::kServer
                              : ampdp::DeliveryCare::kClient,
      .client_address = text_.Get(SessionText::Field::kAddress),
      .client_port = ClientPort(),
      .client_name = text_.Get(SessionText::Field::kHost),
      .helo_name = text_.Get(SessionText::Field::kHelo),
      .policy_bank = PolicyBanks(banks),
  };
  *bytes = ampdp::RequestBytes(request);
  const engine::Bytes block = shard_.blocks().Take(*bytes);
  if (block.empty()) {
    *why = *bytes > engine::BlockPool::kBlockMaxBytes ? EnvelopeTooLargeRefusal()
                                                      : InternalRefusal("memory for the request");
    return {};
  }
  ampdp::WriteRequest(request, {reinterpret_cast<char*>(block.data()), *bytes});
  return block;
}

engine::Bytes RelaySession::OnScanRetry(engine::SpoolSlot& copy, std::size_t* bytes) noexcept {
  Refusal why;
  const engine::Bytes request = WriteRequest(copy, bytes, &why);
  if (!request.empty()) message_->slot_name = copy.name();
  return request;
}

ScanReplyRead RelaySession::OnScanReply(std::span<char> whole, const ScanTimes& times) noexcept {
  message_->job = nullptr;
  TraceLines(shard_, "reply", whole);
  ampdp::Reply reply;
  const ampdp::ReplyError error = ampdp::ParseReply(whole, message_->arena, &reply);
  if (error.fault == ampdp::ReplyFault::kTooManyEdits) {
    // Our shortage, not the scanner's fault: a sender who fills the arena must not make -P pass.
    AnswerRefusal(InternalRefusal("memory for the edits"), times);
    return {};
  }
  VerdictMap map(*message_,
                 reply,
                 filter_.actions(),
                 listener().delete_header,
                 failure_policy().Tempfail(ScanFailedRefusal({})));
  engine::Scratch<char, ampdp::kReplyErrorTextBytes> text;
  const std::string_view fault = error.ok() ? map.Check() : ampdp::ReplyErrorText(error, text);
  if (!fault.empty()) {
    shard_.NoteBrokenReply(times.scanner, fault);
    AnswerRefusal(ScanFailedRefusal("broken reply"), times);
    return {.broken = true};
  }
  // Read before the answer: the answer ends the message, and maybe the session.
  const SpoolFate fate =
      reply.verdict == ampdp::Verdict::kTempfail ? SpoolFate::kDoubt : SpoolFate::kVerdict;
  milter::ReplyWriter counting({}, filter_.leading_space(), filter_.actions());
  EditCounts counts = map.Write(counting);
  // Deletions may be as many as the message's fields; more than may wait for a mail server that is
  // slow to read would end its connection.
  const bool too_large = counting.needed() > kUnsentBytesMax;
  const engine::Bytes block = too_large ? engine::Bytes() : shard_.blocks().Take(counting.needed());
  if (block.empty()) {
    AnswerRefusal(too_large ? HeaderTooLargeRefusal() : InternalRefusal("memory for the verdict"),
                  times);
    return {.fate = fate};
  }
  milter::ReplyWriter writer(block, filter_.leading_space(), filter_.actions());
  counts = map.Write(writer);
  ENGINE_CHECK(!writer.full());
  shard_.counters().Add(CountOf(reply.verdict));
  shard_.CountFor(listener(), ListenerCountOf(reply.verdict));
  LogProblems(reply, counts);
  Summarise(ampdp::VerdictText(reply.verdict), times, &reply, counts);
  AnswerWith(block, writer.written());
  return {.fate = fate};
}

void RelaySession::OnScanFailed(const Refusal& refusal, const ScanTimes& times) noexcept {
  message_->job = nullptr;
  AnswerRefusal(refusal, times);
}

// The final answer to a message, in one write; takes over `block`. False: the session is gone.
bool RelaySession::AnswerWith(engine::Bytes block, std::size_t bytes) noexcept {
  filter_.VerdictSent();
  EndMessage();
  engine::BlockPool& blocks = shard_.blocks();
  const bool here = Send(block.first(bytes));
  if (here) SetDeadline();
  blocks.Give(block);
  return here;
}

void RelaySession::LogProblems(const ampdp::Reply& reply, const EditCounts& counts) noexcept {
  if (reply.unknown_attributes > 0) {
    shard_.counters().Add(Count::kUnknownAttributes, reply.unknown_attributes);
    shard_.Write(engine::Level::kWarning,
                 shard_.Line("unknown attribute ignored")
                     .Field("qid", MacroText(Macro::kQueueId))
                     .Field("attribute", reply.first_unknown)
                     .Field("count", reply.unknown_attributes));
  }
  if (counts.setreply_dropped) {
    shard_.Write(engine::Level::kWarning,
                 shard_.Line("setreply not passed on")
                     .Field("qid", MacroText(Macro::kQueueId))
                     .Field("verdict", ampdp::VerdictText(reply.verdict))
                     .Field("code", reply.setreply.code)
                     .Field("text", reply.setreply.text));
  }
  if (counts.dropped == 0 && counts.cut == 0) return;
  shard_.counters().Add(Count::kEditsDropped, counts.dropped);
  shard_.Write(engine::Level::kWarning,
               shard_.Line("edits not passed on whole")
                   .Field("qid", MacroText(Macro::kQueueId))
                   .Field("log_id", reply.log_id)
                   .Field("dropped", counts.dropped)
                   .Field("cut", counts.cut));
}

// Frees the message with all that it still has; a scan under way goes on alone.
void RelaySession::EndMessage() noexcept {
  Message* message = message_;
  DropPipe();
  if (writing_) {
    shard_.writer().Abandon();
    writing_ = false;
  }
  GiveUpWait();
  message_ = nullptr;
  HintReading();
  if (message->slot != nullptr) {
    shard_.GiveSlotBack(*message->slot, SpoolFate::kUnread);
    message->slot = nullptr;
  }
  if (message->job != nullptr) message->job->Abandon();
  shard_.FreeMessage(*message);
}

void RelaySession::Summarise(std::string_view verdict,
                             const ScanTimes& times,
                             const ampdp::Reply* reply,
                             const EditCounts& counts) noexcept {
  const Time now = shard_.loop().now();
  const Time granted = times.granted != Time{} ? times.granted : times.ended;
  shard_.meters().Answered({.waited = granted - times.started,
                            .scanned = times.ended - times.sent,
                            .total = now - message_->content_end_at,
                            .bytes = message_->wire_bytes,
                            .had_wait = times.started != Time{},
                            .had_scan = times.sent != Time{},
                            .listener = listener().index});
  engine::LogLine line = shard_.Line("message");
  WriteSummary({.message = *message_,
                .queue_id = MacroText(Macro::kQueueId),
                .client_host = text_.Get(SessionText::Field::kHost),
                .client_address = text_.Get(SessionText::Field::kAddress),
                .verdict = verdict,
                .scanner = Scanners().entries() > 1 ? times.scanner : std::string_view(),
                .now = now,
                .times = times,
                .reply = reply,
                .counts = counts},
               settings().config.log.addresses,
               line);
  shard_.Write(engine::Level::kInfo, line);
}

}  // namespace relay
