// One function per shape of payload; see the header.
#include "tools/anonymise/packet_text.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "milter/commands.h"
#include "milter/mta_reply.h"
#include "milter/wire.h"
#include "tools/anonymise/envelope.h"
#include "tools/anonymise/field_text.h"
#include "tools/anonymise/filler.h"
#include "tools/anonymise/header_field.h"
#include "tools/anonymise/host_names.h"
#include "tools/anonymise/message_text.h"

namespace anonymise {
namespace {

// A higher one would be no index, but four letters.
constexpr std::uint32_t kHeaderIndexMax = 100'000;

// The part of `payload` that `view`, a view into it, covers.
Octets PartOf(Octets payload, std::string_view view) {
  return payload.subspan(static_cast<std::size_t>(view.data() - payload.data()), view.size());
}

void Fill(const Pseudonyms& pseudonyms, Octets octets) {
  if (octets.empty()) return;
  Stream stream(pseudonyms.Seed(SeedKind::kText, View(octets)));
  FillShape(octets, stream);
}

// Takes the text up to the next NUL, which is passed over; what is left when there is none.
Octets TakeString(Octets* rest) {
  const std::size_t end = std::min(View(*rest).find('\0'), rest->size());
  const Octets text = rest->first(end);
  *rest = rest->subspan(std::min(end + 1, rest->size()));
  return text;
}

void RewriteMacros(const Pseudonyms& pseudonyms, Octets pairs) {
  while (!pairs.empty()) {
    const Octets name = TakeString(&pairs);
    const std::string original(View(name));
    RewriteMacroName(pseudonyms, name);
    RewriteMacro(pseudonyms, original, TakeString(&pairs));
  }
}

bool AllZero(std::string_view octets) noexcept {
  return octets.find_first_not_of('\0') == std::string_view::npos;
}

// Stage numbers, each with names between blanks and a NUL.
void RewriteMacroLists(const Pseudonyms& pseudonyms, Octets lists) {
  while (lists.size() > milter::kLengthBytes) {
    if (!AllZero(View(lists.first(milter::kLengthBytes - 1)))) break;
    lists = lists.subspan(milter::kLengthBytes);
    Octets names = TakeString(&lists);
    while (!names.empty()) {
      const std::size_t end = std::min(View(names).find(' '), names.size());
      RewriteMacroName(pseudonyms, names.first(end));
      names = names.subspan(std::min(end + 1, names.size()));
    }
  }
  Fill(pseudonyms, lists);
}

// The numbers stay where they are such as mail servers and filters use: text would not pass.
void RewriteNegotiation(const Pseudonyms& pseudonyms, Octets payload) {
  const std::string_view text = View(payload);
  const bool sound = text.size() >= milter::kNegotiationBytes && AllZero(text.substr(0, 3)) &&
                     AllZero(text.substr(4, 2)) && (text[8] & 0x4f) == 0;
  if (!sound) return Fill(pseudonyms, payload);
  RewriteMacroLists(pseudonyms, payload.subspan(milter::kNegotiationBytes));
}

void RewriteConnect(const Pseudonyms& pseudonyms, Octets payload) {
  milter::ConnectCommand connect;
  if (!milter::DecodeConnect(View(payload), &connect)) return Fill(pseudonyms, payload);
  RewriteHostName(pseudonyms, TakeString(&payload));
  // Family, and a port unless it is unknown.
  constexpr std::size_t kFamilyAndPort = 3;
  const char family = payload[0];
  if (family == 'U') return Fill(pseudonyms, payload.subspan(1));
  payload = payload.subspan(kFamilyAndPort);
  const Octets address = TakeString(&payload);
  if (family == 'L') {
    RewritePath(pseudonyms, address);
  } else {
    ReplaceHost(pseudonyms, address);
  }
  Fill(pseudonyms, payload);
}

void RewriteArguments(const Pseudonyms& pseudonyms, Octets arguments) {
  std::size_t at = 0;
  while (at < arguments.size()) {
    std::size_t end = at;
    while (end < arguments.size() && arguments[end] != '\0' && arguments[end] != ' ')
      ++end;
    RewriteEsmtpArgument(pseudonyms, arguments.subspan(at, end - at));
    at = end + 1;
  }
}

void RewriteAddressCommand(const Pseudonyms& pseudonyms, Octets payload) {
  milter::AddressCommand command;
  if (!milter::DecodeAddress(View(payload), &command)) return Fill(pseudonyms, payload);
  RewriteArguments(pseudonyms, payload.subspan(command.address.size()));
  RewriteAddress(pseudonyms, payload.first(command.address.size()));
}

void RewriteField(const Pseudonyms& pseudonyms, Octets name, Octets value) {
  const std::string original(View(name));
  RewriteHeaderName(pseudonyms, name);
  RewriteHeaderValue(pseudonyms, original, value);
}

void RewriteHeaderCommand(const Pseudonyms& pseudonyms, Octets payload) {
  milter::HeaderCommand header;
  if (!milter::DecodeHeader(View(payload), &header)) return Fill(pseudonyms, payload);
  const Octets name = TakeString(&payload);
  RewriteField(pseudonyms, name, TakeString(&payload));
  Fill(pseudonyms, payload);
}

void RewriteBodyLeft(const Pseudonyms& pseudonyms, Octets payload) {
  MessageText(&pseudonyms, payload).RunBody({}, Transfer::kIdentity);
}

// A text up to the first NUL.
template <typename Rewrite>
void RewriteString(const Pseudonyms& pseudonyms, Octets payload, Rewrite rewrite) {
  rewrite(pseudonyms, TakeString(&payload));
  Fill(pseudonyms, payload);
}

}  // namespace

void RewriteCommandPacket(const Pseudonyms& pseudonyms, std::uint8_t code, Octets payload) {
  if (payload.empty()) return;
  switch (static_cast<milter::Command>(code)) {
    case milter::Command::kNegotiate: return RewriteNegotiation(pseudonyms, payload);
    case milter::Command::kMacro: return RewriteMacros(pseudonyms, payload.subspan(1));
    case milter::Command::kConnect: return RewriteConnect(pseudonyms, payload);
    case milter::Command::kHelo: return RewriteString(pseudonyms, payload, RewriteHostName);
    case milter::Command::kMail:
    case milter::Command::kRcpt: return RewriteAddressCommand(pseudonyms, payload);
    case milter::Command::kHeader: return RewriteHeaderCommand(pseudonyms, payload);
    case milter::Command::kBody:
    case milter::Command::kEndOfMessage: return RewriteBodyLeft(pseudonyms, payload);
    case milter::Command::kUnknown: return RewriteString(pseudonyms, payload, RewriteCommand);
    case milter::Command::kData:
    case milter::Command::kEndOfHeaders:
    case milter::Command::kAbort:
    case milter::Command::kQuit:
    case milter::Command::kQuitNc: break;
  }
  Fill(pseudonyms, payload);
}

void RewriteReplyPacket(const Pseudonyms& pseudonyms, std::uint8_t code, Octets payload) {
  if (payload.empty() || code == static_cast<std::uint8_t>(milter::Reply::kReplaceBody)) return;
  milter::FilterReply reply;
  const milter::MtaError error = milter::ParseReply(code, View(payload), &reply);
  // A reply text that no mail server takes is a text all the same.
  const bool text = error == milter::MtaError::kNone || error == milter::MtaError::kReplyText;
  if (!text || reply.index > kHeaderIndexMax) return Fill(pseudonyms, payload);
  switch (reply.kind) {
    case milter::Reply::kNegotiate: return RewriteNegotiation(pseudonyms, payload);
    case milter::Reply::kReplyCode:
    case milter::Reply::kQuarantine: return RewriteString(pseudonyms, payload, RewriteReply);
    case milter::Reply::kAddHeader:
    case milter::Reply::kInsertHeader:
    case milter::Reply::kChangeHeader:
      return RewriteField(pseudonyms, PartOf(payload, reply.name), PartOf(payload, reply.value));
    case milter::Reply::kAddRcpt:
    case milter::Reply::kAddRcptPar:
    case milter::Reply::kDeleteRcpt:
    case milter::Reply::kChangeFrom:
      RewriteAddress(pseudonyms, PartOf(payload, reply.name));
      return RewriteArguments(pseudonyms, payload.subspan(reply.name.size()));
    case milter::Reply::kContinue:
    case milter::Reply::kAccept:
    case milter::Reply::kReject:
    case milter::Reply::kTempfail:
    case milter::Reply::kDiscard:
    case milter::Reply::kSkip:
    case milter::Reply::kProgress:
    case milter::Reply::kShutdown:
    case milter::Reply::kReplaceBody: break;
  }
  Fill(pseudonyms, payload);
}

}  // namespace anonymise
