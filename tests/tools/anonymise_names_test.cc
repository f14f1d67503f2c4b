// Words, addresses, hosts, IP addresses, macros, arguments and replies.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tools/anonymise/anonymiser.h"
#include "tools/anonymise/host_names.h"
#include "tools/anonymise/octets.h"

namespace anonymise {
namespace {

// 'a' for lower case, 'A', '0', 'x' for 8-bit, anything else as itself.
std::string ShapeOf(std::string_view text) {
  std::string shape;
  for (const char c : text)
    shape.push_back(IsLower(c) ? 'a' : IsUpper(c) ? 'A' : IsDigit(c) ? '0' : IsHigh(c) ? 'x' : c);
  return shape;
}

TEST(AnonymiseNamesTest, WordsKeepTheirShapeAndChange) {
  const Anonymiser anonymiser("words");
  for (const std::string_view word :
       {"Zebra",
        "zebra",
        "ZEBRA",
        "z7",
        "17",
        "a1B2c3",
        "zebra-crossing_12",
        "müller",
        "斑馬",
        "aVeryLongWordOfMoreThanSixtyFourLettersThatIsDrawnFromAStreamAndNotPermuted0123"}) {
    const std::string address = anonymiser.Address(word);
    EXPECT_EQ(ShapeOf(address), ShapeOf(word));
    EXPECT_FALSE(EqualsFolded(address, word)) << word;
  }
}

TEST(AnonymiseNamesTest, CaseDoesNotCount) {
  const Anonymiser anonymiser("case");
  EXPECT_TRUE(EqualsFolded(anonymiser.Address("Zebra"), anonymiser.Address("zEbRA")));
  const std::string long_word(100, 'q');
  EXPECT_TRUE(
      EqualsFolded(anonymiser.Address(long_word), anonymiser.Address(std::string(100, 'Q'))));
}

TEST(AnonymiseNamesTest, DomainsThatAreKeptStayAndNothingElse) {
  const Anonymiser anonymiser("kept", {"Lab.Test", "example.org"});
  const std::string address = anonymiser.Address("<zebra@lab.test>");
  EXPECT_TRUE(address.ends_with("@lab.test>")) << address;
  EXPECT_EQ(address.find("zebra"), std::string::npos) << address;
  const std::string host = anonymiser.Host("zebra.MX.lab.test");
  EXPECT_TRUE(host.ends_with(".lab.test")) << host;
  EXPECT_FALSE(host.starts_with("zebra")) << host;
  EXPECT_EQ(host.find("MX"), std::string::npos) << host;
  EXPECT_EQ(anonymiser.Host("example.org."), "example.org.");
  // Neither a longer label nor a domain above a kept one.
  EXPECT_EQ(anonymiser.Host("zebralab.test").find("lab.test"), std::string::npos);
  EXPECT_EQ(anonymiser.Host("zebra.org").find("zebra"), std::string::npos);
}

// Method: all words of two letters, and of a letter and two digits.
TEST(AnonymiseNamesTest, TwoWordsNeverShareAPseudonymAndNoneIsItsOwn) {
  for (const std::string_view key : {"", "a", "b"}) {
    const Anonymiser anonymiser(key);
    std::set<std::string> pairs;
    std::set<std::string> mixed;
    for (int i = 0; i < 26 * 26; ++i) {
      const std::string word{static_cast<char>('a' + i / 26), static_cast<char>('a' + i % 26)};
      EXPECT_NE(anonymiser.Address(word), word);
      pairs.insert(anonymiser.Address(word));
    }
    for (int i = 0; i < 2600; ++i) {
      const std::string word{static_cast<char>('a' + i / 100),
                             static_cast<char>('0' + i / 10 % 10),
                             static_cast<char>('0' + i % 10)};
      EXPECT_NE(anonymiser.Address(word), word);
      mixed.insert(anonymiser.Address(word));
    }
    EXPECT_EQ(pairs.size(), 676U);
    EXPECT_EQ(mixed.size(), 2600U);
  }
}

TEST(AnonymiseNamesTest, MorePseudonymsThanAreRememberedStayTheSame) {
  const Anonymiser anonymiser("many");
  const std::string first = anonymiser.Address("zebra");
  for (std::size_t i = 0; i < Pseudonyms::kKeptMax + 10; ++i)
    (void)anonymiser.Address("user" + std::to_string(i));
  EXPECT_EQ(anonymiser.Address("zebra"), first);
}

TEST(AnonymiseNamesTest, TheSameWordIsTheSameEverywhere) {
  const Anonymiser anonymiser("relations");
  const std::string address = anonymiser.Address("<zebra.one@mail.quagga.com>");
  EXPECT_EQ(address.front(), '<');
  EXPECT_TRUE(address.ends_with(".com>"));
  EXPECT_EQ(anonymiser.HeaderValue("From", " Okapi <zebra.one@mail.quagga.com>").substr(7),
            address);
  EXPECT_EQ(anonymiser.Macro("{mail_addr}", "zebra.one@mail.quagga.com"),
            address.substr(1, address.size() - 2));
  const std::string host = anonymiser.Host("mail.quagga.com");
  EXPECT_NE(address.find("@" + host + ">"), std::string::npos);
  const std::string received = anonymiser.HeaderValue(
      "Received",
      " from mail.quagga.com (tapir [192.0.2.9]) by mx for <zebra.one@mail.quagga.com>");
  EXPECT_EQ(received.find(" from " + host + " ("), 0U) << received;
  EXPECT_TRUE(received.ends_with(" for " + address)) << received;
  EXPECT_NE(received.find("[" + anonymiser.IpAddress("192.0.2.9") + "]"), std::string::npos);
  // Other kinds of words have other pseudonyms.
  EXPECT_NE(anonymiser.Host("zebra"), anonymiser.Address("zebra"));
}

TEST(AnonymiseNamesTest, WhatIsNobodysStays) {
  const Anonymiser anonymiser("known");
  EXPECT_EQ(anonymiser.Address("<>"), "<>");
  EXPECT_EQ(anonymiser.Address(""), "");
  EXPECT_EQ(anonymiser.Host("localhost"), "localhost");
  EXPECT_TRUE(anonymiser.Address("postmaster@zebra.test").starts_with("postmaster@"));
  EXPECT_TRUE(anonymiser.Host("zebra.example.").ends_with(".example."));
  EXPECT_TRUE(anonymiser.Host("xn--zebra.de").starts_with("xn--"));
  EXPECT_FALSE(anonymiser.Host("com.zebra").starts_with("com."));
}

TEST(AnonymiseNamesTest, QuotedLocalPartsAndLiterals) {
  const Anonymiser anonymiser("quoted");
  const std::string quoted = anonymiser.Address("<\"zebra \\\"the\\\" okapi\"@[192.0.2.1]>");
  EXPECT_EQ(ShapeOf(quoted).substr(0, 27), "<\"aaaaa \\\"aaa\\\" aaaaa\"@[000");
  EXPECT_EQ(quoted.find("zebra"), std::string::npos);
  EXPECT_NE(quoted.find("[" + anonymiser.IpAddress("192.0.2.1") + "]"), std::string::npos);
  EXPECT_EQ(anonymiser.Host("[IPv6:2001:db8::1]"),
            "[" + anonymiser.IpAddress("IPv6:2001:db8::1") + "]");
}

TEST(AnonymiseNamesTest, InetAddressesKeepTheirKindAndLength) {
  const Anonymiser anonymiser("inet");
  for (const std::string_view same : {"127.0.0.1", "127.9.9.9", "0.0.0.0", "255.255.255.255"})
    EXPECT_EQ(anonymiser.IpAddress(same), same);
  EXPECT_TRUE(anonymiser.IpAddress("10.1.2.3").starts_with("10."));
  EXPECT_TRUE(anonymiser.IpAddress("192.168.7.20").starts_with("192.168."));
  EXPECT_TRUE(anonymiser.IpAddress("172.16.7.20").starts_with("172.16."));
  EXPECT_TRUE(anonymiser.IpAddress("169.254.7.20").starts_with("169.254."));
  for (int i = 0; i < 4096; ++i) {
    const int first = 1 + i * 7 % 223;
    const std::string text = std::to_string(first) + "." + std::to_string(i * 13 % 256) + "." +
                             std::to_string(i % 256) + "." + std::to_string(i * 31 % 256);
    if (first == 127 || first == 10) continue;
    const std::string made = anonymiser.IpAddress(text);
    EXPECT_TRUE(IsInet4(made)) << made;
    EXPECT_EQ(ShapeOf(made), ShapeOf(text));
    EXPECT_NE(made, text);
    EXPECT_FALSE(made.starts_with("10.") || made.starts_with("127."));
    EXPECT_EQ(text.starts_with("192.168."), made.starts_with("192.168."));
  }
}

TEST(AnonymiseNamesTest, NeighboursStayNeighboursAndDiffer) {
  const Anonymiser anonymiser("net");
  std::set<std::string> all;
  const std::string net = anonymiser.IpAddress("198.51.100.100");
  for (int i = 100; i < 256; ++i) {
    const std::string made = anonymiser.IpAddress("198.51.100." + std::to_string(i));
    EXPECT_EQ(made.substr(0, made.rfind('.')), net.substr(0, net.rfind('.')));
    all.insert(made);
  }
  EXPECT_EQ(all.size(), 156U);
}

TEST(AnonymiseNamesTest, Inet6AddressesStayAddresses) {
  const Anonymiser anonymiser("inet6");
  for (const std::string_view same : {"::1", "::", "IPv6:::1"})
    EXPECT_EQ(anonymiser.IpAddress(same), same);
  for (const std::string_view text : {"2001:db8::7",
                                      "2001:0db8:0000:0000:0000:0000:00ab:0007",
                                      "fe80::1c2d:ff",
                                      "fd00:17::9",
                                      "2a01:4f8:dead:beef::",
                                      "::ffff:192.0.2.77",
                                      "64:ff9b::1"}) {
    const std::string made = anonymiser.IpAddress(text);
    EXPECT_TRUE(IsInet6(text)) << text;
    EXPECT_TRUE(IsInet6(made)) << made;
    EXPECT_EQ(made.size(), text.size());
    EXPECT_NE(made, text);
  }
  EXPECT_TRUE(anonymiser.IpAddress("2001:db8::7").starts_with("2"));
  EXPECT_TRUE(anonymiser.IpAddress("fe80::1c2d:ff").starts_with("fe80::"));
  EXPECT_TRUE(anonymiser.IpAddress("fe80::1%eth0").starts_with("fe80::"));
  for (const std::string_view no :
       {"", "1", "a:b", "03:00:00", "1:2:3:4:5:6:7", ":1:2:3:4:5:6:7:8", "1::2::3", "zebra::1"})
    EXPECT_FALSE(IsInet6(no)) << no;
}

TEST(AnonymiseNamesTest, MacrosByName) {
  const Anonymiser anonymiser("macros");
  for (const auto& [name, value] :
       {std::pair<const char*, const char*>{"{daemon_name}", "ORIGINATING"},
        {"v", "Postfix 3.7.11"},
        {"{tls_version}", "TLSv1.3"},
        {"{cipher}", "TLS_AES_256_GCM_SHA384"},
        {"{cipher_bits}", "256"},
        {"r", "ESMTPSA"},
        {"{auth_type}", "PLAIN"},
        {"{mail_mailer}", "smtp"},
        {"{rcpt_mailer}", "local"},
        {"{client_port}", "40112"},
        {"{client_resolve}", "FORGED"},
        {"{client_name}", "unknown"},
        {"{daemon_addr}", "127.0.0.1"},
        {"b", "Sun, 22 Nov 2026 03:00:00 +0000"}})
    EXPECT_EQ(anonymiser.Macro(name, value), value) << name;
  for (const auto& [name, value] :
       {std::pair<const char*, const char*>{"{daemon_name}", "mx.zebra.test"},
        {"v", "Zebra Mailer"},
        {"{cipher}", "ZEBRA9"},
        {"{cipher_bits}", "zebra"},
        {"{mail_mailer}", "zebra"},
        {"_", "zebra [192.0.2.1]"},
        {"j", "zebra.test"},
        {"i", "4F9A3B7C21"},
        {"{auth_authen}", "zebra"},
        {"{zebra}", "okapi"},
        {"{cert_subject}", "/CN=zebra"},
        {"{client_ptr}", "zebra.test"},
        {"b", "zebra"},
        {"{mail_host}", "[192.0.2.1]:25"}}) {
    const std::string made = anonymiser.Macro(name, value);
    EXPECT_EQ(ShapeOf(made).size(), std::string_view(value).size());
    EXPECT_NE(made, value) << name;
    EXPECT_EQ(made.find("zebra"), std::string::npos);
  }
  EXPECT_EQ(anonymiser.Macro("client_addr", "192.0.2.1"), anonymiser.IpAddress("192.0.2.1"));
  const std::string id = anonymiser.Macro("i", "4F9A3B7C21");
  EXPECT_TRUE(std::all_of(id.begin(), id.end(), IsHexDigit)) << id;
  EXPECT_NE(anonymiser.HeaderValue("Received", " by mx with SMTP id 4F9A3B7C21").find(id),
            std::string::npos);
}

TEST(AnonymiseNamesTest, EsmtpArguments) {
  const Anonymiser anonymiser("esmtp");
  for (const std::string_view same : {"SIZE=4711",
                                      "BODY=8BITMIME",
                                      "SMTPUTF8",
                                      "RET=HDRS",
                                      "NOTIFY=SUCCESS,FAILURE",
                                      "AUTH=<>",
                                      "NOTIFY=NEVER",
                                      "BY=120;R",
                                      ""})
    EXPECT_EQ(ShapeOf(anonymiser.EsmtpArgument(same)), ShapeOf(same));
  EXPECT_EQ(anonymiser.EsmtpArgument("SIZE=4711"), "SIZE=4711");
  EXPECT_EQ(anonymiser.EsmtpArgument("NOTIFY=SUCCESS,FAILURE"), "NOTIFY=SUCCESS,FAILURE");
  const std::string orcpt = anonymiser.EsmtpArgument("ORCPT=rfc822;zebra+2Bokapi@quagga.test");
  EXPECT_TRUE(orcpt.starts_with("ORCPT=rfc822;")) << orcpt;
  EXPECT_NE(orcpt.find("+2B"), std::string::npos) << orcpt;
  const std::string plain = anonymiser.Address("zebra+okapi@quagga.test");
  EXPECT_EQ(orcpt, "ORCPT=rfc822;" + std::string(plain).replace(5, 1, "+2B"));
  for (const std::string_view no :
       {"ENVID=zebra17", "AUTH=zebra+40okapi.test", "XZEBRA=1", "SIZE=zebra"}) {
    const std::string made = anonymiser.EsmtpArgument(no);
    EXPECT_EQ(made.size(), no.size());
    EXPECT_FALSE(EqualsFolded(made, no));
  }
}

TEST(AnonymiseNamesTest, RepliesKeepTheirCodes) {
  const Anonymiser anonymiser("reply");
  const std::string text = "554-5.7.0 Reject, zebra\r\n554 5.7.0 see <okapi@quagga.test>";
  const std::string made = anonymiser.ReplyText(text);
  EXPECT_EQ(ShapeOf(made), ShapeOf(text));
  EXPECT_TRUE(made.starts_with("554-5.7.0 "));
  EXPECT_NE(made.find("\r\n554 5.7.0 "), std::string::npos);
  EXPECT_NE(made.find(anonymiser.Address("<okapi@quagga.test>")), std::string::npos);
  EXPECT_EQ(made.find("zebra"), std::string::npos);
  EXPECT_EQ(anonymiser.ReplyText("451 4.6.0"), "451 4.6.0");
  EXPECT_NE(anonymiser.ReplyText("5544 zebra").substr(0, 4), "5544");
}

}  // namespace
}  // namespace anonymise
