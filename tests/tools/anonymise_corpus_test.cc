// Nothing private is left: messages in which every private word holds a marker, searched raw and
// decoded.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/anonymise_leaks.h"
#include "tools/anonymise/anonymiser.h"

namespace anonymise {
namespace {

std::string Folded(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  return text;
}

// Method: the search itself is shown to find what it looks for, in every file.
TEST(AnonymiseCorpusTest, MarkersAreFoundInTheOriginals) {
  const std::vector<CorpusFile> corpus = ReadCorpus();
  ASSERT_GE(corpus.size(), 12U);
  for (const CorpusFile& file : corpus) {
    EXPECT_GE(MarkersIn(file.text).size(), 2U) << file.name;
    EXPECT_FALSE(TextLinesOf(file.text).empty()) << file.name;
  }
}

TEST(AnonymiseCorpusTest, NoMarkerIsLeftRawOrDecoded) {
  const Anonymiser anonymiser("corpus");
  for (const CorpusFile& file : ReadCorpus()) {
    const std::string message = anonymiser.Message(file.text);
    EXPECT_EQ(MarkersIn(message), std::vector<std::string>()) << file.name << "\n" << message;
    const std::string crlf = anonymiser.Message(WithCrLf(file.text));
    EXPECT_EQ(MarkersIn(crlf), std::vector<std::string>()) << file.name;
  }
}

TEST(AnonymiseCorpusTest, NoMarkerIsLeftWhereverTheTextIsCutOff) {
  const Anonymiser anonymiser("cut");
  for (const CorpusFile& file : ReadCorpus()) {
    for (std::size_t bytes = 0; bytes < file.text.size(); bytes += 7) {
      const std::string message = anonymiser.Message(file.text.substr(0, bytes));
      for (const std::string_view marker : kMarkers)
        ASSERT_EQ(Folded(message).find(marker), std::string::npos) << file.name << " " << bytes;
      const std::string rest = anonymiser.Message(file.text.substr(bytes));
      for (const std::string_view marker : kMarkers)
        ASSERT_EQ(Folded(rest).find(marker), std::string::npos) << file.name << " from " << bytes;
    }
  }
}

TEST(AnonymiseCorpusTest, AsABodyOfAnyTypeNoMarkerIsLeft) {
  const Anonymiser anonymiser("body");
  constexpr const char* kTypes[] = {"text/html",
                                    "multipart/mixed; boundary=tapir",
                                    "message/rfc822",
                                    "message/delivery-status",
                                    ""};
  for (const CorpusFile& file : ReadCorpus()) {
    for (const char* const type : kTypes) {
      for (const char* const encoding : {"base64", "quoted-printable", "8bit"}) {
        const std::string body = anonymiser.Body(type, encoding, file.text);
        EXPECT_EQ(body.size(), file.text.size());
        EXPECT_EQ(MarkersIn(body), std::vector<std::string>())
            << file.name << " as " << type << " " << encoding << "\n"
            << body;
      }
    }
  }
}

TEST(AnonymiseCorpusTest, NoAddressAndNoLineOfTextIsLeft) {
  const Anonymiser anonymiser("lines");
  for (const CorpusFile& file : ReadCorpus()) {
    const std::string message = Folded(anonymiser.Message(file.text));
    for (const std::string& address : AddressesIn(file.text))
      EXPECT_EQ(message.find(address), std::string::npos) << file.name << ": " << address;
    for (const std::string& line : TextLinesOf(file.text))
      EXPECT_EQ(message.find(line), std::string::npos) << file.name << ": " << line;
  }
}

TEST(AnonymiseCorpusTest, SizeAndLinesStay) {
  const Anonymiser anonymiser("lines");
  for (const CorpusFile& file : ReadCorpus()) {
    for (const std::string& text : {file.text, WithCrLf(file.text)}) {
      const std::string message = anonymiser.Message(text);
      EXPECT_EQ(LineStructure(message), LineStructure(text)) << file.name;
    }
  }
}

// The milter's body has CR LF, the spooled message LF: both have to tell the same.
TEST(AnonymiseCorpusTest, LineEndsDoNotCount) {
  const Anonymiser anonymiser("ends");
  for (const CorpusFile& file : ReadCorpus()) {
    EXPECT_EQ(anonymiser.Message(WithCrLf(file.text)), WithCrLf(anonymiser.Message(file.text)))
        << file.name;
  }
}

TEST(AnonymiseCorpusTest, SameKeySameResultOtherKeyOtherResult) {
  const Anonymiser one("key");
  const Anonymiser again("key");
  const Anonymiser other("kez");
  for (const CorpusFile& file : ReadCorpus()) {
    const std::string message = one.Message(file.text);
    EXPECT_EQ(again.Message(file.text), message);
    EXPECT_EQ(one.Message(file.text), message) << "what was asked before does not count";
    EXPECT_NE(other.Message(file.text), message) << file.name;
  }
}

}  // namespace
}  // namespace anonymise
