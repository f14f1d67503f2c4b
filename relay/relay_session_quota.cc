// A session under quotas: its client at CONNECT, its messages at DATA, their size as it is declared
// and as it comes.
//
//   CONNECT          too many: 421. Where no reply is due, the session goes on and each of its
//                    messages is refused at DATA.
//   MAIL SIZE=       over message_bytes_max: 552, told at DATA
//   DATA             over a quota: 451 4.7.1; no room for what was declared: 452
//   end of a turn    over message_bytes_max, or over bytes_used_max with all others: the message
//                    has failed, the rest of it is read and dropped, its end answers
#include <charconv>
#include <string_view>

#include "milter/commands.h"
#include "relay/relay_session.h"
#include "relay/shard_app.h"

namespace relay {
namespace {

constexpr std::string_view kSizeArgument = "SIZE=";

bool BeginsWithSize(std::string_view argument) noexcept {
  if (argument.size() < kSizeArgument.size()) return false;
  for (std::size_t i = 0; i < kSizeArgument.size(); ++i) {
    const char c = argument[i];
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (upper != kSizeArgument[i]) return false;
  }
  return true;
}

// RFC 1870. 0: not declared, or not a number.
std::uint64_t DeclaredSize(std::string_view arguments) noexcept {
  milter::EsmtpReader reader(arguments);
  for (std::string_view argument; reader.Next(&argument);) {
    if (!BeginsWithSize(argument)) continue;
    const std::string_view digits = argument.substr(kSizeArgument.size());
    std::uint64_t size = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (result.ec == std::errc::result_out_of_range) return UINT64_MAX;
    return result.ec == std::errc() && result.ptr == digits.data() + digits.size() ? size : 0;
  }
  return 0;
}

}  // namespace

// False: refused, which is told now if it can be, or else to each message.
bool RelaySession::AdmitClient(const milter::Client& client) noexcept {
  LeaveClient();
  if (!refusing_) refused_by_ = shard_.AdmitSession(client, &hold_);
  return refused_by_ == QuotaLimit::kNone;
}

void RelaySession::LeaveClient() noexcept {
  shard_.LeaveClients(hold_);
  refused_by_ = QuotaLimit::kNone;
}

void RelaySession::NoteDeclaredSize(std::string_view arguments) noexcept {
  const std::uint64_t max = listener().message_bytes_max;
  if (max == 0 && listener().settings->config.spool.bytes_used_max == 0) return;
  message_->declared_bytes = DeclaredSize(arguments);
  if (max != 0 && message_->declared_bytes > max) message_->Refuse(MessageTooLargeRefusal());
}

// What the message needs besides its slot. False: *refusal, and nothing was taken.
bool RelaySession::TakeQuota(Refusal* refusal) noexcept {
  if (!shard_.HasSpoolRoom(message_->declared_bytes)) {
    *refusal = SpoolFullRefusal("spool bytes used");
    return false;
  }
  QuotaLimit limit = refused_by_;
  if (limit == QuotaLimit::kNone) limit = shard_.AdmitMessage(listener(), hold_, &message_->hold);
  if (limit == QuotaLimit::kNone) return true;
  shard_.CountQuota(limit);
  // Of the generation that the message has from its beginning to its end.
  *refusal = QuotaRefusal(limit, listener().settings->config.quota.refusal_text);
  return false;
}

// What has come of the content so far. Where no such limit is set this costs two comparisons.
void RelaySession::CheckBytes() noexcept {
  if (message_ == nullptr || !message_->content_begun || message_->sticky) return;
  if (message_->state != MessageState::kContent) return;  // the scan job's, from here on
  const std::uint64_t max = listener().message_bytes_max;
  if (max != 0 && message_->wire_bytes > max) {
    FailMessage(MessageTooLargeRefusal(), engine::SpoolFate::kUnread);
  } else if (!shard_.CountSpoolBytes(message_->hold, message_->wire_bytes)) {
    FailMessage(SpoolFullRefusal("spool bytes used"), engine::SpoolFate::kUnread);
  }
}

}  // namespace relay
