// Names and bit relations of the protocol's numbers: tables only.
#include "milter/wire.h"

#include <array>
#include <bit>

namespace milter {
namespace {

constexpr std::string_view kNoName = "?";

constexpr std::array<std::string_view, 9> kActionNames = {"ADDHDRS",
                                                          "CHGBODY",
                                                          "ADDRCPT",
                                                          "DELRCPT",
                                                          "CHGHDRS",
                                                          "QUARANTINE",
                                                          "CHGFROM",
                                                          "ADDRCPT_PAR",
                                                          "SETSYMLIST"};

constexpr std::array<std::string_view, 21> kProtocolNames = {
    "NOCONNECT", "NOHELO",    "NOMAIL",  "NORCPT",  "NOBODY",   "NOHDRS",  "NOEOH",
    "NR_HDR",    "NOUNKNOWN", "NODATA",  "SKIP",    "RCPT_REJ", "NR_CONN", "NR_HELO",
    "NR_MAIL",   "NR_RCPT",   "NR_DATA", "NR_UNKN", "NR_EOH",   "NR_BODY", "HDR_LEADSPC"};

}  // namespace

bool IsCommand(std::uint8_t byte) noexcept {
  return CommandName(byte).data() != kNoName.data();
}

Protocol NoReplyBit(Command command) noexcept {
  switch (command) {
    case Command::kConnect: return kNoReplyConnect;
    case Command::kHelo: return kNoReplyHelo;
    case Command::kMail: return kNoReplyMail;
    case Command::kRcpt: return kNoReplyRcpt;
    case Command::kData: return kNoReplyData;
    case Command::kHeader: return kNoReplyHeader;
    case Command::kEndOfHeaders: return kNoReplyEndOfHeaders;
    case Command::kBody: return kNoReplyBody;
    case Command::kUnknown: return kNoReplyUnknown;
    case Command::kNegotiate:
    case Command::kMacro:
    case Command::kEndOfMessage:
    case Command::kAbort:
    case Command::kQuit:
    case Command::kQuitNc: break;
  }
  return 0;
}

Protocol NoSendBit(Command command) noexcept {
  switch (command) {
    case Command::kConnect: return kNoConnect;
    case Command::kHelo: return kNoHelo;
    case Command::kMail: return kNoMail;
    case Command::kRcpt: return kNoRcpt;
    case Command::kData: return kNoData;
    case Command::kHeader: return kNoHeaders;
    case Command::kEndOfHeaders: return kNoEndOfHeaders;
    case Command::kBody: return kNoBody;
    case Command::kUnknown: return kNoUnknown;
    case Command::kNegotiate:
    case Command::kMacro:
    case Command::kEndOfMessage:
    case Command::kAbort:
    case Command::kQuit:
    case Command::kQuitNc: break;
  }
  return 0;
}

Actions ActionBit(Reply reply) noexcept {
  switch (reply) {
    case Reply::kAddHeader:
    case Reply::kInsertHeader: return kActAddHeaders;
    case Reply::kChangeHeader: return kActChangeHeaders;
    case Reply::kReplaceBody: return kActChangeBody;
    case Reply::kAddRcpt: return kActAddRcpt;
    case Reply::kAddRcptPar: return kActAddRcptPar;
    case Reply::kDeleteRcpt: return kActDeleteRcpt;
    case Reply::kChangeFrom: return kActChangeFrom;
    case Reply::kQuarantine: return kActQuarantine;
    case Reply::kNegotiate:
    case Reply::kContinue:
    case Reply::kAccept:
    case Reply::kReject:
    case Reply::kTempfail:
    case Reply::kDiscard:
    case Reply::kReplyCode:
    case Reply::kSkip:
    case Reply::kProgress:
    case Reply::kShutdown: break;
  }
  return 0;
}

std::string_view CommandName(std::uint8_t byte) noexcept {
  switch (static_cast<Command>(byte)) {
    case Command::kNegotiate: return "OPTNEG";
    case Command::kMacro: return "MACRO";
    case Command::kConnect: return "CONNECT";
    case Command::kHelo: return "HELO";
    case Command::kMail: return "MAIL";
    case Command::kRcpt: return "RCPT";
    case Command::kData: return "DATA";
    case Command::kHeader: return "HEADER";
    case Command::kEndOfHeaders: return "EOH";
    case Command::kBody: return "BODY";
    case Command::kEndOfMessage: return "EOM";
    case Command::kAbort: return "ABORT";
    case Command::kQuit: return "QUIT";
    case Command::kQuitNc: return "QUIT_NC";
    case Command::kUnknown: return "UNKNOWN";
  }
  return kNoName;
}

std::string_view ReplyName(std::uint8_t byte) noexcept {
  switch (static_cast<Reply>(byte)) {
    case Reply::kNegotiate: return "OPTNEG";
    case Reply::kContinue: return "CONTINUE";
    case Reply::kAccept: return "ACCEPT";
    case Reply::kReject: return "REJECT";
    case Reply::kTempfail: return "TEMPFAIL";
    case Reply::kDiscard: return "DISCARD";
    case Reply::kReplyCode: return "REPLYCODE";
    case Reply::kSkip: return "SKIP";
    case Reply::kProgress: return "PROGRESS";
    case Reply::kShutdown: return "SHUTDOWN";
    case Reply::kQuarantine: return "QUARANTINE";
    case Reply::kAddHeader: return "ADDHEADER";
    case Reply::kInsertHeader: return "INSHEADER";
    case Reply::kChangeHeader: return "CHGHEADER";
    case Reply::kReplaceBody: return "REPLBODY";
    case Reply::kAddRcpt: return "ADDRCPT";
    case Reply::kAddRcptPar: return "ADDRCPT_PAR";
    case Reply::kDeleteRcpt: return "DELRCPT";
    case Reply::kChangeFrom: return "CHGFROM";
  }
  return kNoName;
}

std::string_view ActionName(Actions bit) noexcept {
  const auto index = static_cast<std::size_t>(std::countr_zero(bit));
  return index < kActionNames.size() ? kActionNames[index] : kNoName;
}

std::string_view ProtocolName(Protocol bit) noexcept {
  const auto index = static_cast<std::size_t>(std::countr_zero(bit));
  return index < kProtocolNames.size() ? kProtocolNames[index] : kNoName;
}

}  // namespace milter
