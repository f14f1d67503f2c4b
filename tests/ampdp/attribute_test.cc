// Coding of attribute values, both ways.
#include "ampdp/attribute.h"

#include <string>

#include <gtest/gtest.h>

namespace ampdp {
namespace {

std::string Encoded(std::string_view text, Coding coding) {
  std::string out(EncodedBytes(text, coding), '?');
  const char* end = Encode(text, coding, out.data());
  EXPECT_EQ(end, out.data() + out.size());
  return out;
}

std::string EveryOctet() {
  std::string all;
  for (int octet = 0; octet < 256; ++octet)
    all.push_back(static_cast<char>(octet));
  return all;
}

TEST(AttributeTest, ClientEncodesAllButWordCharacters) {
  EXPECT_EQ(Encoded("<a.B@c-d_9>", Coding::kClient), "%3ca%2eB%40c-d_9%3e");
  const std::string word = "ABCXYZabcxyz0189_-";
  EXPECT_EQ(Encoded(word, Coding::kClient), word);
  std::size_t bare = 0;
  for (const char c : EveryOctet())
    bare += Encoded({&c, 1}, Coding::kClient).size() == 1 ? 1 : 0;
  EXPECT_EQ(bare, 64U);
}

TEST(AttributeTest, ServerEncodesSpacePercentControlsAndHighOctets) {
  EXPECT_EQ(Encoded("Ok, 5%\n~!$&\x7f", Coding::kServer), "Ok,%205%25%0a~!$&%7f");
  EXPECT_EQ(Encoded(std::string_view("\0 ", 2), Coding::kServer), "%00%20");
}

TEST(AttributeTest, HighOctetsAreWrittenAsThemselves) {
  EXPECT_EQ(Encoded("\xc5\xbe", Coding::kClient), "%c5%be");
  EXPECT_EQ(Encoded("\xc5\xbe", Coding::kServer), "%c5%be");
}

TEST(AttributeTest, EveryOctetComesBack) {
  for (const Coding coding : {Coding::kClient, Coding::kServer}) {
    std::string text = Encoded(EveryOctet(), coding);
    const Decoded decoded = DecodeInPlace(text);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.text, EveryOctet());
  }
}

TEST(AttributeTest, ReadsUpperAndLowerCaseHex) {
  std::string text = "%3C%3c%fF%0A";
  EXPECT_EQ(DecodeInPlace(text).text, "<<\xff\n");
}

TEST(AttributeTest, LeavesTextWithoutEscapesWhereItIs) {
  std::string text = "plain text + more";
  const Decoded decoded = DecodeInPlace(text);
  EXPECT_EQ(decoded.text.data(), text.data());
  EXPECT_EQ(decoded.text, "plain text + more");
  EXPECT_EQ(DecodeInPlace({}).text, "");
}

TEST(AttributeTest, NamesTheOffsetOfABrokenEscape) {
  struct Case {
    const char* text;
    std::size_t bad_at;
  };
  for (const Case& c : {Case{"%", 0},
                        Case{"ab%4", 2},
                        Case{"%41%4g", 3},
                        Case{"%%41", 0},
                        Case{"x%g0", 1},
                        Case{"%41%42%", 6}}) {
    std::string text = c.text;
    EXPECT_EQ(DecodeInPlace(text).bad_at, c.bad_at) << c.text;
  }
}

TEST(AttributeTest, ReadsNumbersUpToTheMaximum) {
  std::uint32_t number = 7;
  EXPECT_TRUE(ParseNumber("0", 10, &number));
  EXPECT_EQ(number, 0U);
  EXPECT_TRUE(ParseNumber("4294967295", UINT32_MAX, &number));
  EXPECT_EQ(number, UINT32_MAX);
  EXPECT_TRUE(ParseNumber("0000000012", 12, &number));
  EXPECT_EQ(number, 12U);
}

TEST(AttributeTest, RefusesWhatIsNoNumber) {
  std::uint32_t number = 7;
  for (const char* text : {"", "-1", "+1", "1 ", " 1", "1a", "4294967296", "99999999999", "0x1"})
    EXPECT_FALSE(ParseNumber(text, UINT32_MAX, &number)) << text;
  EXPECT_FALSE(ParseNumber("65536", UINT16_MAX, &number));
  EXPECT_EQ(number, 7U);
}

}  // namespace
}  // namespace ampdp
