// A message as it goes over SMTP after DATA: line ends, dots, the end; made while it is sent.
//
//   name ':' value CRLF   name ':' value CRLF ...   CRLF   body   [CRLF]   '.' CRLF
//
// Source: RFC 5321 4.5.2 (transparency), 2.3.8 (line ends).
// - LF without CR becomes CRLF, in header values (folds) and in the body. A CR without LF is sent
// as
//   it is: the server decides about it.
// - A dot that begins a line is doubled.
// - A body whose last line has no end gets one. The empty line after the headers is always there.
// - Everything else arrives octet for octet; names and values are not checked.
// The message is not copied: it has to stay where it is. No allocation.
#ifndef MILLRACE_TOOLS_REPLAY_SMTP_CONTENT_H_
#define MILLRACE_TOOLS_REPLAY_SMTP_CONTENT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/units.h"
#include "milter/mta_transaction.h"

namespace replay {

// How much of the content is sent.
struct ContentPart {
  std::size_t header_count = 0;  // the first ones
  bool empty_line = true;
  std::size_t body_bytes = 0;
  bool end = true;  // the dot; needs everything before it
};

ContentPart WholeContent(const milter::Transaction& transaction) noexcept;
// What is sent when the transaction's Stop is in its content (HEADER, END OF HEADERS, BODY: chunks
// of milter::kBodyChunkMaxBytes; END OF MESSAGE), else everything. True when it stops there.
bool StopInContent(const milter::Transaction& transaction, ContentPart* part) noexcept;

// One piece after the other, before any change of line ends.
class ContentPieces {
 public:
  ContentPieces() = default;
  ContentPieces(const milter::Transaction& transaction, const ContentPart& part)
      : transaction_(&transaction), part_(part) {}

  // False at the end, the dot left out. `line_ended`: so did what came before.
  bool Next(bool line_ended, std::string_view* piece) noexcept;

 private:
  enum class Place : std::uint8_t { kName, kColon, kValue, kFieldEnd, kBody, kLastLine, kNone };

  bool NextOfField(std::string_view* piece) noexcept;

  const milter::Transaction* transaction_ = nullptr;
  ContentPart part_;
  Place place_ = Place::kName;
  std::size_t header_index_ = 0;
};

class SmtpContent {
 public:
  // Begins anew. `transaction` outlives the sending.
  void Begin(const milter::Transaction& transaction, const ContentPart& part);
  // The next octets, at most to.size(); 0 only when done() or to is empty.
  std::size_t Fill(engine::Bytes to) noexcept;
  bool done() const noexcept { return stage_ == Stage::kDone; }

 private:
  enum class Stage : std::uint8_t { kPieces, kDot, kDone };

  std::size_t Encode(engine::Bytes to) noexcept;
  void Advance() noexcept;

  ContentPieces pieces_;
  std::string_view rest_;  // of the piece under way
  char previous_ = '\n';   // the last octet sent; LF: a line begins
  bool with_dot_ = false;
  Stage stage_ = Stage::kDone;
};

struct ContentMeasure {
  std::uint64_t bytes = 0;  // RFC 1870: line ends as CRLF, without doubled dots and the end
  bool eight_bit = false;   // has octets above 127
};

// Of the whole content; reads every octet once.
ContentMeasure MeasureContent(const milter::Transaction& transaction) noexcept;

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_SMTP_CONTENT_H_
