// The pass over the lines; see the header.
#include "tools/anonymise/message_text.h"

#include <algorithm>

#include "tools/anonymise/base64_text.h"
#include "tools/anonymise/field_text.h"
#include "tools/anonymise/header_field.h"
#include "tools/anonymise/known_words.h"
#include "tools/scanner/signatures.h"

namespace anonymise {
namespace {

constexpr std::size_t kFieldNameMax = 256;

// Where the ":" of a header field is, or npos when the line begins none.
std::size_t ColonOf(std::string_view line) noexcept {
  const std::size_t colon = line.substr(0, kFieldNameMax).find(':');
  if (colon == std::string_view::npos || colon == 0) return std::string_view::npos;
  std::size_t name_end = colon;
  while (name_end > 0 && IsBlank(line[name_end - 1]))
    --name_end;
  const bool sound = name_end > 0 && std::all_of(line.begin(), line.begin() + name_end, [](char c) {
                       return c > ' ' && c < 0x7f;
                     });
  return sound ? colon : std::string_view::npos;
}

// The octets at the start of a base64 part that are the EICAR file, white space behind it included;
// 0 when the part holds something else.
std::size_t EicarBase64Bytes(std::string_view text) {
  // 68 octets take 91 digits; some more to see whether anything but white space follows.
  constexpr std::size_t kSignatureDigits = 91;
  constexpr std::size_t kDigitsMax = 160;
  std::string digits;
  std::size_t signature_end = 0;
  std::size_t at = 0;
  while (at < text.size() && digits.size() < kDigitsMax) {
    if (IsBase64(text[at])) {
      digits.push_back(text[at]);
      if (digits.size() == kSignatureDigits) signature_end = at + 1;
    } else if (text[at] != '\r' && text[at] != '\n') {
      break;
    }
    ++at;
  }
  if (signature_end == 0) return 0;
  const bool whole = digits.size() < kDigitsMax;
  digits.resize((digits.size() + 3) / 4 * 4, 'A');
  std::string octets;
  const std::string eicar = scanner::EicarSignature();
  if (!DecodeBase64(digits, &octets) || !octets.starts_with(eicar)) return 0;
  const bool nothing_else = std::all_of(octets.begin() + static_cast<std::ptrdiff_t>(eicar.size()),
                                        octets.end(),
                                        [](char c) { return IsSpace(c) || c == '\0'; });
  return whole && nothing_else ? at : signature_end;
}

}  // namespace

MessageText::MessageText(const Pseudonyms* pseudonyms, Octets text)
    : pseudonyms_(*pseudonyms),
      text_(text),
      text_filler_(&stream_),
      html_filler_(&text_filler_, &stream_) {}

void MessageText::RunMessage() {
  BeginHeader();
  Run();
}

void MessageText::RunBody(const MediaType& type, Transfer transfer) {
  type_ = type;
  transfer_ = transfer;
  BeginContent(0, true);
  Run();
}

void MessageText::Run() {
  Line line;
  while (line.next < text_.size()) {
    line.begin = line.next;
    line.end = std::min(view().find('\n', line.begin), text_.size());
    line.next = std::min(line.end + 1, text_.size());
    while (line.end > line.begin && text_[line.end - 1] == '\r')
      --line.end;
    if (TryDelimiter(line)) continue;
    if (state_ == State::kHeader) {
      HeaderLine(line);
    } else {
      ContentLine(line);
    }
  }
  FinishField();
}

// Innermost first: a delimiter of an outer multipart ends the inner ones.
bool MessageText::TryDelimiter(const Line& line) {
  std::string_view text = view().substr(line.begin, line.end - line.begin);
  if (delimiters_.empty() || !text.starts_with("--")) return false;
  while (IsBlank(text.back()))
    text.remove_suffix(1);
  for (std::size_t level = delimiters_.size(); level > 0; --level) {
    const std::string& delimiter = delimiters_[level - 1];
    if (!text.starts_with(delimiter)) continue;
    const std::string_view rest = text.substr(delimiter.size());
    if (!rest.empty() && rest != "--") continue;
    FinishField();
    pseudonyms_.ReplaceWords(WordKind::kBoundary,
                             Part(line.begin + 2, line.begin + delimiter.size()));
    delimiters_.resize(rest.empty() ? level : level - 1);
    BeginHeader();
    if (rest.empty()) return true;
    BeginContent(line.next, true);
    return true;
  }
  return false;
}

void MessageText::BeginHeader() {
  state_ = State::kHeader;
  type_ = {};
  transfer_ = Transfer::kIdentity;
  type_seen_ = false;
  transfer_seen_ = false;
}

void MessageText::HeaderLine(const Line& line) {
  const Octets octets = Part(line.begin, line.end);
  if (octets.empty()) {
    FinishField();
    BeginContent(line.next, true);
    return;
  }
  if (field_open_ && IsBlank(octets[0])) {
    field_end_ = line.end;
    return;
  }
  FinishField();
  if (ColonOf(View(octets)) != std::string_view::npos) {
    field_open_ = true;
    field_begin_ = line.begin;
    field_end_ = line.end;
    return;
  }
  if (line.begin == 0 && View(octets).starts_with("From ")) {
    RewriteText(pseudonyms_, octets.subspan(5), {.keep = kDateWords, .hosts = true});
    return;
  }
  BeginContent(line.begin, false);
  ContentLine(line);
}

void MessageText::FinishField() {
  if (!field_open_) return;
  field_open_ = false;
  const Octets field = Part(field_begin_, field_end_);
  const std::size_t colon = ColonOf(View(field));
  std::size_t name_end = colon;
  while (IsBlank(field[name_end - 1]))
    --name_end;
  const std::string name(View(field.first(name_end)));
  const Octets value = field.subspan(colon + 1);
  if (!type_seen_ && EqualsFolded(name, "Content-Type")) {
    type_ = ReadContentType(View(value));
    type_seen_ = true;
  }
  if (!transfer_seen_ && EqualsFolded(name, "Content-Transfer-Encoding")) {
    transfer_ = ReadTransferEncoding(View(value));
    transfer_seen_ = true;
  }
  header_bytes_ += field.size();
  if (header_bytes_ > kHeaderBytesMax) {
    Stream stream(pseudonyms_.Seed(SeedKind::kText, View(field)));
    return FillShape(field, stream);
  }
  RewriteHeaderName(pseudonyms_, field.first(name_end));
  RewriteHeaderValue(pseudonyms_, name, value);
}

void MessageText::BeginContent(std::size_t at, bool whole) {
  if (!seeded_) {
    stream_ = Stream(pseudonyms_.LinesSeed(view().substr(at)));
    seeded_ = true;
  }
  state_ = State::kContent;
  kept_until_ = 0;
  html_filler_.Reset();
  if (BeginNested(whole)) return;
  if (transfer_ == Transfer::kBase64) kept_until_ = at + EicarBase64Bytes(view().substr(at));
}

// True when the content is not lines to fill, but parts or fields.
bool MessageText::BeginNested(bool whole) {
  switch (type_.kind) {
    case MediaKind::kText:
    case MediaKind::kHtml: return false;
    case MediaKind::kMultipart:
      transfer_ = Transfer::kIdentity;
      if (delimiters_.size() < kNestingMax && multiparts_ < kMultipartsMax) {
        delimiters_.push_back("--" + type_.boundary);
        ++multiparts_;
      }
      return true;
    case MediaKind::kMessage:
    case MediaKind::kReport: break;
  }
  if (!whole || transfer_ != Transfer::kIdentity) return false;
  const bool report = type_.kind == MediaKind::kReport;
  BeginHeader();
  // Another block of fields may follow, with an empty line between.
  if (report) type_.kind = MediaKind::kReport;
  return true;
}

void MessageText::ContentLine(const Line& line) {
  const Octets octets = Part(line.begin, line.end);
  switch (transfer_) {
    case Transfer::kIdentity: return DecodedLine(octets);
    case Transfer::kQuotedPrintable: return QuotedPrintableLine(octets);
    case Transfer::kBase64:
      if (kept_until_ >= line.end) return;
      return FillBase64(Part(std::max(line.begin, kept_until_), line.end), stream_);
  }
}

void MessageText::QuotedPrintableLine(Octets line) {
  while (!line.empty() && IsBlank(line.back()))
    line = line.first(line.size() - 1);
  // A soft line break stays one.
  if (!line.empty() && line.back() == '=') line = line.first(line.size() - 1);
  quoted_printable_.Decode(View(line));
  DecodedLine(quoted_printable_.octets());
  quoted_printable_.Encode(line);
}

void MessageText::DecodedLine(Octets line) {
  if (type_.kind == MediaKind::kHtml) {
    html_filler_.FillLine(line);
  } else {
    text_filler_.FillLine(line);
  }
}

}  // namespace anonymise
