// Looks for what an anonymised text must not contain: raw, and behind every encoding of mail.
#ifndef MILLRACE_TESTS_TOOLS_ANONYMISE_LEAKS_H_
#define MILLRACE_TESTS_TOOLS_ANONYMISE_LEAKS_H_

#include <string>
#include <string_view>
#include <vector>

namespace anonymise {

struct CorpusFile {
  std::string name;
  std::string text;  // lines end in LF
};
// tests/tools/anonymise_corpus, sorted. Every private word in it holds one of kMarkers.
std::vector<CorpusFile> ReadCorpus();

inline constexpr std::string_view kMarkers[] = {"zebra",
                                                "quagga",
                                                "okapi",
                                                "tapir",
                                                "münchner",
                                                "müller",
                                                "quäggä",
                                                "züleyha",
                                                "händler",
                                                "зебра",
                                                "斑馬"};

// Lower case; the text itself and what decoding base64 (each run, at each of four places),
// quoted-printable, %xx, +xx, &#n; gives, and without NUL, line ends and white space.
std::vector<std::string> DecodedViews(std::string_view text);

// The markers found in any of the views of `text`, each with the view's beginning.
std::vector<std::string> MarkersIn(std::string_view text);

// Words with "@" in `text`, raw and decoded.
std::vector<std::string> AddressesIn(std::string_view text);

// Lines of at least four letters that are more than keywords of header fields, types and HTML.
std::vector<std::string> TextLinesOf(std::string_view text);

// The positions and values of all CR and LF.
std::string LineStructure(std::string_view text);

// LF to CR LF.
std::string WithCrLf(std::string_view text);

}  // namespace anonymise

#endif  // MILLRACE_TESTS_TOOLS_ANONYMISE_LEAKS_H_
