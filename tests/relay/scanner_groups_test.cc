// All groups of a process: what is applied is applied whole, and numbers stay.
#include "relay/scanner_groups.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/check.h"

namespace relay {
namespace {

constexpr engine::Time kNow = std::chrono::seconds(1000);

ScannerSpec Spec(const std::string& path, std::uint32_t limit) {
  auto address = engine::ParseAddress("unix:/run/" + path);
  ENGINE_CHECK(address.ok());
  return {.address = *address, .limit = limit};
}

TEST(ScannerGroupsTest, TooManyDifferentScannersAreRefusedWhole) {
  std::vector<ScannerGroupSpec> specs = {{.name = "x", .scanners = {Spec("a", 2)}}};
  ScannerGroups groups(specs, 1, kNow);
  specs[0].scanners[0].limit = 7;
  specs.push_back({.name = "y", .scanners = {}});
  for (std::size_t i = 0; i <= ScannerGroup::kEntriesMax; ++i)
    specs[1].scanners.push_back(Spec("s" + std::to_string(i), 1));
  EXPECT_TRUE(absl::IsResourceExhausted(groups.MayApply(specs)));
  EXPECT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups.at(0).slots().free_slots(), 2);
  specs[1].scanners.pop_back();
  EXPECT_TRUE(groups.MayApply(specs).ok());
  groups.Apply(specs, kNow);
  EXPECT_EQ(groups.at(0).slots().free_slots(), 7);
  EXPECT_EQ(groups.Find("y"), 1U);
  // Numbers stay; what is not configured takes nothing.
  groups.Apply(std::span(specs).last(1), kNow);
  EXPECT_EQ(groups.Find("y"), 1U);
  EXPECT_FALSE(groups.at(0).AnyLive(0));
}

}  // namespace
}  // namespace relay
