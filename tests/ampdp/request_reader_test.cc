// Requests as a scanner reads them.
#include "ampdp/request_reader.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tests/ampdp/wire_fixture.h"

namespace ampdp {
namespace {

std::string Written(const Request& request) {
  std::string wire(RequestBytes(request), '?');
  WriteRequest(request, wire);
  return wire;
}

TEST(RequestReaderTest, ReadsBackWhatTheWriterWrote) {
  const std::array<std::string_view, 2> recipients = {"<\xc5\xbe b@c>", "<>"};
  const Request request{.queue_id = "4ABC",
                        .protocol_name = "ESMTP",
                        .sender = "<>",
                        .recipients = recipients,
                        .tempdir = "/var/s1",
                        .mail_file = "/var/s1/email.txt",
                        .delivery_care_of = DeliveryCare::kServer,
                        .client_address = "192.0.2.1",
                        .client_port = 25,
                        .client_name = "mx",
                        .helo_name = "a\r\n\x01",
                        .policy_bank = "A,B"};
  const std::string wire = Written(request);
  const ParsedRequest parsed(wire);
  ASSERT_TRUE(parsed.error.ok()) << RequestFaultText(parsed.error.fault);
  EXPECT_EQ(parsed.request.request, "AM.PDP");
  EXPECT_EQ(parsed.request.version_client, kClientVersion);
  EXPECT_TRUE(parsed.request.tempdir_removed_by_client);
  EXPECT_EQ(parsed.request.facts.queue_id, "4ABC");
  EXPECT_EQ(parsed.request.facts.recipients.size(), 2U);
  EXPECT_EQ(parsed.request.facts.recipients[0], recipients[0]);
  EXPECT_EQ(parsed.request.facts.delivery_care_of, DeliveryCare::kServer);
  EXPECT_EQ(parsed.request.facts.client_port, 25);
  EXPECT_EQ(parsed.request.facts.helo_name, "a\r\n\x01");
  EXPECT_EQ(Written(parsed.request.facts), wire);
}

TEST(RequestReaderTest, EveryPrefixIsBroken) {
  const std::array<std::string_view, 1> recipients = {"<b@c>"};
  const std::string wire = Written({.sender = "<a@b>", .recipients = recipients});
  for (std::size_t size = 0; size < wire.size(); ++size) {
    const ParsedRequest parsed(std::string_view(wire).substr(0, size));
    EXPECT_EQ(parsed.error.fault, RequestFault::kNoEmptyLine) << size;
  }
}

TEST(RequestReaderTest, CountsUnknownAttributes) {
  const ParsedRequest parsed("request=release\r\nmail_id=x\r\nsecret_id=y\r\n\r\n");
  ASSERT_TRUE(parsed.error.ok());
  EXPECT_EQ(parsed.request.request, "release");
  EXPECT_EQ(parsed.request.unknown_attributes, 2U);
  EXPECT_EQ(parsed.request.first_unknown, "mail_id");
}

TEST(RequestReaderTest, NamesFaultAndPlace) {
  struct Case {
    std::string_view wire;
    RequestFault fault;
    std::uint32_t line;
    std::uint32_t column;
  };
  const Case cases[] = {
      {"\n", RequestFault::kRequestNotFirst, 1, 1},
      {"sender=x\nrequest=AM.PDP\n\n", RequestFault::kRequestNotFirst, 1, 1},
      {"request=AM.PDP\n\nx", RequestFault::kBytesAfterEnd, 3, 1},
      {"request=AM.PDP\nclient_address\n\n", RequestFault::kNoEquals, 2, 15},
      {"request=AM.PDP\n=\n\n", RequestFault::kNoName, 2, 1},
      {"request=AM.PDP\nqueue_id=%3\n\n", RequestFault::kBadEscape, 2, 10},
      {"request=AM.PDP\nqueue_%=3\n\n", RequestFault::kBadEscape, 2, 7},
      {"request=AM.PDP\nsender=a\nsender=b\n\n", RequestFault::kTwice, 3, 1},
      {"request=AM.PDP\nclient_port=65536\n\n", RequestFault::kBadNumber, 2, 13},
      {"request=AM.PDP\nversion_client=x\n\n", RequestFault::kBadNumber, 2, 16},
      {"request=AM.PDP\ndelivery_care_of=x\n\n", RequestFault::kBadCare, 2, 18},
      {"request=AM.PDP\ntempdir_removed_by=\n\n", RequestFault::kBadCare, 2, 20},
  };
  for (const Case& c : cases) {
    const ParsedRequest parsed(c.wire);
    EXPECT_EQ(parsed.error.fault, c.fault) << c.wire;
    EXPECT_EQ(parsed.error.line, c.line) << c.wire;
    EXPECT_EQ(parsed.error.column, c.column) << c.wire;
    EXPECT_STRNE(RequestFaultText(parsed.error.fault), "");
    EXPECT_TRUE(parsed.request.request.empty());
  }
}

TEST(RequestReaderTest, RecipientsBeyondTheArenaAreAFault) {
  const ParsedRequest parsed("request=AM.PDP\nrecipient=<a@b>\n\n", 16);
  EXPECT_EQ(parsed.error.fault, RequestFault::kTooManyRecipients);
  EXPECT_EQ(parsed.error.line, 2U);
}

}  // namespace
}  // namespace ampdp
