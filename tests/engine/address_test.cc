// ParseAddress: every form of the header, and what each wrong text is told.
#include "engine/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "engine/base/absl_text.h"

namespace engine {
namespace {

Address Parsed(std::string_view text) {
  absl::StatusOr<Address> address = ParseAddress(text);
  EXPECT_TRUE(address.ok()) << address.status();
  return address.ok() ? *address : Address{};
}

TEST(AddressTest, TakesTheThreeFormsOfAUnixSocket) {
  for (const std::string_view text :
       {"unix:/run/a/b.sock", "local:/run/a/b.sock", "/run/a/b.sock"}) {
    const Address address = Parsed(text);
    EXPECT_TRUE(address.is_unix());
    EXPECT_TRUE(address.is_this_host());
    EXPECT_EQ(address.path(), "/run/a/b.sock");
    EXPECT_EQ(address.text, text);
    EXPECT_EQ(address.length, offsetof(sockaddr_un, sun_path) + sizeof "/run/a/b.sock");
  }
}

TEST(AddressTest, TakesARelativePathAfterThePrefixOnly) {
  EXPECT_EQ(Parsed("unix:run/x").path(), "run/x");
  EXPECT_EQ(ParseAddress("run/x").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(AddressTest, TakesIpv4WithAnAddressAndWithAName) {
  for (const std::string_view text : {"inet:10024@127.0.0.1", "inet:10024@localhost"}) {
    const Address address = Parsed(text);
    ASSERT_EQ(address.family(), AF_INET);
    const auto& four = reinterpret_cast<const sockaddr_in&>(address.storage);
    EXPECT_EQ(ntohs(four.sin_port), 10024);
    EXPECT_EQ(ntohl(four.sin_addr.s_addr), 0x7F000001U);
    EXPECT_EQ(address.length, sizeof(sockaddr_in));
    EXPECT_TRUE(address.is_this_host());
    EXPECT_TRUE(address.path().empty());
  }
}

TEST(AddressTest, TakesIpv6WithAndWithoutBrackets) {
  for (const std::string_view text : {"inet6:25@::1", "inet6:25@[::1]"}) {
    const Address address = Parsed(text);
    ASSERT_EQ(address.family(), AF_INET6);
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address.storage);
    EXPECT_EQ(ntohs(six.sin6_port), 25);
    EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&six.sin6_addr));
    EXPECT_TRUE(address.is_this_host());
  }
}

TEST(AddressTest, TakesTheWildcardWithoutAHost) {
  const Address four = Parsed("inet:1");
  EXPECT_EQ(reinterpret_cast<const sockaddr_in&>(four.storage).sin_addr.s_addr, INADDR_ANY);
  EXPECT_FALSE(four.is_this_host());
  const Address six = Parsed("inet6:65535");
  EXPECT_TRUE(
      IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6&>(six.storage).sin6_addr));
  EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in6&>(six.storage).sin6_port), 65535);
  EXPECT_FALSE(six.is_this_host());
}

TEST(AddressTest, KnowsWhichHostsAreThisOne) {
  EXPECT_TRUE(Parsed("inet:1@127.9.8.7").is_this_host());
  EXPECT_FALSE(Parsed("inet:1@192.0.2.1").is_this_host());
  EXPECT_TRUE(Parsed("inet6:1@::ffff:127.0.0.1").is_this_host());
  EXPECT_FALSE(Parsed("inet6:1@::ffff:192.0.2.1").is_this_host());
  EXPECT_FALSE(Parsed("inet6:1@2001:db8::1").is_this_host());
}

TEST(AddressTest, RefusesWrongFormsAndNamesTheText) {
  for (const std::string_view text : {"",
                                      "unix:",
                                      "local:",
                                      "inet:",
                                      "inet6:",
                                      "inet:@localhost",
                                      "inet:0@localhost",
                                      "inet:65536@localhost",
                                      "inet:000025@localhost",
                                      "inet:-1@localhost",
                                      "inet:+1@localhost",
                                      "inet:1 @localhost",
                                      "inet:smtp@localhost",
                                      "inet:25@",
                                      "inet6:25@[]",
                                      "inet:25@[127.0.0.1]",
                                      "inet:25@a b",
                                      "tcp:25",
                                      "localhost:25",
                                      "UNIX:/x"}) {
    const absl::Status status = ParseAddress(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(ToStd(status.message()).find("\"" + std::string(text) + "\""), std::string_view::npos)
        << status;
  }
}

TEST(AddressTest, RefusesAZeroByteInPathAndHost) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view text : {"unix:/a\0b"sv, "inet:25@local\0host"sv})
    EXPECT_EQ(ParseAddress(text).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(AddressTest, TakesTheLongestPathAndRefusesOneMore) {
  const std::string longest = "/" + std::string(sizeof(sockaddr_un::sun_path) - 2, 'x');
  EXPECT_EQ(Parsed(longest).path(), longest);
  EXPECT_EQ(Parsed("unix:" + longest).path(), longest);
  EXPECT_EQ(ParseAddress(longest + "x").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(AddressTest, SaysUnavailableWhenTheHostHasNoSuchAddress) {
  // Numbers of the other family: no name service is asked.
  EXPECT_EQ(ParseAddress("inet:25@::1").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ParseAddress("inet6:25@127.0.0.1").status().code(), absl::StatusCode::kUnavailable);
}

TEST(AddressTest, RefusesAHostLongerThanAnyName) {
  EXPECT_EQ(ParseAddress("inet:25@" + std::string(256, 'a')).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace engine
