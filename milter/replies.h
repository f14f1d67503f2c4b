// Writes the filter's replies into a caller's buffer, and refuses what a mail server would choke
// on.
//
//   "554-5.7.1 line" CRLF "554 5.7.1 last" NUL     REPLYCODE
//   name NUL value NUL                             ADDHEADER; with index:u32 before: INSHEADER,
//   CHGHEADER
// Source: libmilter/smfi.c for the limits; milter8.c and sendmail/milter.c for what breaks a
// session: a lone '%', an enhanced code of another class, a bare code, trailing bytes. Cleaned
// rather than refused: header values, reply text, the quarantine reason. Refused: header names,
// addresses, codes, edits that were not negotiated, packets over 65535 bytes.
// With an empty buffer the writer only counts: run the same calls twice, first for needed().
#ifndef MILLRACE_MILTER_REPLIES_H_
#define MILLRACE_MILTER_REPLIES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/units.h"
#include "milter/negotiate.h"
#include "milter/packet_writer.h"
#include "milter/wire.h"

namespace milter {

// 554 5.7.1 text. `enhanced` may be empty.
struct ReplyText {
  std::uint16_t code = 0;     // 400 to 599
  std::string_view enhanced;  // "5.7.1": its class must be the code's
  std::string_view text;      // CR, LF or CRLF break lines; other bytes outside 32..126 become '?'
};

// Functions that answer bool: false when the thing cannot be sent; then nothing was written, and
// the caller logs it. A full buffer is not that: see full().
class ReplyWriter {
 public:
  // `leading_space`: FilterSession::leading_space(). `actions`: FilterSession::actions(); edits
  // without their bit are refused.
  ReplyWriter(engine::Bytes to, bool leading_space, Actions actions = kActionsAll) noexcept
      : writer_(to), actions_(actions), leading_space_(leading_space) {}

  void Negotiate(const Answer& answer) noexcept;
  void Continue() noexcept { Plain(Reply::kContinue); }
  void Accept() noexcept { Plain(Reply::kAccept); }
  void Reject() noexcept { Plain(Reply::kReject); }
  void Tempfail() noexcept { Plain(Reply::kTempfail); }
  // MAIL to end of message only: elsewhere Sendmail lets the session pass unfiltered.
  void Discard() noexcept { Plain(Reply::kDiscard); }
  // End of message only; Sendmail breaks the session elsewhere.
  void Progress() noexcept { Plain(Reply::kProgress); }
  // BODY only, and only when kSkip was negotiated.
  void Skip() noexcept { Plain(Reply::kSkip); }

  // Text is split at 980 bytes per line (code included) and cut at 32 lines; every '%' is doubled.
  // False for a code outside 400..599, an enhanced code that is none or of another class, and,
  // without one, a line that begins with an enhanced code of another class.
  [[nodiscard]] bool ReplyCode(const ReplyText& reply) noexcept;

  // At end of message. Values: NUL, CR and trailing LF are dropped, an LF that no blank or TAB
  // follows gets a TAB; under leading_space exactly one blank is put before each (also an empty
  // one). Names: 33..126 without ':', not empty.
  [[nodiscard]] bool AddHeader(std::string_view name, std::string_view value) noexcept;
  [[nodiscard]] bool InsertHeader(std::uint32_t index,
                                  std::string_view name,
                                  std::string_view value) noexcept;
  // `index` counts fields of that name from 1. An empty value deletes.
  [[nodiscard]] bool ChangeHeader(std::uint32_t index,
                                  std::string_view name,
                                  std::string_view value) noexcept;
  [[nodiscard]] bool DeleteHeader(std::uint32_t index, std::string_view name) noexcept;

  // Addresses: not empty, no control characters. The null sender is "<>".
  [[nodiscard]] bool AddRcpt(std::string_view address) noexcept;
  // `arguments`: one string, blank-separated ("NOTIFY=NEVER ORCPT=rfc822;x"); may be empty.
  [[nodiscard]] bool AddRcptPar(std::string_view address, std::string_view arguments) noexcept;
  [[nodiscard]] bool DelRcpt(std::string_view address) noexcept;
  [[nodiscard]] bool ChangeFrom(std::string_view address, std::string_view arguments) noexcept;
  // Control characters become blanks. False when empty.
  [[nodiscard]] bool Quarantine(std::string_view reason) noexcept;
  // Split at 65535 bytes; empty sends one empty packet. All calls for a message must follow each
  // other without another edit between (Postfix breaks the session otherwise).
  [[nodiscard]] bool ReplaceBody(engine::ConstBytes body) noexcept;

  // Bytes in the buffer: whole packets only.
  std::size_t written() const noexcept { return writer_.written(); }
  // Bytes that all replies together take, those that did not fit included.
  std::size_t needed() const noexcept { return writer_.needed(); }
  // A packet did not fit; nothing after it was written either, so order is kept.
  bool full() const noexcept { return writer_.full(); }

 private:
  void Plain(Reply reply) noexcept;
  bool Allowed(Reply reply) const noexcept;
  bool Header(Reply reply,
              std::uint32_t index,
              std::string_view name,
              std::string_view value) noexcept;
  bool Address(Reply reply, std::string_view address, std::string_view arguments) noexcept;

  PacketWriter writer_;
  Actions actions_;
  bool leading_space_;
};

}  // namespace milter

#endif  // MILLRACE_MILTER_REPLIES_H_
