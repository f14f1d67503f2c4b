// Clients as keys, and what sessions and messages take of their limits.
#include "relay/client_quota.h"

#include <array>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "relay/client_key.h"

namespace relay {
namespace {

using std::chrono::seconds;

constexpr engine::Time kNow = seconds(100);

std::string TextOf(const engine::TableKey& key) {
  std::array<char, kKeyTextBytesMax> room{};
  return std::string(WriteKeyText(key, room));
}

std::string NetworkOf(std::string_view address, const NetworkPrefixes& prefixes = {}) {
  return TextOf(NetworkKey(ParseIp(address), prefixes));
}

milter::Client ClientAt(std::string_view address) {
  const bool six = address.find(':') != std::string_view::npos;
  return {.family = six ? milter::Family::kInet6 : milter::Family::kInet4, .address = address};
}

TEST(ClientKeyTest, ReadsAddressesAndNothingElse) {
  EXPECT_EQ(ParseIp("192.0.2.1"), (IpAddress{0, 0xffffc0000201U}));
  EXPECT_EQ(ParseIp("::ffff:192.0.2.1"), ParseIp("192.0.2.1"));
  EXPECT_EQ(ParseIp("2001:db8::1"), (IpAddress{0x20010db800000000U, 1}));
  for (const std::string_view text : {"",
                                      "192.0.2",
                                      "192.0.2.256",
                                      "x",
                                      "[::1]",
                                      "IPv6:::1",
                                      "1",
                                      "::1%eth0",
                                      "192.0.2.1 ",
                                      "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111"}) {
    EXPECT_EQ(ParseIp(text), std::nullopt) << text;
  }
}

TEST(ClientKeyTest, NetworksAreAddressesCutToAPrefix) {
  EXPECT_EQ(NetworkOf("192.0.2.77"), "192.0.2.0");
  EXPECT_EQ(NetworkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
  EXPECT_EQ(NetworkOf("192.0.2.77", {.ipv4 = 30}), "192.0.2.76");
  EXPECT_EQ(NetworkOf("192.0.2.77", {.ipv4 = 0}), "0.0.0.0");
  EXPECT_EQ(NetworkOf("2001:db8:1:2:3:4:5:6", {.ipv6 = 48}), "2001:db8:1::");
  EXPECT_EQ(NetworkOf("2001:db8:1:2:3:4:5:6", {.ipv6 = 127}), "2001:db8:1:2:3:4:5:6");
  EXPECT_EQ(NetworkOf("2001:db8::1", {.ipv6 = 0}), "::");
  EXPECT_EQ(TextOf(AddressKey(ParseIp("::ffff:192.0.2.77"))), "192.0.2.77");
}

TEST(ClientKeyTest, KeysOfDifferentKindsAreDifferent) {
  const auto address = ParseIp("192.0.2.0");
  EXPECT_NE(AddressKey(address), NetworkKey(address, {}));
  EXPECT_NE(AddressKey(std::nullopt), NetworkKey(std::nullopt, {}));
  EXPECT_NE(AddressKey(ParseIp("::")), AddressKey(std::nullopt));
  EXPECT_EQ(TextOf(AddressKey(std::nullopt)), "unknown");
  EXPECT_EQ(TextOf(NetworkKey(std::nullopt, {})), "unknown");
}

TEST(ClientKeyTest, ListedNetworksAreReadAndContain) {
  const auto contains = [](std::string_view network, std::string_view address) {
    const auto parsed = ParseNetwork(network);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed.ok() && parsed->Contains(*ParseIp(address));
  };
  EXPECT_TRUE(contains("192.0.2.0/24", "192.0.2.255"));
  EXPECT_FALSE(contains("192.0.2.0/24", "192.0.3.0"));
  EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(contains("2001:db8::/32", "2001:db9::1"));
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
  EXPECT_FALSE(contains("::/0", "192.0.2.1"));
  EXPECT_TRUE(contains("::ffff:0.0.0.0/96", "192.0.2.1"));
}

TEST(ClientKeyTest, WhatIsNoNetworkIsNamed) {
  for (const std::string text : {"",
                                 "x/24",
                                 "192.0.2.0/33",
                                 "192.0.2.0/",
                                 "192.0.2.0/-1",
                                 "192.0.2.0/2x",
                                 "192.0.2.1/24",
                                 "2001:db8::/129"}) {
    const auto parsed = ParseNetwork(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_NE(std::string(parsed.status().message()).find("\"" + text + "\""), std::string::npos);
  }
}

class ClientQuotaTest : public testing::Test {
 protected:
  QuotaLimit Connect(std::string_view address, ClientHold* hold) {
    return TakeSession(table_, limits_, ClientAt(address), kNow, hold).refused_by;
  }
  QuotaLimit Data(const ClientHold& session, ClientHold* hold, engine::Time now = kNow) {
    return TakeMessage(table_, limits_, session, now, hold).refused_by;
  }
  void ExpectNothingTaken() { EXPECT_EQ(table_.Totals().keys, 0U); }

  engine::KeyTable table_{{.entries = 1024, .secret = {1, 2}}};
  ClientLimits limits_;
};

TEST_F(ClientQuotaTest, SessionsOfAnAddressAreLimited) {
  limits_.client_sessions = 2;
  std::array<ClientHold, 3> holds;
  EXPECT_EQ(Connect("192.0.2.1", &holds[0]), QuotaLimit::kNone);
  EXPECT_EQ(Connect("::ffff:192.0.2.1", &holds[1]), QuotaLimit::kNone);
  EXPECT_EQ(Connect("192.0.2.1", &holds[2]), QuotaLimit::kClientSessions);
  EXPECT_TRUE(holds[2].empty());
  EXPECT_EQ(Connect("192.0.2.2", &holds[2]), QuotaLimit::kNone);
  for (ClientHold& hold : holds)
    GiveSession(table_, &hold);
  ExpectNothingTaken();
}

TEST_F(ClientQuotaTest, ARefusalByTheNetworkTakesNothingOfTheAddress) {
  limits_.client_sessions = 5;
  limits_.network_sessions = 2;
  std::array<ClientHold, 3> holds;
  EXPECT_EQ(Connect("192.0.2.1", &holds[0]), QuotaLimit::kNone);
  EXPECT_EQ(Connect("192.0.2.2", &holds[1]), QuotaLimit::kNone);
  EXPECT_EQ(Connect("192.0.2.3", &holds[2]), QuotaLimit::kNetworkSessions);
  EXPECT_TRUE(holds[2].empty());
  EXPECT_EQ(table_.Totals().connections, 4U);
  EXPECT_EQ(Connect("192.0.3.3", &holds[2]), QuotaLimit::kNone);
  for (ClientHold& hold : holds)
    GiveSession(table_, &hold);
  ExpectNothingTaken();
}

TEST_F(ClientQuotaTest, LoopbackAndListedNetworksAreExempt) {
  limits_.client_sessions = 1;
  limits_.network_sessions = 1;
  limits_.client_messages = 1;
  limits_.exempt = {*ParseNetwork("198.51.100.0/24"), *ParseNetwork("2001:db8:5::/48")};
  for (const std::string_view address :
       {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "198.51.100.7", "2001:db8:5::9"}) {
    for (int i = 0; i < 3; ++i) {
      ClientHold session;
      ClientHold message;
      EXPECT_EQ(Connect(address, &session), QuotaLimit::kNone) << address;
      EXPECT_EQ(Data(session, &message), QuotaLimit::kNone) << address;
      EXPECT_TRUE(session.empty() && message.empty());
    }
  }
  ExpectNothingTaken();
}

TEST_F(ClientQuotaTest, ClientsWithoutAnAddressAreOne) {
  limits_.client_sessions = 2;
  limits_.network_sessions = 2;
  std::array<ClientHold, 3> holds;
  const milter::Client nobody{.family = milter::Family::kUnknown, .address = {}};
  const milter::Client by_path{.family = milter::Family::kUnix, .address = "/run/x.sock"};
  EXPECT_EQ(TakeSession(table_, limits_, nobody, kNow, &holds[0]).refused_by, QuotaLimit::kNone);
  EXPECT_EQ(TakeSession(table_, limits_, by_path, kNow, &holds[1]).refused_by, QuotaLimit::kNone);
  EXPECT_EQ(TakeSession(table_, limits_, nobody, kNow, &holds[2]).refused_by,
            QuotaLimit::kClientSessions);
  GiveSession(table_, &holds[0]);
  GiveSession(table_, &holds[1]);
  ExpectNothingTaken();
}

TEST_F(ClientQuotaTest, MessagesInFlightAreLimitedByAddressAndNetwork) {
  limits_.client_messages = 2;
  limits_.network_messages = 3;
  std::array<ClientHold, 2> sessions;
  std::array<ClientHold, 4> messages;
  ASSERT_EQ(Connect("192.0.2.1", &sessions[0]), QuotaLimit::kNone);
  ASSERT_EQ(Connect("192.0.2.2", &sessions[1]), QuotaLimit::kNone);
  EXPECT_EQ(Data(sessions[0], &messages[0]), QuotaLimit::kNone);
  EXPECT_EQ(Data(sessions[0], &messages[1]), QuotaLimit::kNone);
  EXPECT_EQ(Data(sessions[0], &messages[2]), QuotaLimit::kClientMessages);
  EXPECT_EQ(Data(sessions[1], &messages[2]), QuotaLimit::kNone);
  EXPECT_EQ(Data(sessions[1], &messages[3]), QuotaLimit::kNetworkMessages);
  EXPECT_TRUE(messages[3].empty());
  EXPECT_EQ(table_.Totals().in_flight, 6U);
  // A message may outlast its session.
  GiveSession(table_, &sessions[0]);
  GiveSession(table_, &sessions[1]);
  for (ClientHold& hold : messages)
    GiveMessage(table_, &hold);
  ExpectNothingTaken();
}

TEST_F(ClientQuotaTest, TheRateOfAnAddressOutlastsItsSessions) {
  limits_.client_rate = {.every = seconds(10), .burst = 2};
  const auto one = [this](std::string_view address, engine::Time now) {
    ClientHold session;
    ClientHold message;
    EXPECT_EQ(Connect(address, &session), QuotaLimit::kNone);
    const QuotaLimit limit = Data(session, &message, now);
    EXPECT_EQ(message.empty(), limit != QuotaLimit::kNone);
    GiveMessage(table_, &message);
    GiveSession(table_, &session);
    return limit;
  };
  EXPECT_EQ(one("192.0.2.1", kNow), QuotaLimit::kNone);
  EXPECT_EQ(one("192.0.2.1", kNow), QuotaLimit::kNone);
  EXPECT_EQ(one("192.0.2.1", kNow), QuotaLimit::kClientRate);
  EXPECT_EQ(one("192.0.2.2", kNow), QuotaLimit::kNone);
  EXPECT_EQ(one("192.0.2.1", kNow + seconds(10)), QuotaLimit::kNone);
  EXPECT_EQ(one("192.0.2.1", kNow + seconds(10)), QuotaLimit::kClientRate);
  ExpectNothingTaken();
}

TEST_F(ClientQuotaTest, AFullTableLetsPassOrRefuses) {
  engine::KeyTable small({.entries = 2, .probes = 2, .secret = {1, 2}});
  limits_.client_sessions = 5;
  limits_.network_sessions = 5;
  std::array<ClientHold, 3> holds;
  const auto connect = [&](std::string_view address, ClientHold* hold) {
    return TakeSession(small, limits_, ClientAt(address), kNow, hold);
  };
  EXPECT_FALSE(connect("192.0.2.1", &holds[0]).table_full);
  const QuotaAnswer passed = connect("198.51.100.1", &holds[1]);
  EXPECT_TRUE(passed.table_full);
  EXPECT_EQ(passed.refused_by, QuotaLimit::kNone);
  EXPECT_TRUE(holds[1].empty());
  ClientHold message;
  EXPECT_EQ(TakeMessage(small, limits_, holds[1], kNow, &message).refused_by, QuotaLimit::kNone);
  limits_.refuse_when_full = true;
  const QuotaAnswer refused = connect("198.51.100.1", &holds[2]);
  EXPECT_TRUE(refused.table_full);
  EXPECT_EQ(refused.refused_by, QuotaLimit::kTableFull);
  EXPECT_TRUE(holds[2].empty());
  GiveSession(small, &holds[0]);
  EXPECT_EQ(small.Totals().keys, 0U);
}

TEST_F(ClientQuotaTest, WhatWasTakenIsGivenBackUnderOtherLimits) {
  limits_.client_sessions = 2;
  limits_.network_messages = 2;
  ClientHold session;
  ClientHold message;
  ASSERT_EQ(Connect("192.0.2.1", &session), QuotaLimit::kNone);
  ASSERT_EQ(Data(session, &message), QuotaLimit::kNone);
  limits_ = {};  // a reload
  GiveMessage(table_, &message);
  GiveSession(table_, &session);
  ExpectNothingTaken();
}

TEST(QuotaRefusalTest, SaysWhatAPostmasterCanUnderstand) {
  const Refusal refusal = QuotaRefusal(QuotaLimit::kClientMessages, {});
  EXPECT_EQ(refusal.code, 451);
  EXPECT_EQ(refusal.enhanced, "4.7.1");
  EXPECT_NE(refusal.text.find("Too many messages at once from your address"),
            std::string_view::npos);
  EXPECT_EQ(refusal.reason, "client messages");
  EXPECT_EQ(QuotaRefusal(QuotaLimit::kClientRate, "Slow down").text, "Slow down");
}

}  // namespace
}  // namespace relay
