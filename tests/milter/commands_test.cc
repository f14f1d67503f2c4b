// Payloads of commands: what is accepted, tolerated, refused.
#include "milter/commands.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

std::string Connect(std::string_view payload) {
  ConnectCommand connect;
  if (!DecodeConnect(payload, &connect)) return "refused";
  return Escape(connect.host) + "|" + "UL46"[static_cast<std::size_t>(connect.client.family)] +
         "|" + std::to_string(connect.client.port) + "|" + Escape(connect.client.address);
}

TEST(ConnectTest, ReadsEveryFamily) {
  EXPECT_EQ(Connect(Raw("[127.0.0.1]\0"
                        "4\xE9\xE8"
                        "127.0.0.1\0")),
            "[127.0.0.1]|4|59880|127.0.0.1");
  EXPECT_EQ(Connect(Raw("h\0"
                        "6\0\x19"
                        "2001:db8::1\0")),
            "h|6|25|2001:db8::1");
  EXPECT_EQ(Connect(Raw("h\0U")), "h|U|0|");
  EXPECT_EQ(Connect(Raw("localhost\0L\0\0/run/x.sock\0")), "localhost|L|0|/run/x.sock");
}

TEST(ConnectTest, StripsThePrefixAndBrackets) {
  EXPECT_EQ(Connect(Raw("h\0"
                        "6\0\x01IPv6:2001:db8::1\0")),
            "h|6|1|2001:db8::1");
  EXPECT_EQ(Connect(Raw("h\0"
                        "6\0\x01ipv6:::1\0")),
            "h|6|1|::1");
  EXPECT_EQ(Connect(Raw("h\0"
                        "6\0\x01[IPv6:::1]\0")),
            "h|6|1|::1");
  EXPECT_EQ(Connect(Raw("h\0"
                        "4\0\x01[192.0.2.1]\0")),
            "h|4|1|192.0.2.1");
  EXPECT_EQ(Connect(Raw("h\0"
                        "6\0\x01"
                        "fe80::1%eth0\0")),
            "h|6|1|fe80::1%eth0");
}

TEST(ConnectTest, TakesAnAddressThatIsNoneAsUnknown) {
  EXPECT_EQ(Connect(Raw("h\0"
                        "4\0\x01not an address\0")),
            "h|U|1|");
  EXPECT_EQ(Connect(Raw("h\0"
                        "4\0\x01"
                        "1.2.3.4\nX: y\0")),
            "h|U|1|");
  EXPECT_EQ(Connect(Raw("h\0"
                        "6\0\x01"
                        "1.2.3.4\0")),
            "h|U|1|");
  EXPECT_EQ(Connect(Raw("h\0"
                        "4\0\x01\0")),
            "h|U|1|");
  EXPECT_EQ(Connect(Raw("h\0L\0\0") + std::string(200, '/') + Raw("\0")), "h|U|0|");
}

TEST(ConnectTest, RefusesEveryPrefixThatLacksAPart) {
  const std::string whole =
      Raw("host\0"
          "4\xE9\xE8"
          "127.0.0.1\0");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(Connect(whole.substr(0, size)), "refused") << size;
  }
}

TEST(ConnectTest, RefusesAnUnknownFamily) {
  EXPECT_EQ(Connect(Raw("h\0X\0\x01"
                        "1.2.3.4\0")),
            "refused");
}

TEST(ConnectTest, AcceptsAnEmptyHost) {
  EXPECT_EQ(Connect(Raw("\0U")), "|U|0|");
}

std::string Address(std::string_view payload) {
  AddressCommand command;
  if (!DecodeAddress(payload, &command)) return "refused";
  std::string out = Escape(command.address);
  EsmtpReader reader(command.arguments);
  std::string_view argument;
  while (reader.Next(&argument))
    out += "|" + Escape(argument);
  return out;
}

