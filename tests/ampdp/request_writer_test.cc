// Requests, attribute by attribute.
#include "ampdp/request_writer.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace ampdp {
namespace {

std::string Written(const Request& request) {
  // One byte more than needed: it must stay untouched.
  std::string wire(RequestBytes(request) + 1, '?');
  EXPECT_EQ(WriteRequest(request, wire), wire.size() - 1);
  EXPECT_EQ(wire.back(), '?');
  wire.pop_back();
  return wire;
}

TEST(RequestWriterTest, WritesAllAttributesInOrder) {
  const std::array<std::string_view, 2> recipients = {"<b@c.test>", "<d@e.test>"};
  const Request request{.queue_id = "4ABC",
                        .protocol_name = "ESMTP",
                        .sender = "<a@x.test>",
                        .recipients = recipients,
                        .tempdir = "/var/s00001",
                        .mail_file = "/var/s00001/email.txt",
                        .delivery_care_of = DeliveryCare::kServer,
                        .client_address = "IPv6:2001:db8::1",
                        .client_port = 65535,
                        .client_name = "mx.test",
                        .helo_name = "[1.2.3.4]",
                        .policy_bank = "MYNETS,SMTP_AUTH"};
  EXPECT_EQ(Written(request),
            "request=AM%2ePDP\nversion_client=2\nqueue_id=4ABC\nprotocol_name=ESMTP\n"
            "sender=%3ca%40x%2etest%3e\nrecipient=%3cb%40c%2etest%3e\n"
            "recipient=%3cd%40e%2etest%3e\ntempdir=%2fvar%2fs00001\ntempdir_removed_by=client\n"
            "mail_file=%2fvar%2fs00001%2femail%2etxt\ndelivery_care_of=server\n"
            "client_address=IPv6%3a2001%3adb8%3a%3a1\nclient_port=65535\nclient_name=mx%2etest\n"
            "helo_name=%5b1%2e2%2e3%2e4%5d\npolicy_bank=MYNETS%2cSMTP_AUTH\n\n");
}

TEST(RequestWriterTest, LeavesOutWhatIsUnknown) {
  EXPECT_EQ(Written({}),
            "request=AM%2ePDP\nversion_client=2\ntempdir_removed_by=client\n"
            "delivery_care_of=client\n\n");
}

TEST(RequestWriterTest, WithoutTempdirTheFileIsStillOurs) {
  const std::string wire = Written({.mail_file = "/x/email.txt"});
  EXPECT_EQ(wire.find("tempdir="), std::string::npos);
  // Else amavisd (In/AMPDP.pm) would remove the file that it was given.
  EXPECT_NE(wire.find("tempdir_removed_by=client\n"), std::string::npos);
  EXPECT_NE(wire.find("mail_file=%2fx%2femail%2etxt\n"), std::string::npos);
}

TEST(RequestWriterTest, BracketsAddressesThatHaveNone) {
  const std::array<std::string_view, 4> recipients = {"b@c", "", "<", "<x"};
  const std::string wire = Written({.sender = "a@b", .recipients = recipients});
  EXPECT_NE(wire.find("sender=%3ca%40b%3e\n"), std::string::npos);
  EXPECT_NE(wire.find("recipient=%3cb%40c%3e\nrecipient=%3c%3e\nrecipient=%3c%3c%3e\n"
                      "recipient=%3c%3cx%3e\n"),
            std::string::npos);
}

TEST(RequestWriterTest, NullSenderIsSent) {
  EXPECT_NE(Written({.sender = "<>"}).find("sender=%3c%3e\n"), std::string::npos);
}

TEST(RequestWriterTest, HighOctetsAreSentAsThemselves) {
  const std::array<std::string_view, 1> recipients = {"<\xc5\xbeofie@lab.test>"};
  EXPECT_NE(Written({.recipients = recipients}).find("recipient=%3c%c5%beofie%40lab%2etest%3e\n"),
            std::string::npos);
}

TEST(RequestWriterTest, LineEndsInValuesCannotEndALine) {
  const std::string wire = Written({.helo_name = "a\r\nrecipient=<x>\n\n"});
  EXPECT_NE(wire.find("helo_name=a%0d%0arecipient%3d%3cx%3e%0a%0a\n"), std::string::npos);
}

TEST(RequestWriterTest, WritesManyRecipients) {
  std::array<std::string_view, 1000> recipients;
  recipients.fill("<rcpt@lab.test>");
  const std::string wire = Written({.recipients = recipients});
  std::size_t count = 0;
  for (std::size_t at = 0; (at = wire.find("\nrecipient=", at)) != std::string::npos; ++at)
    ++count;
  EXPECT_EQ(count, 1000U);
}

TEST(RequestWriterDeathTest, RoomIsChecked) {
  char little[8];
  EXPECT_DEATH(WriteRequest({}, little), "check failed");
}

}  // namespace
}  // namespace ampdp
