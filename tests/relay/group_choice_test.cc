// Which group a message goes to.
#include "relay/group_choice.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace relay {
namespace {

GroupChoice Of(const std::vector<ScannerGroupConfig>& groups) {
  GroupChoice choice;
  choice.Fill(groups);
  return choice;
}

TEST(GroupChoiceTest, WithoutRulesTheListenersGroup) {
  const GroupChoice choice = Of({});
  EXPECT_TRUE(choice.empty());
  EXPECT_EQ(choice.Choose("MYNETS", ParseIp("192.0.2.1"), "of-listener"), "of-listener");
}

TEST(GroupChoiceTest, BanksComeBeforeNetworksInTheOrderOfTheFile) {
  const GroupChoice choice =
      Of({{"first", {"SMTP_AUTH", "VIP"}, {}}, {"second", {"MYNETS"}, {"192.0.2.0/24"}}});
  EXPECT_EQ(choice.Choose("MYNETS,SMTP_AUTH", ParseIp("192.0.2.1"), "l"), "first");
  EXPECT_EQ(choice.Choose("MYNETS", ParseIp("192.0.2.1"), "l"), "second");
  EXPECT_EQ(choice.Choose("VIP", ParseIp("192.0.2.1"), "l"), "first");
  EXPECT_EQ(choice.Choose("", ParseIp("192.0.2.1"), "l"), "second");
  EXPECT_EQ(choice.Choose("", ParseIp("198.51.100.1"), "l"), "l");
}

TEST(GroupChoiceTest, NamesOfBanksAreWholeNames) {
  const GroupChoice choice = Of({{"auth", {"SMTP_AUTH"}, {}}});
  for (const char* banks : {"SMTP_AUTH_PLAIN", "X_SMTP_AUTH", "SMTP", "SMTP_AUT,H", ","})
    EXPECT_EQ(choice.Choose(banks, ParseIp("192.0.2.1"), "l"), "l") << banks;
  EXPECT_EQ(choice.Choose("A,SMTP_AUTH,B", ParseIp(""), "l"), "auth");
}

TEST(GroupChoiceTest, TheLongestNetworkWins) {
  const GroupChoice choice = Of({{"all", {}, {"0.0.0.0/0", "::/0"}},
                                 {"ten", {}, {"10.0.0.0/8"}},
                                 {"one", {}, {"10.1.2.3", "2001:db8::/32"}}});
  EXPECT_EQ(choice.Choose("", ParseIp("10.1.2.3"), "l"), "one");
  EXPECT_EQ(choice.Choose("", ParseIp("::ffff:10.1.2.3"), "l"), "one");
  EXPECT_EQ(choice.Choose("", ParseIp("10.1.2.4"), "l"), "ten");
  EXPECT_EQ(choice.Choose("", ParseIp("192.0.2.1"), "l"), "all");
  EXPECT_EQ(choice.Choose("", ParseIp("2001:db8:1::1"), "l"), "one");
  EXPECT_EQ(choice.Choose("", ParseIp("2001:db9::1"), "l"), "all");
}

TEST(GroupChoiceTest, AClientWithoutAnAddressGoesWhereItsListenerSays) {
  const GroupChoice choice = Of({{"all", {}, {"0.0.0.0/0", "::/0"}}});
  for (const char* address : {"", "unknown", "/run/a.sock", "10.1.2"})
    EXPECT_EQ(choice.Choose("", ParseIp(address), "l"), "l") << address;
}

}  // namespace
}  // namespace relay
