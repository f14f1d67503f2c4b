// One reply of a filter: shapes per code, and the reply text's rules.
#include "milter/mta_reply.h"

#include <algorithm>

namespace milter {
namespace {

bool IsDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::uint32_t ReadU32(std::string_view bytes) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    value = (value << 8) | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

// The next NUL-terminated string; false when there is no NUL.
bool TakeString(std::string_view* rest, std::string_view* out) noexcept {
  const std::size_t end = rest->find('\0');
  if (end == std::string_view::npos) return false;
  *out = rest->substr(0, end);
  rest->remove_prefix(end + 1);
  return true;
}

bool IsHeaderName(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 32 && byte < 127 && c != ':';
  });
}

// An LF that begins no folded line would begin a field of its own.
bool IsHeaderValue(std::string_view value) noexcept {
  if (value.find('\r') != std::string_view::npos) return false;
  for (std::size_t at = value.find('\n'); at != std::string_view::npos;
       at = value.find('\n', at + 1)) {
    if (at + 1 >= value.size() || (value[at + 1] != ' ' && value[at + 1] != '\t')) return false;
  }
  return true;
}

MtaError ParseHeader(std::string_view payload, FilterReply* reply) noexcept {
  if (reply->kind != Reply::kAddHeader) {
    if (payload.size() < kLengthBytes) return MtaError::kMalformed;
    reply->index = ReadU32(payload);
    if (reply->index > 0x7FFFFFFF) return MtaError::kMalformed;
    payload.remove_prefix(kLengthBytes);
  }
  if (!TakeString(&payload, &reply->name) || !TakeString(&payload, &reply->value)) {
    return MtaError::kMalformed;
  }
  if (!payload.empty()) return MtaError::kTrailingBytes;
  return IsHeaderName(reply->name) && IsHeaderValue(reply->value) ? MtaError::kNone
                                                                  : MtaError::kMalformed;
}

MtaError ParseAddress(std::string_view payload,
                      bool may_have_arguments,
                      FilterReply* reply) noexcept {
  if (!TakeString(&payload, &reply->name) || reply->name.empty()) return MtaError::kMalformed;
  if (may_have_arguments && !payload.empty() && !TakeString(&payload, &reply->value)) {
    return MtaError::kMalformed;
  }
  if (!payload.empty()) return MtaError::kTrailingBytes;
  return reply->name.find_first_of("\r\n") == std::string_view::npos ? MtaError::kNone
                                                                     : MtaError::kMalformed;
}

MtaError ParseText(std::string_view payload, FilterReply* reply) noexcept {
  if (!TakeString(&payload, &reply->value) || reply->value.empty()) return MtaError::kMalformed;
  return payload.empty() ? MtaError::kNone : MtaError::kTrailingBytes;
}

// "d.ddd.ddd" at the start, followed by a blank or the end.
bool BeginsWithEnhancedCode(std::string_view text) noexcept {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at >= text.size() || text[at++] != '.')) return false;
    const std::size_t begin = at;
    while (at < text.size() && IsDigit(text[at]))
      ++at;
    const std::size_t digits = at - begin;
    if (digits == 0 || digits > (part == 0 ? 1U : 3U)) return false;
  }
  return at == text.size() || text[at] == ' ';
}

bool HasSoundOctets(std::string_view line) noexcept {
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte < 0x20 || byte > 0x7E) return false;
    if (line[i] != '%') continue;
    if (i + 1 >= line.size() || line[i + 1] != '%') return false;
    ++i;
  }
  return true;
}

bool IsSoundReplyLine(std::string_view line, std::string_view code, bool last) noexcept {
  if (line.size() < 4 || line.size() > kReplyLineMaxBytes || line.substr(0, 3) != code)
    return false;
  if (line[3] != (last ? ' ' : '-') || !HasSoundOctets(line)) return false;
  const std::string_view text = line.substr(4);
  const bool enhanced =
      BeginsWithEnhancedCode(text) && (text[0] == '2' || text[0] == '4' || text[0] == '5');
  return !enhanced || text[0] == code[0];
}

}  // namespace

bool IsSoundReplyText(std::string_view text) noexcept {
  const std::string_view code = text.substr(0, 3);
  if (code.size() < 3 || (code[0] != '4' && code[0] != '5')) return false;
  if (!IsDigit(code[1]) || !IsDigit(code[2])) return false;
  for (std::size_t count = 1; count <= kReplyLinesMax; ++count) {
    const std::size_t end = text.find("\r\n");
    const bool last = end == std::string_view::npos;
    if (!IsSoundReplyLine(text.substr(0, end), code, last)) return false;
    if (last) return true;
    text.remove_prefix(end + 2);
  }
  return false;
}

