// The numbers of the MILTER protocol, versions 2 to 6, and their names for logs.
//
// Wire:   +---------+-----+---------------+     length counts command + payload, big-endian;
//         | len:u32 | cmd | payload       |     the payload limit of 65535 makes 65536 the largest.
//         +---------+-----+---------------+
// Source: sendmail-8.17.1.9 include/libmilter/mfdef.h, mfapi.h; Postfix src/milter/milter8.c.
// Not here: MDS sizes (SMFIP_MDS_*); a filter that leaves these bits out of its answer has 64 KiB.
#ifndef MILLRACE_MILTER_WIRE_H_
#define MILLRACE_MILTER_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace milter {

inline constexpr std::size_t kLengthBytes = 4;
inline constexpr std::size_t kPacketHeadBytes = 5;        // length and command
inline constexpr std::size_t kNegotiationBytes = 12;      // fixed part of an OPTNEG payload
inline constexpr std::size_t kPayloadMaxBytes = 65535;    // MILTER_MAX_DATA_SIZE
inline constexpr std::size_t kBodyChunkMaxBytes = 65535;  // MILTER_CHUNK_SIZE
inline constexpr std::size_t kReplyLineMaxBytes = 980;    // MAXREPLYLEN, libmilter/smfi.c
inline constexpr std::size_t kReplyLinesMax = 32;         // MAXREPLIES
inline constexpr std::uint32_t kVersionMin = 2;
inline constexpr std::uint32_t kVersionMax = 6;

// Mail server to filter.
enum class Command : std::uint8_t {
  kNegotiate = 'O',
  kMacro = 'D',
  kConnect = 'C',
  kHelo = 'H',
  kMail = 'M',
  kRcpt = 'R',
  kData = 'T',
  kHeader = 'L',
  kEndOfHeaders = 'N',
  kBody = 'B',
  kEndOfMessage = 'E',
  kAbort = 'A',
  kQuit = 'Q',
  kQuitNc = 'K',
  kUnknown = 'U',
};

// Filter to mail server. ('f' CONN_FAIL and 'l' SETSYMLIST are constants in libmilter's header that
// no mail server understands as packets.)
enum class Reply : std::uint8_t {
  kNegotiate = 'O',
  kContinue = 'c',
  kAccept = 'a',
  kReject = 'r',
  kTempfail = 't',
  kDiscard = 'd',
  kReplyCode = 'y',
  kSkip = 's',
  kProgress = 'p',
  kShutdown = '4',  // Postfix only
  kQuarantine = 'q',
  kAddHeader = 'h',
  kInsertHeader = 'i',
  kChangeHeader = 'm',
  kReplaceBody = 'b',
  kAddRcpt = '+',
  kAddRcptPar = '2',
  kDeleteRcpt = '-',
  kChangeFrom = 'e',
};

// SMFIF_*: what a filter may do to a message.
using Actions = std::uint32_t;
inline constexpr Actions kActAddHeaders = 0x001;  // ADDHEADER and INSHEADER
inline constexpr Actions kActChangeBody = 0x002;
inline constexpr Actions kActAddRcpt = 0x004;
inline constexpr Actions kActDeleteRcpt = 0x008;
inline constexpr Actions kActChangeHeaders = 0x010;
inline constexpr Actions kActQuarantine = 0x020;
inline constexpr Actions kActChangeFrom = 0x040;
inline constexpr Actions kActAddRcptPar = 0x080;
inline constexpr Actions kActMacroLists = 0x100;   // SETSYMLIST: macro lists in the OPTNEG answer
inline constexpr Actions kActionsVersion1 = 0x0F;  // what an offer of 0 means
inline constexpr Actions kActionsAll = 0x1FF;

// SMFIP_*: what is not sent, not answered, or understood.
using Protocol = std::uint32_t;
inline constexpr Protocol kNoConnect = 0x000001;
inline constexpr Protocol kNoHelo = 0x000002;
inline constexpr Protocol kNoMail = 0x000004;
inline constexpr Protocol kNoRcpt = 0x000008;
inline constexpr Protocol kNoBody = 0x000010;
inline constexpr Protocol kNoHeaders = 0x000020;
inline constexpr Protocol kNoEndOfHeaders = 0x000040;
inline constexpr Protocol kNoReplyHeader = 0x000080;
inline constexpr Protocol kNoUnknown = 0x000100;
inline constexpr Protocol kNoData = 0x000200;
inline constexpr Protocol kSkip = 0x000400;
inline constexpr Protocol kRejectedRcpts = 0x000800;
inline constexpr Protocol kNoReplyConnect = 0x001000;
inline constexpr Protocol kNoReplyHelo = 0x002000;
inline constexpr Protocol kNoReplyMail = 0x004000;
inline constexpr Protocol kNoReplyRcpt = 0x008000;
inline constexpr Protocol kNoReplyData = 0x010000;
inline constexpr Protocol kNoReplyUnknown = 0x020000;
inline constexpr Protocol kNoReplyEndOfHeaders = 0x040000;
inline constexpr Protocol kNoReplyBody = 0x080000;
inline constexpr Protocol kLeadingSpace = 0x100000;
inline constexpr Protocol kProtocolVersion1 = 0x3F;  // what an offer of 0 means
inline constexpr Protocol kNoReplyAll = 0x0FF080;
inline constexpr Protocol kNoSendAll = 0x00037F;
inline constexpr Protocol kProtocolAll = 0x1FFFFF;

// True for the fifteen command bytes above.
bool IsCommand(std::uint8_t byte) noexcept;

// The bit that lets the filter leave `command` unanswered, or 0 when there is none.
Protocol NoReplyBit(Command command) noexcept;
// The bit that stops the mail server from sending `command`, or 0.
Protocol NoSendBit(Command command) noexcept;
// The action bit that an edit needs, or 0 for replies that need none.
Actions ActionBit(Reply reply) noexcept;

// Names for logs: "MAIL", "CHGHEADER"; an unknown byte is "?".
std::string_view CommandName(std::uint8_t byte) noexcept;
std::string_view ReplyName(std::uint8_t byte) noexcept;
// The name of the lowest bit set in the mask ("CHGHDRS", "NR_CONN"); "?" for none or an unknown
// one.
std::string_view ActionName(Actions bit) noexcept;
std::string_view ProtocolName(Protocol bit) noexcept;

}  // namespace milter

#endif  // MILLRACE_MILTER_WIRE_H_
