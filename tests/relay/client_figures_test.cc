// The busiest clients of a table: which, in what order, how many, and under what names.
#include "relay/client_figures.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "relay/client_key.h"

namespace relay {
namespace {

using engine::KeyCount;

class BusiestClientsTest : public testing::Test {
 protected:
  void Take(const engine::TableKey& key, int sessions, int messages) {
    engine::KeyRef ref;
    for (int i = 0; i < sessions; ++i)
      TakeOne(key, KeyCount::kConnections, &ref);
    for (int i = 0; i < messages; ++i)
      TakeOne(key, KeyCount::kInFlight, &ref);
  }
  static engine::TableKey Address(const std::string& text) { return AddressKey(ParseIp(text)); }
  static engine::TableKey Net(const std::string& text) { return NetworkKey(ParseIp(text), {}); }

  engine::KeyTable table_{{.entries = 4096, .secret = {1, 2}}};

 private:
  void TakeOne(const engine::TableKey& key, KeyCount count, engine::KeyRef* ref) {
    ASSERT_EQ(table_.Take(key, count, engine::KeyTable::kUnlimited, std::chrono::seconds(1), ref),
              engine::KeyAnswer::kTaken);
  }
};

TEST_F(BusiestClientsTest, BySessionsThenByMessages) {
  Take(Address("192.0.2.1"), 2, 5);
  Take(Address("192.0.2.2"), 3, 0);
  Take(Address("2001:db8::2"), 2, 6);
  Take(Net("192.0.2.1"), 5, 5);
  Take(AddressKey(std::nullopt), 1, 0);
  Take(NetworkKey(std::nullopt, {}), 1, 1);
  const std::vector<ClientFigures> clients = BusiestClients(table_, 20);
  ASSERT_EQ(clients.size(), 6U);
  std::string text;
  for (const ClientFigures& each : clients) {
    text += each.client + (each.is_network ? " network " : " address ") +
            std::to_string(each.sessions) + " " + std::to_string(each.messages) + "\n";
  }
  EXPECT_EQ(text,
            "192.0.2.0 network 5 5\n"
            "192.0.2.2 address 3 0\n"
            "2001:db8::2 address 2 6\n"
            "192.0.2.1 address 2 5\n"
            "unknown network 1 1\n"
            "unknown address 1 0\n");
}

TEST_F(BusiestClientsTest, NoMoreThanAsked) {
  for (int i = 1; i <= 40; ++i)
    Take(Address("192.0.2." + std::to_string(i)), i, 0);
  const std::vector<ClientFigures> clients = BusiestClients(table_, 3);
  ASSERT_EQ(clients.size(), 3U);
  EXPECT_EQ(clients[0].client, "192.0.2.40");
  EXPECT_EQ(clients[2].client, "192.0.2.38");
  EXPECT_TRUE(BusiestClients(table_, 0).empty());
  EXPECT_EQ(BusiestClients(table_, 1'000'000).size(), 40U);
}

TEST_F(BusiestClientsTest, NoneOfAnEmptyTable) {
  EXPECT_TRUE(BusiestClients(table_, 20).empty());
}

}  // namespace
}  // namespace relay
