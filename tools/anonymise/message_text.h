// Rewrites a message or a body in place: header fields by their rules, contents by filler, the MIME
// skeleton (delimiter lines, part headers, encodings) staying what it is.
//
//              empty line                    delimiter
//   kHeader ----------------> kContent -----------------------> kHeader (of the next part)
//      ^  |                     |  ^  '-- closing delimiter --> kContent (epilogue)
//      |  '-- line that is no --'  |
//      |      field                |
//      '------ message/rfc822 -----' (empty line)
//
// A line ends in LF; CRs before it belong to the line end. A part's lines are base64,
// quoted-printable, HTML or text, by what its header says; what no header explains is text.
// The filler is drawn from a stream seeded by the keyed hash of the body, line ends not counted:
// the same body gives the same filler, whether its lines end in CR LF or LF.
// Source: RFC 2045 to 2049, 3464 (delivery reports: blocks of fields), mbox's "From " line.
// Limits: below; beyond them everything is text, nothing is passed through.
// Time is linear in the octets. No recursion.
#ifndef MILLRACE_TOOLS_ANONYMISE_MESSAGE_TEXT_H_
#define MILLRACE_TOOLS_ANONYMISE_MESSAGE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/anonymise/escaped_text.h"
#include "tools/anonymise/filler.h"
#include "tools/anonymise/mime_parameters.h"
#include "tools/anonymise/octets.h"
#include "tools/anonymise/pseudonym.h"
#include "tools/anonymise/text_filler.h"

namespace anonymise {

inline constexpr std::size_t kNestingMax = 16;             // multiparts within each other
inline constexpr std::size_t kMultipartsMax = 1000;        // of one message
inline constexpr std::size_t kHeaderBytesMax = 1U << 20U;  // all header fields of one text together

class MessageText {
 public:
  // `text` stays the caller's, and is changed by Run...().
  MessageText(const Pseudonyms* pseudonyms, Octets text);
  MessageText(const MessageText&) = delete;
  MessageText& operator=(const MessageText&) = delete;

  // The text begins with a header.
  void RunMessage();
  // The text is a body, whose header said this.
  void RunBody(const MediaType& type, Transfer transfer);

 private:
  enum class State : std::uint8_t { kHeader, kContent };
  // A line of the text: [begin, end) without its line end, then up to `next`.
  struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t next = 0;
  };

  std::string_view view() const { return View(text_); }
  Octets Part(std::size_t begin, std::size_t end) const {
    return text_.subspan(begin, end - begin);
  }
  void Run();
  bool TryDelimiter(const Line& line);
  void HeaderLine(const Line& line);
  void FinishField();
  void BeginHeader();
  // The content begins at `at`; `whole`: the header ended with an empty line.
  void BeginContent(std::size_t at, bool whole);
  bool BeginNested(bool whole);
  void ContentLine(const Line& line);
  void QuotedPrintableLine(Octets line);
  void DecodedLine(Octets line);

  const Pseudonyms& pseudonyms_;
  Octets text_;
  Stream stream_{0};
  bool seeded_ = false;
  TextFiller text_filler_;
  HtmlFiller html_filler_;
  EscapedText quoted_printable_{'='};

  State state_ = State::kHeader;
  std::vector<std::string> delimiters_;  // "--" and boundary, of the multiparts that are open
  std::size_t multiparts_ = 0;
  // Of the header being read, then of the content.
  MediaType type_;
  Transfer transfer_ = Transfer::kIdentity;
  bool type_seen_ = false;
  bool transfer_seen_ = false;
  bool field_open_ = false;
  std::size_t field_begin_ = 0;
  std::size_t field_end_ = 0;
  std::size_t header_bytes_ = 0;
  std::size_t kept_until_ = 0;  // base64 of a test signature
};

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_MESSAGE_TEXT_H_
