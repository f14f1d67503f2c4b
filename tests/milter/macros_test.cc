// Macro pairs, braces, odd and unterminated lists; the lists that we request.
#include "milter/macros.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/session_probe.h"

namespace milter {
namespace {

std::string Pairs(std::string_view payload) {
  std::string out;
  MacroReader reader(payload);
  Macro macro;
  while (reader.Next(&macro)) {
    out += Escape(macro.name) + "=" + Escape(macro.value) + ";";
  }
  EXPECT_FALSE(reader.Next(&macro));
  return out;
}

TEST(MacroReaderTest, ReadsPairsAndStripsBraces) {
  EXPECT_EQ(Pairs(Raw("j\0mx.example\0{client_name}\0a b\0{i}\0QID\0")),
            "j=mx.example;client_name=a b;i=QID;");
}

TEST(MacroReaderTest, ReadsEmptyValuesAndNoPairs) {
  EXPECT_EQ(Pairs(Raw("{mail_addr}\0\0i\0X\0")), "mail_addr=;i=X;");
  EXPECT_EQ(Pairs(""), "");
}

TEST(MacroReaderTest, DropsAnOddLastName) {
  EXPECT_EQ(Pairs(Raw("i\0X\0lonely\0")), "i=X;");
  EXPECT_EQ(Pairs(Raw("i\0X\0lonely")), "i=X;");
  EXPECT_EQ(Pairs("lonely"), "");
}

TEST(MacroReaderTest, ToleratesAMissingLastNul) {
  EXPECT_EQ(Pairs(Raw("i\0X")), "i=X;");
}

TEST(MacroReaderTest, PassesOverEmptyNames) {
  EXPECT_EQ(Pairs(Raw("\0a\0{}\0b\0i\0X\0")), "i=X;");
}

TEST(MacroReaderTest, EndsOnEveryPrefix) {
  const std::string payload = Raw("j\0mx\0{daemon_name}\0ORIGINATING\0\0\0i\0Q\0");
  for (std::size_t size = 0; size <= payload.size(); ++size) {
    const std::string cut = payload.substr(0, size);
    const std::string pairs = Pairs(cut);
    EXPECT_LE(std::count(pairs.begin(), pairs.end(), ';'), 3) << size;
  }
}

TEST(MacroNameTest, LeavesOtherFormsAlone) {
  EXPECT_EQ(MacroName("{x"), "{x");
  EXPECT_EQ(MacroName("x}"), "x}");
  EXPECT_EQ(MacroName("{"), "{");
  EXPECT_EQ(MacroName(""), "");
}

std::vector<std::string> NamesOf(MacroStage stage) {
  std::vector<std::string> names;
  std::string_view list = kMacroListsWanted[static_cast<std::size_t>(stage)];
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    names.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names;
}

TEST(MacroListsTest, HoldEverythingThatAmavisdMilterReads) {
  const auto has = [](MacroStage stage, std::string_view name) {
    const std::vector<std::string> names = NamesOf(stage);
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const char* name :
       {"{client_name}", "{client_resolve}", "{client_port}", "{daemon_name}", "j", "v"}) {
    EXPECT_TRUE(has(MacroStage::kConnect, name)) << name;
  }
  for (const char* name : {"r", "b", "i", "{auth_type}", "{auth_ssf}", "{auth_authen}"}) {
    EXPECT_TRUE(has(MacroStage::kMail, name)) << name;
  }
  for (const MacroStage stage :
       {MacroStage::kData, MacroStage::kEndOfMessage, MacroStage::kEndOfHeaders}) {
    EXPECT_TRUE(has(stage, "i"));
  }
}

TEST(MacroListsTest, StayBelowSendmailsLimit) {
  for (std::size_t stage = 0; stage < kMacroStageCount; ++stage) {
    const std::size_t names = NamesOf(static_cast<MacroStage>(stage)).size();
    EXPECT_GE(names, 1U);
    EXPECT_LE(names, kMacroNamesMax);
  }
}

}  // namespace
}  // namespace milter
