// Words that are nobody's: keywords of mail, and names that everybody uses. They stay as they are,
// each list in its place only; everything else is replaced.
//
// Sources: RFC 2045 to 2049, 3461, 3464, 5321, 5322, 6376, 8601 and their registries at IANA; what
// Postfix, Sendmail and amavisd write. A word is a run of letters and digits; names of parameters,
// attributes and ESMTP arguments are looked up whole. A list is short where a word could be
// somebody's: what is missing costs a pseudonym where none was needed, nothing else.
#ifndef MILLRACE_TOOLS_ANONYMISE_KNOWN_WORDS_H_
#define MILLRACE_TOOLS_ANONYMISE_KNOWN_WORDS_H_

#include <span>
#include <string_view>

namespace anonymise {

// Sorted, in lower case.
using WordList = std::span<const std::string_view>;

extern const WordList kTopLabels;       // last labels of domain names that tell nothing
extern const WordList kTraceWords;      // keywords of Received: fields
extern const WordList kResultWords;     // keywords of authentication results
extern const WordList kDateWords;       // of dates
extern const WordList kMonthNames;      // of dates
extern const WordList kContentWords;    // of types, subtypes, encodings and dispositions
extern const WordList kParameterNames;  // of Content-Type and Content-Disposition
extern const WordList kParameterWords;  // of values of those, charsets among them
extern const WordList kExtensions;      // of file names
extern const WordList kHtmlTags;        // element names
extern const WordList kHtmlAttributes;  // attribute names
extern const WordList kLinkWords;       // that begin links and go with addresses
extern const WordList
    kDeliveryWords;  // of delivery reports, subjects' prefixes and header fields with a few values
extern const WordList kEsmtpWords;    // keywords and values of ESMTP arguments
extern const WordList kEsmtpKeys;     // ESMTP arguments
extern const WordList kSmtpVerbs;     // commands
extern const WordList kProgramWords;  // names and words of mail servers' macros
extern const WordList kPathWords;     // parts of paths that packages choose
extern const WordList kScannerWords;  // names and words of AM.PDP

// Case counts for nothing. Words above 24 octets are in no list.
bool Knows(WordList list, std::string_view word) noexcept;

// True for "com", "test" and the like.
bool IsTopLabel(std::string_view label) noexcept;

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_KNOWN_WORDS_H_
