// A message to the octets after DATA, and their number.
#include "tools/replay/smtp_content.h"

#include <algorithm>
#include <cstring>

#include "milter/wire.h"

namespace replay {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// How many octets of `rest` can be copied as they are, given that the first one can.
std::size_t PlainRun(std::string_view rest) noexcept {
  const std::size_t line_feed = rest.find('\n');
  if (line_feed == std::string_view::npos) return rest.size();
  if (line_feed == 0 || rest[line_feed - 1] == '\r') return line_feed + 1;
  return line_feed;
}

bool HasEightBit(std::string_view piece) noexcept {
  unsigned bits = 0;
  for (const char c : piece)
    bits |= static_cast<unsigned char>(c);
  return (bits & 0x80U) != 0;
}

// Line feeds that get a CR.
std::uint64_t BareLineFeeds(std::string_view piece, char previous) noexcept {
  std::uint64_t count = 0;
  for (std::size_t at = piece.find('\n'); at != std::string_view::npos;
       at = piece.find('\n', at + 1)) {
    if ((at == 0 ? previous : piece[at - 1]) != '\r') ++count;
  }
  return count;
}

}  // namespace

ContentPart WholeContent(const milter::Transaction& transaction) noexcept {
  return {.header_count = transaction.headers.size(),
          .empty_line = true,
          .body_bytes = milter::BodyOf(transaction).size(),
          .end = true};
}

bool StopInContent(const milter::Transaction& transaction, ContentPart* part) noexcept {
  *part = WholeContent(transaction);
  const milter::Stop& stop = transaction.stop;
  if (stop.how == milter::StopHow::kPlayOn || stop.count == 0) return false;
  if (stop.after == milter::Command::kHeader) {
    if (stop.count > transaction.headers.size()) return false;
    *part = {.header_count = stop.count, .empty_line = false, .body_bytes = 0, .end = false};
    return true;
  }
  if (stop.after == milter::Command::kEndOfHeaders && stop.count == 1) {
    part->body_bytes = 0;
    part->end = false;
    return true;
  }
  if (stop.after == milter::Command::kBody) {
    const std::size_t before = (stop.count - std::size_t{1}) * milter::kBodyChunkMaxBytes;
    if (before >= milter::BodyOf(transaction).size()) return false;
    part->body_bytes =
        std::min(milter::BodyOf(transaction).size(), before + milter::kBodyChunkMaxBytes);
    part->end = false;
    return true;
  }
  return stop.after == milter::Command::kEndOfMessage && stop.count == 1;
}

bool ContentPieces::Next(bool line_ended, std::string_view* piece) noexcept {
  switch (place_) {
    case Place::kName:
    case Place::kColon:
    case Place::kValue:
    case Place::kFieldEnd: return NextOfField(piece);
    case Place::kBody:
      *piece = std::string_view(milter::BodyOf(*transaction_)).substr(0, part_.body_bytes);
      place_ = Place::kLastLine;
      return true;
    case Place::kLastLine:
      place_ = Place::kNone;
      if (!part_.end || line_ended) return false;
      *piece = kLineEnd;
      return true;
    case Place::kNone: break;
  }
  return false;
}

bool ContentPieces::NextOfField(std::string_view* piece) noexcept {
  if (header_index_ == part_.header_count) {
    place_ = part_.empty_line ? Place::kBody : Place::kNone;
    if (part_.empty_line) *piece = kLineEnd;
    return part_.empty_line;
  }
  const milter::HeaderField& field = transaction_->headers[header_index_];
  if (place_ == Place::kName) {
    *piece = field.name;
    place_ = Place::kColon;
  } else if (place_ == Place::kColon) {
    *piece = ":";
    place_ = Place::kValue;
  } else if (place_ == Place::kValue) {
    *piece = field.value;
    place_ = Place::kFieldEnd;
  } else {
    *piece = kLineEnd;
    place_ = Place::kName;
    ++header_index_;
  }
  return true;
}

void SmtpContent::Begin(const milter::Transaction& transaction, const ContentPart& part) {
  pieces_ = ContentPieces(transaction, part);
  rest_ = {};
  previous_ = '\n';
  with_dot_ = part.end;
  stage_ = Stage::kPieces;
  Advance();
}

std::size_t SmtpContent::Fill(engine::Bytes to) noexcept {
  std::size_t filled = 0;
  while (!done() && filled < to.size()) {
    filled += Encode(to.subspan(filled));
    Advance();
  }
  return filled;
}

// To the next piece that has octets.
void SmtpContent::Advance() noexcept {
  while (rest_.empty() && stage_ != Stage::kDone) {
    if (stage_ == Stage::kPieces && pieces_.Next(previous_ == '\n', &rest_)) continue;
    if (stage_ == Stage::kPieces && with_dot_) {
      rest_ = ".\r\n";
      previous_ = '\0';  // this dot is not doubled
      stage_ = Stage::kDot;
    } else {
      stage_ = Stage::kDone;
    }
  }
}

// previous_ is all that has to be known: the CR before a bare LF, and the second dot, change it.
std::size_t SmtpContent::Encode(engine::Bytes to) noexcept {
  std::size_t filled = 0;
  while (filled < to.size() && !rest_.empty()) {
    const char next = rest_.front();
    if ((next == '.' && previous_ == '\n') || (next == '\n' && previous_ != '\r')) {
      previous_ = next == '.' ? '.' : '\r';
      to[filled++] = static_cast<std::byte>(previous_);
      continue;
    }
    const std::size_t run = PlainRun(rest_.substr(0, to.size() - filled));
    std::memcpy(to.data() + filled, rest_.data(), run);
    filled += run;
    previous_ = rest_[run - 1];
    rest_.remove_prefix(run);
  }
  return filled;
}

ContentMeasure MeasureContent(const milter::Transaction& transaction) noexcept {
  ContentPieces pieces(transaction, WholeContent(transaction));
  ContentMeasure measure;
  char previous = '\n';
  std::string_view piece;
  while (pieces.Next(previous == '\n', &piece)) {
    if (piece.empty()) continue;
    measure.bytes += piece.size() + BareLineFeeds(piece, previous);
    measure.eight_bit = measure.eight_bit || HasEightBit(piece);
    previous = piece.back();
  }
  return measure;
}

}  // namespace replay
