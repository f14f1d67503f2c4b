// Fills lines of text and of HTML with words that mean nothing.
//
//   text   |> the Zebra at http://zebra.example/x|  ->  |> oak lantern on http://kqmvt.example/d|
//   HTML   |<a href="cid:zebra">Zebra</a>|          ->  |<a href="cid:qkvmw">pond.</a>|
//
// Text: white space and ">" at the start, white space at the end, NUL, ESC and 8-bit octets keep
// their places; all other white space does not. A word with "@" or "://" keeps its punctuation, so
// that scanners see an address or a link. In HTML the names of elements and attributes that
// everybody uses stay, and the punctuation of attribute values; comments are text.
// The two test signatures of scanners stay: they are nobody's text and decide verdicts.
// One HTML document may span many lines: HtmlFiller remembers where in a tag it is.
// Time: linear in the octets. No line ends in what is given, but CR alone may be there.
#ifndef MILLRACE_TOOLS_ANONYMISE_TEXT_FILLER_H_
#define MILLRACE_TOOLS_ANONYMISE_TEXT_FILLER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/anonymise/filler.h"
#include "tools/anonymise/octets.h"

namespace anonymise {

class TextFiller {
 public:
  // `stream` stays the caller's.
  explicit TextFiller(Stream* stream);

  void FillLine(Octets line);
  // An attribute's value: all punctuation stays, and the scheme of a link.
  void FillValue(Octets value) { FillLink(value); }

 private:
  void FillUnsigned(Octets text);
  std::size_t FillStretch(Octets text);
  void FillLink(Octets word);

  Stream* stream_;
  std::string eicar_;
  std::string gtube_;
};

class HtmlFiller {
 public:
  HtmlFiller(TextFiller* text, Stream* stream) : text_(text), stream_(stream) {}

  // A new document begins.
  void Reset() { state_ = State::kText; }
  void FillLine(Octets line);

 private:
  enum class State : std::uint8_t {
    kText,
    kTag,       // behind an element's name
    kValue,     // behind "="
    kQuoted,    // in a value that ends at quote_
    kUnquoted,  // in a value that ends at white space
    kComment,
    kDeclaration,  // <!DOCTYPE ...>, <?xml ...?>
  };

  // Each takes what begins at `at` and returns where it ends.
  std::size_t Text(Octets line, std::size_t at);
  std::size_t Markup(Octets line, std::size_t at);
  std::size_t Tag(Octets line, std::size_t at);
  std::size_t Value(Octets line, std::size_t at);
  std::size_t Until(Octets line, std::size_t at);

  TextFiller* text_;
  Stream* stream_;
  State state_ = State::kText;
  char quote_ = '"';
};

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_TEXT_FILLER_H_
