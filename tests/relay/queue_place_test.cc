// Which messages wait behind each other, and in which class.
#include "relay/queue_place.h"

#include <string>

#include <gtest/gtest.h>

namespace relay {
namespace {

using engine::QueueClass;

class QueuePlaceTest : public testing::Test {
 protected:
  static QueueFacts From(std::string_view address) {
    QueueFacts facts;
    facts.client = ParseIp(address);
    facts.sender = "<a@example.net>";
    return facts;
  }
  engine::QueuePlace Place(const QueueFacts& facts) const {
    return PlaceOf(facts, rules_, secret_);
  }
  bool Same(const QueueFacts& one, const QueueFacts& other) const {
    return Place(one).key == Place(other).key;
  }
  QueueRules rules_;
  engine::HashSecret secret_{.k0 = 1, .k1 = 2};
};

TEST_F(QueuePlaceTest, TakesNetworksTogether) {
  EXPECT_TRUE(Same(From("192.0.2.1"), From("192.0.2.200")));
  EXPECT_FALSE(Same(From("192.0.2.1"), From("192.0.3.1")));
  EXPECT_TRUE(Same(From("2001:db8::1"), From("2001:db8::ffff:1")));
  EXPECT_FALSE(Same(From("2001:db8::1"), From("2001:db8:0:1::1")));
  EXPECT_TRUE(Same(From("192.0.2.1"), From("::ffff:192.0.2.7")));
  rules_.prefixes.ipv4 = 32;
  EXPECT_FALSE(Same(From("192.0.2.1"), From("192.0.2.200")));
  EXPECT_TRUE(Same(From(""), From("no address"))) << "who has none has one key with its like";
  EXPECT_FALSE(Same(From(""), From("192.0.2.1")));
}

TEST_F(QueuePlaceTest, PutsAuthenticatedFirstAndKnownNetworksSecond) {
  rules_.known = {*ParseNetwork("198.51.100.0/24"), *ParseNetwork("::1")};
  QueueFacts facts = From("192.0.2.1");
  EXPECT_EQ(Place(facts).queue_class, QueueClass::kThird);
  const std::uint64_t rest = Place(facts).key;
  facts.auth_type = "PLAIN";
  EXPECT_EQ(Place(facts).queue_class, QueueClass::kFirst);
  EXPECT_NE(Place(facts).key, rest) << "behind the unauthenticated mail of its network";
  EXPECT_EQ(Place(From("198.51.100.9")).queue_class, QueueClass::kSecond);
  EXPECT_EQ(Place(From("::1")).queue_class, QueueClass::kSecond);
  EXPECT_EQ(Place(From("")).queue_class, QueueClass::kThird);
}

TEST_F(QueuePlaceTest, SharesByUserAndElseByNetwork) {
  rules_.key = QueueKey::kAuthUser;
  QueueFacts one = From("192.0.2.1");
  one.auth_type = "PLAIN";
  one.auth_user = "ann";
  QueueFacts other = From("198.51.100.1");
  other.auth_type = "LOGIN";
  other.auth_user = "ann";
  EXPECT_TRUE(Same(one, other));
  other.auth_user = "bob";
  EXPECT_FALSE(Same(one, other));
  one.auth_type = {};  // a login without authentication is nobody's
  other = From("192.0.2.2");
  EXPECT_TRUE(Same(one, other));
}

TEST_F(QueuePlaceTest, SharesBySenderDomainInAnyCase) {
  rules_.key = QueueKey::kSenderDomain;
  QueueFacts one = From("192.0.2.1");
  QueueFacts other = From("198.51.100.1");
  other.sender = "<\"x@y\"@EXAMPLE.net>";
  EXPECT_TRUE(Same(one, other));
  other.sender = "b@example.org";
  EXPECT_FALSE(Same(one, other));
  one.sender = "<>";
  other.sender = {};
  EXPECT_FALSE(Same(one, other)) << "bounces share by network";
  other.client = one.client;
  EXPECT_TRUE(Same(one, other));
  one.sender = other.sender = "@";
  EXPECT_TRUE(Same(one, other));
  const std::string longest = "<a@" + std::string(5000, 'x') + ">";
  one.sender = longest;
  EXPECT_FALSE(Same(one, other));
}

TEST_F(QueuePlaceTest, SharesByBankByListenerAndNotAtAll) {
  rules_.key = QueueKey::kPolicyBank;
  QueueFacts one = From("192.0.2.1");
  QueueFacts other = From("198.51.100.1");
  one.policy_banks = other.policy_banks = "A,B";
  EXPECT_TRUE(Same(one, other));
  other.policy_banks = "A";
  EXPECT_FALSE(Same(one, other));
  rules_.key = QueueKey::kListener;
  EXPECT_TRUE(Same(one, other));
  other.listener = 1;
  EXPECT_FALSE(Same(one, other));
  rules_.key = QueueKey::kNone;
  other.auth_type = "PLAIN";
  EXPECT_TRUE(Same(one, other));
  EXPECT_EQ(Place(other).queue_class, Place(one).queue_class);
}

TEST_F(QueuePlaceTest, DependsOnTheSecret) {
  const QueueFacts facts = From("192.0.2.1");
  const std::uint64_t key = Place(facts).key;
  secret_.k0 = 7;
  EXPECT_NE(Place(facts).key, key);
}

}  // namespace
}  // namespace relay
