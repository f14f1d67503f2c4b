// Bodies: what stays of lines, encodings, markup and signatures, and hostile ones.
#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/tools/anonymise_leaks.h"
#include "tools/anonymise/anonymiser.h"
#include "tools/anonymise/base64_text.h"
#include "tools/anonymise/message_text.h"
#include "tools/anonymise/octets.h"
#include "tools/scanner/mime_decode.h"
#include "tools/scanner/signatures.h"

namespace anonymise {
namespace {

std::string Encoded(std::string_view octets) {
  std::string text((octets.size() + 2) / 3 * 4, 'A');
  EncodeBase64(octets, text);
  return text;
}

std::string Decoded(std::string_view text) {
  std::string octets;
  scanner::DecodeBase64(text, &octets);
  return octets;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = IsHigh(text[0]) ? Utf8Sequence(text) : 1;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

TEST(AnonymiseBodyTest, TheFillerDoesNotDependOnWords) {
  const Anonymiser anonymiser("filler");
  // Were words replaced one by one, equal lines would give equal lines.
  const std::string body = anonymiser.Body(
      "text/plain", "7bit", "the zebra and the okapi ran\r\nthe zebra and the okapi ran\r\n");
  EXPECT_NE(body.substr(0, 27), body.substr(29, 27));
  EXPECT_NE(body.substr(0, 27), std::string("the zebra and the okapi ran"));
}

TEST(AnonymiseBodyTest, EqualBodiesGiveEqualFillerWhateverTheEnvelope) {
  const Anonymiser anonymiser("equal");
  const std::string body = "one zebra\r\ntwo okapi\r\n";
  EXPECT_EQ(anonymiser.Body("text/plain", "", body), anonymiser.Body("", "7bit", body));
  const std::string message = anonymiser.Message("Subject: a quagga\r\n\r\n" + body);
  EXPECT_TRUE(message.ends_with(anonymiser.Body("", "", body)));
  EXPECT_NE(anonymiser.Body("", "", body), anonymiser.Body("", "", "one zebrb\r\ntwo okapi\r\n"));
}

TEST(AnonymiseBodyTest, QuotingIndentAndLinksStayInPlace) {
  const Anonymiser anonymiser("places");
  const std::string body =
      anonymiser.Body("",
                      "",
                      ">> the zebra said  \n\tokapi\nsee http://zebra.example.com/a?b=1 now\nto "
                      "zebra@quagga.de, x\n");
  EXPECT_TRUE(body.starts_with(">> ")) << body;
  EXPECT_EQ(body.substr(17, 4), "  \n\t") << body;
  EXPECT_NE(body.find(" http://"), std::string::npos) << body;
  EXPECT_NE(body.find(".com/"), std::string::npos) << body;
  EXPECT_NE(body.find(".de, "), std::string::npos) << body;
  EXPECT_EQ(MarkersIn(body), std::vector<std::string>());
}

TEST(AnonymiseBodyTest, QuotedPrintableStaysValid) {
  const Anonymiser anonymiser("qp");
  const std::string body =
      "M=C3=BCller=20and =\r\nzebra=3D1 =E2=82=AC\t=\r\n=7A=65=62=72=61=\r\n\r\nend=20\r\n";
  const std::string made = anonymiser.Body("text/plain; charset=utf-8", "Quoted-Printable", body);
  EXPECT_EQ(LineStructure(made), LineStructure(body));
  for (std::size_t at = made.find('='); at != std::string::npos; at = made.find('=', at + 1)) {
    const bool soft = made.substr(at + 1, 2) == "\r\n";
    EXPECT_TRUE(soft || (HexValue(made.at(at + 1)) >= 0 && HexValue(made.at(at + 2)) >= 0)) << made;
    EXPECT_EQ(body[at], '=') << made;
  }
  std::string decoded;
  scanner::DecodeQuotedPrintable(made, &decoded);
  EXPECT_TRUE(IsUtf8(decoded)) << made;
}

TEST(AnonymiseBodyTest, Base64StaysValidWithItsPadding) {
  const Anonymiser anonymiser("base64");
  for (std::size_t bytes = 50; bytes < 53; ++bytes) {
    const std::string line = Encoded(std::string(bytes, 'z'));
    const std::string made = anonymiser.Body("image/gif", "base64", line + "\r\n");
    std::string octets;
    EXPECT_TRUE(DecodeBase64(std::string_view(made).substr(0, line.size()), &octets)) << made;
    EXPECT_EQ(octets.size(), bytes);
    // Written again, it is the same: no bits that no encoder sets.
    EXPECT_EQ(Encoded(octets) + "\r\n", made);
    EXPECT_NE(made, line + "\r\n");
  }
}

TEST(AnonymiseBodyTest, HtmlStaysHtml) {
  const Anonymiser anonymiser("html");
  const std::string made = anonymiser.Body(
      "text/html; charset=utf-8",
      "8bit",
      "<html>\n<p class=\"zebra\"><a href='https://zebra.com/x' zebra=okapi>Zebra</a><br/>\n"
      "<!-- okapi\nzebra --><b>tapir</b></p>\n</html>\n");
  for (const std::string_view kept : {"<html>\n<p class=\"",
                                      "\"><a href='https://",
                                      ".com/",
                                      "</a><br/>\n",
                                      "<!-- ",
                                      " --><b>",
                                      "</b></p>\n</html>\n"})
    EXPECT_NE(made.find(kept), std::string::npos) << kept << " in " << made;
  EXPECT_EQ(MarkersIn(made), std::vector<std::string>());
}

TEST(AnonymiseBodyTest, EightBitTextKeepsItsSequences) {
  const Anonymiser anonymiser("utf8");
  const std::string body = "Zürich grüßt 斑馬 und зебра 🦓.\n";
  const std::string made = anonymiser.Body("", "8bit", body);
  EXPECT_TRUE(IsUtf8(made)) << made;
  for (std::size_t i = 0; i < body.size(); ++i)
    EXPECT_EQ(IsHigh(made[i]), IsHigh(body[i]));
  const std::string latin = "Z\xfcrich gr\xfc\xdft\n";
  const std::string other = anonymiser.Body("", "8bit", latin);
  for (std::size_t i = 0; i < latin.size(); ++i) {
    EXPECT_EQ(IsHigh(other[i]), IsHigh(latin[i]));
    if (IsHigh(latin[i])) {
      EXPECT_NE(other[i], latin[i]);
    }
  }
}

TEST(AnonymiseBodyTest, NulAndBareCarriageReturnsStay) {
  const Anonymiser anonymiser("bare");
  const std::string body("a\rzebra\r\r\nb\0okapi\0\n\n\r\n", 22);
  const std::string made = anonymiser.Body("", "", body);
  for (std::size_t i = 0; i < body.size(); ++i) {
    for (const char c : {'\r', '\n', '\0'})
      EXPECT_EQ(made[i] == c, body[i] == c) << i;
  }
  EXPECT_EQ(MarkersIn(made), std::vector<std::string>());
}

TEST(AnonymiseBodyTest, TestSignaturesStay) {
  const Anonymiser anonymiser("signatures");
  for (const std::string& signature : {scanner::EicarSignature(), scanner::GtubeSignature()}) {
    const std::string made = anonymiser.Body("", "", "the zebra\r\n" + signature + "\r\nokapi\r\n");
    EXPECT_NE(made.find("\r\n" + signature + "\r\n"), std::string::npos);
    const std::string within = anonymiser.Body("", "", "zebra" + signature + "okapi XX");
    EXPECT_EQ(within.find(signature), 5U);
    EXPECT_EQ(MarkersIn(made + within), std::vector<std::string>());
  }
}

TEST(AnonymiseBodyTest, EicarAsABase64PartStaysWithNothingElse) {
  const Anonymiser anonymiser("eicar");
  const std::string head =
      "Content-Type: application/x-zebra\nContent-Transfer-Encoding: base64\n\n";
  const std::string eicar = scanner::EicarSignature();
  for (const char* const behind : {"", "\n", "\r\n", "  \r\n"}) {
    std::string text = Encoded(eicar + behind);
    text.insert(76, "\n");
    const std::string made = anonymiser.Message(head + text + "\n");
    EXPECT_TRUE(made.ends_with(text + "\n")) << made;
  }
  const std::string made =
      anonymiser.Message(head + Encoded(eicar + "\nthe secret zebra, many words of it") + "\n");
  const std::string decoded = Decoded(made.substr(head.size()));
  EXPECT_TRUE(decoded.starts_with(eicar));
  EXPECT_EQ(decoded.find("secret"), std::string::npos);
  EXPECT_EQ(decoded.find("zebra"), std::string::npos);
}

std::string Nested(std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) {
    const std::string boundary = "zebra" + std::to_string(i);
    text.append("Content-Type: multipart/mixed; boundary=").append(boundary);
    text.append("\r\n\r\n--").append(boundary).append("\r\n");
  }
  return text.append("\r\nthe okapi at the bottom\r\n");
}

TEST(AnonymiseBodyTest, TooManyLevelsAreText) {
  const Anonymiser anonymiser("deep");
  const std::string made = anonymiser.Message(Nested(200));
  EXPECT_EQ(LineStructure(made), LineStructure(Nested(200)));
  EXPECT_EQ(MarkersIn(made), std::vector<std::string>());
  std::size_t types = 0;
  for (std::size_t at = made.find("multipart/mixed"); at != std::string::npos;
       at = made.find("multipart/mixed", at + 1))
    ++types;
  // The header of the innermost one that counts is a part's of the one around it.
  EXPECT_EQ(types, kNestingMax + 1);
}

TEST(AnonymiseBodyTest, ManyMultipartsEndAsText) {
  const Anonymiser anonymiser("many");
  std::string text = "Content-Type: multipart/mixed; boundary=okapi\n\n";
  for (std::size_t i = 0; i < kMultipartsMax + 50; ++i)
    text += "--okapi\nContent-Type: multipart/mixed; boundary=zebra\n\n--zebra\n\nx\n--zebra--\n";
  const std::string made = anonymiser.Message(text);
  EXPECT_EQ(LineStructure(made), LineStructure(text));
  EXPECT_EQ(MarkersIn(made), std::vector<std::string>());
}

TEST(AnonymiseBodyTest, LongHeadersAndLinesWithoutEnd) {
  const Anonymiser anonymiser("long");
  std::string letters;
  for (int i = 0; letters.size() < 3'000'000; ++i)
    letters += i % 7 == 0 ? " zebra" : i % 5 == 0 ? "\"<zebra@okapi" : "=?utf-8?q?zebra";
  for (const std::string& text : {letters,
                                  "Subject: " + letters,
                                  "From: a\n " + letters + "\n\nzebra\n",
                                  "Content-Type: text/html\n\n<a zebra='" + letters,
                                  "zebra" + std::string(2'000'000, '\0')}) {
    const std::string made = anonymiser.Message(text);
    EXPECT_EQ(made.size(), text.size());
    std::string lower(made);
    std::transform(lower.begin(), lower.end(), lower.begin(), ToLower);
    EXPECT_EQ(lower.find("zebra"), std::string::npos);
    EXPECT_EQ(lower.find("okapi"), std::string::npos);
  }
}

// Method: what made a pass over the text per octet would take minutes here.
TEST(AnonymiseBodyTest, OpeningMarksWithoutClosingOnesAreLinear) {
  const Anonymiser anonymiser("linear");
  for (const std::string_view piece :
       {"\"\\\"", "=?a?b?", "[", "<", "<!--", "--", "&#", "a=\"", ";", "@", "::", "X", ">"}) {
    std::string text;
    while (text.size() < 500'000)
      text += piece;
    for (const char* const head : {"",
                                   "From: ",
                                   "Content-Type: text/plain; ",
                                   "DKIM-Signature: ",
                                   "Received: ",
                                   "Content-Type: text/html\n\n",
                                   "Content-Type: multipart/mixed; boundary=--\n\n"})
      EXPECT_EQ(anonymiser.Message(head + text).size(),
                std::string_view(head).size() + text.size());
  }
}

}  // namespace
}  // namespace anonymise
