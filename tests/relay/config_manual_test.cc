// The manual page millrace.toml(5) and the example list what the key table has.
//
// MILLRACE_WRITE_MANUAL=1 writes both instead of comparing them.
#include "tests/relay/config_manual.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "relay/config_file.h"

namespace relay {
namespace {

constexpr const char* kManual = "packaging/man/millrace.toml.5";
constexpr const char* kExample = "packaging/examples/millrace.toml";
constexpr std::string_view kBegin = ".\\\" keys begin\n";
constexpr std::string_view kEnd = ".\\\" keys end\n";

std::string Read(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Writes() {
  return std::getenv("MILLRACE_WRITE_MANUAL") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

TEST(ConfigManualTest, ManualPageListsEveryKeyAsTheTableHasIt) {
  std::string page = Read(kManual);
  const std::size_t begin = page.find(kBegin);
  const std::size_t end = page.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::size_t from = begin + kBegin.size();
  if (Writes()) {
    std::ofstream(kManual) << page.replace(from, end - from, ManualKeys());
    return;
  }
  EXPECT_EQ(page.substr(from, end - from), ManualKeys())
      << "MILLRACE_WRITE_MANUAL=1 writes what the table says";
}

TEST(ConfigManualTest, ExampleShowsEveryKeyWithItsDefault) {
  if (Writes()) {
    std::ofstream(kExample) << ExampleText(false);
    return;
  }
  EXPECT_EQ(Read(kExample), ExampleText(false))
      << "MILLRACE_WRITE_MANUAL=1 writes what the table says";
}

TEST(ConfigManualTest, ExampleIsAccepted) {
  Config config = DefaultConfig("millrace");
  EXPECT_EQ(ParseConfigText(Read(kExample), "example", &config), std::vector<std::string>());
  EXPECT_EQ(Contradictions(config), std::vector<std::string>());
}

TEST(ConfigManualTest, EveryKeyTakesWhatTheExampleShows) {
  Config config = DefaultConfig("millrace");
  EXPECT_EQ(ParseConfigText(ExampleText(true), "example", &config), std::vector<std::string>());
}

TEST(ConfigManualTest, EveryValueIsReadBackAsItIsWritten) {
  Config config = DefaultConfig("millrace");
  ASSERT_TRUE(ParseConfigText(ExampleText(true), "example", &config).empty());
  for (const Key& key : Keys())
    EXPECT_EQ(key.text(key, StructOf(config, key.section, 0)), SampleText(key)) << key.name;
}

TEST(ConfigManualTest, EveryKeyHasALineOfDocumentation) {
  for (const Key& key : Keys()) {
    EXPECT_TRUE(key.doc.ends_with('.') || key.doc.ends_with(")")) << key.name;
    EXPECT_NE(FindKey(key.section, key.name), nullptr);
    EXPECT_EQ(FindKey(key.section, key.name), &key) << key.name << " is there twice";
  }
}

}  // namespace
}  // namespace relay
