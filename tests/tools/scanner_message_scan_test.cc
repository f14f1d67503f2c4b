// The content check: signatures in plain text, encodings, nested parts, and its bounds.
#include <string>

#include <gtest/gtest.h>

#include "tools/scanner/message_scan.h"
#include "tools/scanner/mime_decode.h"
#include "tools/scanner/signatures.h"

namespace scanner {
namespace {

std::string Base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    for (unsigned j = 0; j < 4; ++j)
      out.push_back(i + j > text.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63]);
    if (i % 57 == 54) out.push_back('\n');
  }
  return out;
}

std::string Part(std::string_view headers, std::string_view body) {
  return std::string(headers) + "\n" + std::string(body);
}

std::string Multipart(const std::string& boundary, const std::string& part) {
  return "Content-Type: multipart/mixed;\n boundary=\"" + boundary + "\"\n\npreamble\n--" +
         boundary + "\n\ntext\n--" + boundary + "\n" + part + "\n--" + boundary + "--\nepilogue\n";
}

Findings Scan(std::string_view message) {
  return MessageScan().Run(message);
}

TEST(MimeDecodeTest, DecodesBase64OverLinesUpToThePadding) {
  std::string out;
  DecodeBase64("aGVs\r\nbG8s\n IHdv*cmxk\nIQ==ignored", &out);
  EXPECT_EQ(out, "hello, world!");
}

TEST(MimeDecodeTest, Base64OfEveryLengthComesBack) {
  std::string text;
  std::string out;
  for (int size = 0; size < 200; ++size) {
    DecodeBase64(Base64(text), &out);
    ASSERT_EQ(out, text);
    text.push_back(static_cast<char>(size * 7));
  }
}

TEST(MimeDecodeTest, DecodesQuotedPrintable) {
  std::string out;
  DecodeQuotedPrintable("a=3Db=c3=A9 soft= \t\r\n break =\nx=ZZ=", &out);
  EXPECT_EQ(out, "a=b\xc3\xa9 soft break x=ZZ=");
}

TEST(MessageScanTest, CleanMessageHasNoFindings) {
  const Findings findings = Scan("Subject: hi\n\nbody\n");
  EXPECT_FALSE(findings.eicar);
  EXPECT_FALSE(findings.gtube);
  EXPECT_EQ(findings.subject, "hi");
}

TEST(MessageScanTest, FindsSignaturesInPlainText) {
  EXPECT_TRUE(Scan("A: b\n\nx" + EicarSignature() + "y\n").eicar);
  EXPECT_TRUE(Scan("A: b\r\n\r\n" + GtubeSignature() + "\r\n").gtube);
  EXPECT_FALSE(Scan("A: b\n\n" + GtubeSignature()).eicar);
  EXPECT_FALSE(Scan("A: b\n\n" + EicarSignature()).gtube);
}

TEST(MessageScanTest, FindsAnEncodedBody) {
  EXPECT_TRUE(
      Scan("Content-Transfer-Encoding: BASE64\n\n" + Base64("pad" + EicarSignature())).eicar);
  std::string quoted = GtubeSignature();
  quoted.insert(10, "=\n");
  quoted.replace(0, 1, "=58");
  EXPECT_TRUE(Scan("content-transfer-encoding: quoted-printable\n\n" + quoted).gtube);
}

TEST(MessageScanTest, FindsASignatureInANestedPart) {
  const std::string attachment =
      Part("Content-Type: application/x; name=x\nContent-Transfer-Encoding: base64\n",
           Base64(EicarSignature()));
  const std::string message =
      "Subject: nested\nMIME-Version: 1.0\n" + Multipart("outer", Multipart("outer-2", attachment));
  const Findings findings = Scan(message);
  EXPECT_TRUE(findings.eicar);
  EXPECT_EQ(findings.subject, "nested");
}

TEST(MessageScanTest, FindsASignatureInAnAttachedMessage) {
  const std::string inner =
      "Content-Transfer-Encoding: base64\nSubject: inner\n\n" + Base64(EicarSignature());
  EXPECT_TRUE(Scan(Multipart("b", Part("Content-Type: message/rfc822\n", inner))).eicar);
}

TEST(MessageScanTest, PartWithoutClosingBoundaryIsScanned) {
  EXPECT_TRUE(Scan("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
                   "Content-Transfer-Encoding: base64\r\n\r\n" +
                   Base64(EicarSignature()))
                  .eicar);
}

TEST(MessageScanTest, StopsAtTheDepthLimit) {
  std::string within = Part("Content-Transfer-Encoding: base64\n", Base64(EicarSignature()));
  for (std::size_t depth = 0; depth + 1 < MessageScan::kDepthMax; ++depth)
    within = Multipart("b" + std::to_string(depth) + "e", within);
  EXPECT_TRUE(Scan(within).eicar);
  EXPECT_FALSE(Scan(Multipart("last", within)).eicar);
}

TEST(MessageScanTest, StopsAtThePartLimit) {
  std::string message = "Content-Type: multipart/mixed; boundary=p\n\n";
  for (std::size_t i = 0; i < MessageScan::kPartsMax; ++i)
    message += "--p\n\nx\n";
  message += "--p\nContent-Transfer-Encoding: base64\n\n" + Base64(EicarSignature());
  EXPECT_FALSE(Scan(message).eicar);
}

TEST(MessageScanTest, KeepsTheFoldsOfTheFirstSubject) {
  EXPECT_EQ(Scan("subject:  one\n two\nSubject: other\n\n").subject, "one\n two");
  EXPECT_EQ(Scan("Subject:\n\n").subject, "");
  EXPECT_FALSE(Scan("Other: x\n\nSubject: body\n").subject.has_value());
}

TEST(MessageScanTest, TakesAnyOctets) {
  for (const std::string_view message :
       {std::string_view(""),
        std::string_view("\n"),
        std::string_view(":"),
        std::string_view("\0\n\n\0", 4),
        std::string_view("Content-Type: multipart/x; boundary"),
        std::string_view("Content-Type: multipart/x; boundary=\"\n\n--\n--"),
        std::string_view("Content-Type: multipart/x; boundary=\"a")}) {
    EXPECT_FALSE(Scan(message).eicar);
  }
}

}  // namespace
}  // namespace scanner