bool IsFinal(Reply reply) noexcept {
  switch (reply) {
    case Reply::kNegotiate:
    case Reply::kContinue:
    case Reply::kAccept:
    case Reply::kReject:
    case Reply::kTempfail:
    case Reply::kDiscard:
    case Reply::kReplyCode:
    case Reply::kSkip:
    case Reply::kShutdown: return true;
    case Reply::kProgress:
    case Reply::kQuarantine:
    case Reply::kAddHeader:
    case Reply::kInsertHeader:
    case Reply::kChangeHeader:
    case Reply::kReplaceBody:
    case Reply::kAddRcpt:
    case Reply::kAddRcptPar:
    case Reply::kDeleteRcpt:
    case Reply::kChangeFrom: break;
  }
  return false;
}

MtaError ParseReply(std::uint8_t code, std::string_view payload, FilterReply* reply) noexcept {
  if (ReplyName(code) == "?") return MtaError::kUnknownReply;
  *reply = {};
  reply->kind = static_cast<Reply>(code);
  switch (reply->kind) {
    case Reply::kContinue:
    case Reply::kAccept:
    case Reply::kReject:
    case Reply::kTempfail:
    case Reply::kDiscard:
    case Reply::kSkip:
    case Reply::kProgress:
    case Reply::kShutdown: return payload.empty() ? MtaError::kNone : MtaError::kTrailingBytes;
    case Reply::kAddHeader:
    case Reply::kInsertHeader:
    case Reply::kChangeHeader: return ParseHeader(payload, reply);
    case Reply::kAddRcpt:
    case Reply::kDeleteRcpt: return ParseAddress(payload, false, reply);
    case Reply::kAddRcptPar:
    case Reply::kChangeFrom: return ParseAddress(payload, true, reply);
    case Reply::kQuarantine: {
      const MtaError error = ParseText(payload, reply);
      if (error != MtaError::kNone) return error;
      return reply->value.find_first_of("\r\n") == std::string_view::npos ? MtaError::kNone
                                                                          : MtaError::kMalformed;
    }
    case Reply::kReplyCode: {
      const MtaError error = ParseText(payload, reply);
      if (error != MtaError::kNone) return error;
      return IsSoundReplyText(reply->value) ? MtaError::kNone : MtaError::kReplyText;
    }
    case Reply::kNegotiate:
      reply->value = payload;
      return payload.size() < kNegotiationBytes ? MtaError::kMalformed : MtaError::kNone;
    case Reply::kReplaceBody: reply->value = payload; return MtaError::kNone;
  }
  return MtaError::kUnknownReply;
}

Frame NextFrame(std::string_view bytes) noexcept {
  if (bytes.size() < kLengthBytes) return {};
  const std::uint32_t length = ReadU32(bytes);
  if (length == 0 || length > kPayloadMaxBytes + 1) {
    return {.result = FrameResult::kBadLength, .code = 0, .payload = {}, .bytes = 0};
  }
  const std::size_t whole = kLengthBytes + length;
  if (bytes.size() < whole) return {};
  return {.result = FrameResult::kFrame,
          .code = static_cast<std::uint8_t>(bytes[kLengthBytes]),
          .payload = bytes.substr(kPacketHeadBytes, length - 1),
          .bytes = whole};
}

std::string_view MtaErrorText(MtaError error) noexcept {
  switch (error) {
    case MtaError::kNone: return "none";
    case MtaError::kReplyNotDue: return "reply that was not due";
    case MtaError::kLength: return "packet of an impossible length";
    case MtaError::kUnknownReply: return "unknown reply";
    case MtaError::kTrailingBytes: return "bytes left over behind the reply";
    case MtaError::kMalformed: return "malformed reply";
    case MtaError::kWrongStage: return "reply not allowed at this stage";
    case MtaError::kReplyText: return "reply text that no mail server takes";
    case MtaError::kActionNotNegotiated: return "edit that was not negotiated";
    case MtaError::kNegotiation: return "answer to what was not offered";
    case MtaError::kMixedBody: return "another edit between parts of a new body";
  }
  return "none";
}

}  // namespace milter
