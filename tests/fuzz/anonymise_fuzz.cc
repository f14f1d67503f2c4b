// Fuzzes the anonymiser: any octets as a message, a body, a header field, a packet, a scan.
//
// Layout: first octet what it is, second its kind (type of body, code of packet), then the text.
// Checks: it ends; sizes, line ends and NULs stay; the same input gives the same result; a marker
// of letters is gone wherever it stood.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "tools/anonymise/anonymiser.h"
#include "tools/anonymise/octets.h"
#include "tools/anonymise/packet_text.h"
#include "tools/anonymise/scan_text.h"

namespace {

using anonymise::Anonymiser;

// Long enough that it is not drawn by chance.
constexpr std::string_view kMarker = "zebraquagga";

constexpr const char* kTypes[] = {
    "text/html", "multipart/mixed; boundary=b", "message/rfc822", "message/delivery-status", ""};
constexpr const char* kEncodings[] = {"", "base64", "quoted-printable"};
constexpr const char* kFields[] = {"From",
                                   "Subject",
                                   "Received",
                                   "Date",
                                   "Content-Type",
                                   "DKIM-Signature",
                                   "Authentication-Results",
                                   "X-Spam-Status",
                                   "X-Own",
                                   "Content-Transfer-Encoding"};

template <std::size_t kCount>
const char* Pick(const char* const (&choices)[kCount], std::uint8_t kind) {
  return choices[kind % kCount];
}

std::string Anonymised(const Anonymiser& anonymiser,
                       char what,
                       std::uint8_t kind,
                       std::string_view text) {
  std::string copy(text);
  switch (what) {
    case 'b':
      return anonymiser.Body(Pick(kTypes, kind), Pick(kEncodings, kind / 8), std::move(copy));
    case 'h': return anonymiser.HeaderValue(Pick(kFields, kind), text);
    case 'n': return anonymiser.HeaderName(text);
    case 'a': return kind % 2 == 0 ? anonymiser.Address(text) : anonymiser.Host(text);
    case 'i': return anonymiser.IpAddress(text);
    case 'e': return kind % 2 == 0 ? anonymiser.EsmtpArgument(text) : anonymiser.ReplyText(text);
    case 'c': anonymise::RewriteCommandPacket(anonymiser.pseudonyms(), kind, copy); return copy;
    case 'r': anonymise::RewriteReplyPacket(anonymiser.pseudonyms(), kind, copy); return copy;
    case 's': anonymise::RewriteScanText(anonymiser.pseudonyms(), copy); return copy;
    default: return anonymiser.Message(std::move(copy));
  }
}

bool IsReplacedBody(char what, std::uint8_t kind) {
  return what == 'r' && kind == 'b';
}

void Check(std::string_view before, const std::string& after) {
  ENGINE_CHECK(before.size() == after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (const char c : {'\r', '\n', '\0'})
      ENGINE_CHECK((before[i] == c) == (after[i] == c));
  }
  std::string lower(after);
  std::transform(lower.begin(), lower.end(), lower.begin(), anonymise::ToLower);
  ENGINE_CHECK(lower.find(kMarker) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Anonymiser kAnonymiser("fuzz");
  if (size < 2) return 0;
  const auto what = static_cast<char>(data[0]);
  if (IsReplacedBody(what, data[1])) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string after = Anonymised(kAnonymiser, what, data[1], text);
  ENGINE_CHECK(after == Anonymised(kAnonymiser, what, data[1], text));
  Check(text, after);
  return 0;
}