TEST(AddressTest, ReadsTheAddressAndItsArguments) {
  EXPECT_EQ(Address(Raw("<a@b.test>\0SIZE=100\0BODY=8BITMIME\0")),
            "<a@b.test>|SIZE=100|BODY=8BITMIME");
  EXPECT_EQ(Address(Raw("<a@b.test>\0")), "<a@b.test>");
  EXPECT_EQ(Address(Raw("me@example.test\0")), "me@example.test");
}

TEST(AddressTest, AcceptsBothNullSenders) {
  EXPECT_EQ(Address(Raw("<>\0")), "<>");
  EXPECT_EQ(Address(Raw("\0")), "");
}

TEST(AddressTest, SplitsArgumentsJoinedByBlanks) {
  EXPECT_EQ(Address(Raw("<a@b>\0SIZE=1 BODY=7BIT\0")), "<a@b>|SIZE=1|BODY=7BIT");
}

TEST(AddressTest, SplitsArgumentsInsideTheFirstString) {
  EXPECT_EQ(Address(Raw("<a@b> SIZE=1 SMTPUTF8\0")), "<a@b>|SIZE=1|SMTPUTF8");
  EXPECT_EQ(Address(Raw("<a@b> SIZE=1\0X=2\0")), "<a@b>|SIZE=1|X=2");
  EXPECT_EQ(Address(Raw("<\"a> b\"@c> SIZE=1\0")), "<\"a> b\"@c>|SIZE=1");
  EXPECT_EQ(Address(Raw("<\"a\\\"> b\"@c>\0")), "<\"a\\\\\"> b\"@c>");
  EXPECT_EQ(Address(Raw("\"x y\"@c\0")), "\"x y\"@c");
}

TEST(AddressTest, ToleratesAMissingLastNulButNotNone) {
  EXPECT_EQ(Address(Raw("<a@b>\0SIZE=1")), "<a@b>|SIZE=1");
  EXPECT_EQ(Address("<a@b>"), "refused");
  EXPECT_EQ(Address(""), "refused");
}

std::string Header(std::string_view payload) {
  HeaderCommand header;
  if (!DecodeHeader(payload, &header)) return "refused";
  return Escape(header.name) + "|" + Escape(header.value);
}

TEST(HeaderTest, ReadsNameAndValue) {
  EXPECT_EQ(Header(Raw("Subject\0 a\n\tb\0")), "Subject| a\\x0a\\x09b");
  EXPECT_EQ(Header(Raw("Subject\0\0")), "Subject|");
}

TEST(HeaderTest, IgnoresAThirdString) {
  EXPECT_EQ(Header(Raw("A\0b\0c\0")), "A|b");
}

TEST(HeaderTest, RefusesAnythingThatIsNotTwoStrings) {
  for (const std::string& payload :
       {Raw(""), Raw("A"), Raw("A\0"), Raw("A\0b"), Raw("\0b\0"), Raw("A\0b\0c"), Raw("\0")}) {
    EXPECT_EQ(Header(payload), "refused") << Escape(payload);
  }
}

TEST(OfferTest, IgnoresATailAndRefusesLess) {
  Offer offer;
  const std::string packet = PackOffer(6, 0x1FF, 0x1FFFFF);
  const std::string payload = packet.substr(kPacketHeadBytes);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(DecodeOffer(payload.substr(0, size), &offer)) << size;
  }
  EXPECT_TRUE(DecodeOffer(payload + "tail", &offer));
  EXPECT_EQ(offer.version, 6U);
  EXPECT_EQ(offer.actions, 0x1FFU);
  EXPECT_EQ(offer.protocol, 0x1FFFFFU);
}

TEST(TextTest, EndsAtTheFirstNulOrThePayloadsEnd) {
  EXPECT_EQ(DecodeText(Raw("a b\0c\0")), "a b");
  EXPECT_EQ(DecodeText("a b"), "a b");
  EXPECT_EQ(DecodeText(""), "");
}

}  // namespace
}  // namespace milter
