// Checks a reply against its message and writes it as milter packets.
#include "relay/verdict_map.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/scratch.h"
#include "milter/commands.h"
#include "milter/wire.h"
#include "relay/header_name.h"

namespace relay {
namespace {

constexpr std::uint32_t kInsertAtEnd = 0x7fffffff;   // libmilter's and the incumbent's "at the end"
constexpr std::size_t kHeaderValueBytesMax = 60000;  // Postfix's header_size_limit under milters
constexpr std::string_view kLocalFailure = "Failure:";  // of amavisd's own errors, with local paths
constexpr std::size_t kArgsBytesMax = 2048;             // NOTIFY= and ORCPT= of one recipient

bool IsReceived(std::string_view name) noexcept {
  return SameName(name, "received");
}

// What ReplyWriter passes on of addresses and their parameters: no control octets.
bool CanBeSent(std::string_view text) noexcept {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

std::uint32_t CountFields(const Message& message, std::string_view name) noexcept {
  std::uint32_t count = 0;
  for (const HeaderName* h = message.headers; h != nullptr; h = h->next) {
    if (SameName(h->name, name)) ++count;
  }
  return count;
}

// The spelling of field `index` (from 1) of that name in the message; `name` itself where there is
// none.
std::string_view SpellingOf(const Message& message,
                            std::string_view name,
                            std::uint32_t index) noexcept {
  std::uint32_t seen = 0;
  for (const HeaderName* h = message.headers; h != nullptr; h = h->next) {
    if (SameName(h->name, name) && ++seen == std::max(index, 1U)) return h->name;
  }
  return name;
}

// NOTIFY= and ORCPT= of `args`, joined by blanks; empty where they do not fit. What cannot be sent
// is left out: the new address counts for more than its parameters.
std::string_view InheritedArgs(std::string_view args, std::span<char> to) noexcept {
  std::size_t used = 0;
  milter::EsmtpReader reader(args);
  for (std::string_view arg; reader.Next(&arg);) {
    if (!StartsWithName(arg, "NOTIFY=") && !StartsWithName(arg, "ORCPT=")) continue;
    if (!CanBeSent(arg)) continue;
    if (used + 1 + arg.size() > to.size()) return {};
    if (used > 0) to[used++] = ' ';
    std::memcpy(to.data() + used, arg.data(), arg.size());
    used += arg.size();
  }
  return {to.data(), used};
}

// A header field must fit one packet; the value is cut to what always does.
std::string_view Cut(const ampdp::Edit& edit, EditCounts& counts) noexcept {
  if (edit.value.size() <= kHeaderValueBytesMax) return edit.value;
  ++counts.cut;
  return edit.value.substr(0, kHeaderValueBytesMax);
}

// An envelope address always has brackets in a request; the mail server may have sent it without.
std::string_view WithoutBrackets(std::string_view address) noexcept {
  if (address.size() >= 2 && address.front() == '<' && address.back() == '>') {
    return address.substr(1, address.size() - 2);
  }
  return address;
}

}  // namespace

const Recipient* VerdictMap::FindRecipient(std::string_view address) noexcept {
  const std::string_view wanted = WithoutBrackets(address);
  const Recipient* start = cursor_ != nullptr ? cursor_ : message_.recipients;
  for (const Recipient* r = start; r != nullptr; r = r->next) {
    if (WithoutBrackets(r->address) == wanted) return cursor_ = r;
  }
  for (const Recipient* r = message_.recipients; r != start; r = r->next) {
    if (WithoutBrackets(r->address) == wanted) return cursor_ = r;
  }
  return nullptr;
}

std::string_view VerdictMap::Check() noexcept {
  for (const ampdp::Edit& edit : reply_.edits) {
    switch (edit.kind) {
      case ampdp::EditKind::kDelRcpt:
        if (FindRecipient(edit.value) == nullptr)
          return "delrcpt of an address that is no recipient";
        // Left out, the recipient would get what amavisd keeps from it.
        if (!CanBeSent(edit.value)) return "delrcpt of an address with control octets";
        break;
      case ampdp::EditKind::kAddRcpt:
        if (!CanBeSent(edit.value)) return "addrcpt of what cannot be an address";
        break;
      case ampdp::EditKind::kQuarantine:
        if ((actions_ & milter::kActQuarantine) == 0) {
          return "quarantine, which the mail server does not offer";
        }
        break;
      case ampdp::EditKind::kDelHeader:
      case ampdp::EditKind::kChgHeader:
      case ampdp::EditKind::kInsHeader:
      case ampdp::EditKind::kAddHeader: break;
    }
  }
  return {};
}

EditCounts VerdictMap::Write(milter::ReplyWriter& out) noexcept {
  EditCounts counts;
  WriteRecipients(out, counts);
  WriteHeaderRemovals(out, counts);
  WriteHeaderInsertions(out, counts);
  WriteFinal(out, counts);
  return counts;
}

void VerdictMap::WriteRecipients(milter::ReplyWriter& out, EditCounts& counts) noexcept {
  for (const ampdp::Edit& edit : reply_.edits) {
    if (edit.kind != ampdp::EditKind::kDelRcpt) continue;
    ++(out.DelRcpt(edit.value) ? counts.recipients_deleted : counts.dropped);
  }
  for (std::size_t i = 0; i < reply_.edits.size(); ++i) {
    if (reply_.edits[i].kind == ampdp::EditKind::kAddRcpt) WriteAddedRecipient(out, i, counts);
  }
}

void VerdictMap::WriteAddedRecipient(milter::ReplyWriter& out,
                                     std::size_t index,
                                     EditCounts& counts) noexcept {
  const ampdp::Edit& edit = reply_.edits[index];
  engine::Scratch<char, kArgsBytesMax> room;
  std::string_view args;
  if (index > 0 && (actions_ & milter::kActAddRcptPar) != 0) {
    const ampdp::Edit& before = reply_.edits[index - 1];
    if (before.kind == ampdp::EditKind::kDelRcpt) {
      const Recipient* replaced = FindRecipient(before.value);
      if (replaced != nullptr) args = InheritedArgs(replaced->args, room);
    }
  }
  const bool written = args.empty() ? out.AddRcpt(edit.value) : out.AddRcptPar(edit.value, args);
  ++(written ? counts.recipients_added : counts.dropped);
}

void VerdictMap::WriteHeaderRemovals(milter::ReplyWriter& out, EditCounts& counts) const noexcept {
  for (const ampdp::Edit& edit : reply_.edits) {
    if (edit.kind == ampdp::EditKind::kDelHeader) WriteDelete(out, edit, counts);
    if (edit.kind == ampdp::EditKind::kChgHeader) WriteChange(out, edit, counts);
  }
}

void VerdictMap::WriteHeaderInsertions(milter::ReplyWriter& out,
                                       EditCounts& counts) const noexcept {
  for (const ampdp::Edit& edit : reply_.edits) {
    bool written = false;
    switch (edit.kind) {
      case ampdp::EditKind::kInsHeader:
        written = out.InsertHeader(edit.index, edit.name, Cut(edit, counts));
        ++(written ? counts.headers_inserted : counts.dropped);
        break;
      case ampdp::EditKind::kAddHeader:
        written = out.InsertHeader(kInsertAtEnd, edit.name, Cut(edit, counts));
        ++(written ? counts.headers_inserted : counts.dropped);
        break;
      case ampdp::EditKind::kQuarantine:
        ++(out.Quarantine(edit.value) ? counts.quarantined : counts.dropped);
        break;
      case ampdp::EditKind::kDelRcpt:
      case ampdp::EditKind::kAddRcpt:
      case ampdp::EditKind::kDelHeader:
      case ampdp::EditKind::kChgHeader: break;
    }
  }
}

void VerdictMap::WriteDelete(milter::ReplyWriter& out,
                             const ampdp::Edit& edit,
                             EditCounts& counts) const noexcept {
  std::uint32_t index = std::max(edit.index, 1U);
  if (IsReceived(edit.name)) {
    if (--index == 0) {
      ++counts.dropped;
      return;
    }
  }
  if (delete_header_ == DeleteHeader::kAll && StartsWithName(edit.name, "x-")) {
    for (std::uint32_t i = CountFields(message_, edit.name); i > 0; --i) {
      ++(out.DeleteHeader(i, edit.name) ? counts.headers_deleted : counts.dropped);
    }
    return;
  }
  ++(out.DeleteHeader(index, edit.name) ? counts.headers_deleted : counts.dropped);
}

void VerdictMap::WriteChange(milter::ReplyWriter& out,
                             const ampdp::Edit& edit,
                             EditCounts& counts) const noexcept {
  if (edit.value.empty()) {
    WriteDelete(out, edit, counts);
    return;
  }
  std::uint32_t index = std::max(edit.index, 1U);
  if (IsReceived(edit.name)) {
    if (--index == 0) {
      ++counts.dropped;
      return;
    }
  }
  const std::string_view name = SpellingOf(message_, edit.name, index);
  ++(out.ChangeHeader(index, name, Cut(edit, counts)) ? counts.headers_changed : counts.dropped);
}

void VerdictMap::WriteFinal(milter::ReplyWriter& out, EditCounts& counts) const noexcept {
  switch (reply_.verdict) {
    case ampdp::Verdict::kContinue: out.Continue(); return;
    case ampdp::Verdict::kAccept: out.Accept(); return;
    case ampdp::Verdict::kDiscard: out.Discard(); return;
    case ampdp::Verdict::kReject:
      if (WriteSetReply(out, 5, counts)) return;
      out.Reject();
      return;
    case ampdp::Verdict::kTempfail:
      if (WriteSetReply(out, 4, counts)) return;
      out.Tempfail();
      return;
  }
}

// False: the verdict goes out with the mail server's own text.
bool VerdictMap::WriteSetReply(milter::ReplyWriter& out,
                               std::uint16_t reply_class,
                               EditCounts& counts) const noexcept {
  const ampdp::SetReply& given = reply_.setreply;
  if (!given.present) return false;
  const char class_digit = static_cast<char>('0' + reply_class);
  counts.setreply_dropped = true;
  if (given.code / 100 != reply_class) return false;
  if (!given.enhanced.empty() && given.enhanced.front() != class_digit) return false;
  if (reply_class == 4 && given.text.starts_with(kLocalFailure)) {
    // The client is told what it is told when we fail; amavisd's text goes to our log.
    return out.ReplyCode({.code = local_failure_.code,
                          .enhanced = local_failure_.enhanced,
                          .text = local_failure_.text});
  }
  std::uint16_t code = given.code;
  if (code == 421) code = 451;
  if (code == 521) code = 554;
  counts.setreply_dropped =
      !out.ReplyCode({.code = code, .enhanced = given.enhanced, .text = given.text});
  return !counts.setreply_dropped;
}

}  // namespace relay
