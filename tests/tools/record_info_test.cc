// The figures of a trace against a calculation by hand; damaged files; the command line.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/record_scratch.h"
#include "tools/command_line/files.h"
#include "tools/record/info.h"
#include "tools/record/record_options.h"

namespace record {
namespace {

TraceInfo InfoOf(const std::string& path) {
  auto reader = trace::TraceReader::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return Inspect(**reader);
}

const Distribution& FigureNamed(const TraceInfo& info, const std::string& name) {
  const auto found = std::find_if(
      info.figures.begin(), info.figures.end(), [&name](const TraceInfo::Figure& each) {
        return each.name == name;
      });
  EXPECT_NE(found, info.figures.end()) << name;
  return *found->values;
}

// Within the precision of the histogram, never below.
void ExpectPercentiles(const Distribution& figure, std::vector<std::uint64_t> values) {
  std::sort(values.begin(), values.end());
  ASSERT_EQ(figure.count(), values.size());
  for (const double p : {0.5, 0.9, 0.99}) {
    const auto rank =
        static_cast<std::size_t>(std::max(1.0, std::ceil(p * static_cast<double>(values.size()))));
    const std::uint64_t exact = values[rank - 1];
    EXPECT_GE(figure.Percentile(p), exact);
    EXPECT_LE(figure.Percentile(p), exact + exact / 128 + 1);
  }
  EXPECT_EQ(figure.max(), values.back());
}

TEST(InfoTest, FiguresAreThoseOfTheTransactions) {
  const RecordScratch scratch;
  GenerateOptions options{.messages = 300, .rate = 50};
  options.pool.bytes_max = 200'000;
  options.pool.bodies = 40;
  GenerateToTrace(scratch, "t", options);
  const TraceInfo info = InfoOf(scratch.Path("t"));
  const Exported all = ReadTrace(scratch.Path("t"));
  EXPECT_TRUE(info.walk.sound());
  EXPECT_EQ(info.transactions, 300U);
  EXPECT_EQ(info.verdicts.at("none"), 300U);
  EXPECT_EQ(info.sessions, info.closes);
  EXPECT_EQ(info.endings.at("quit"), info.sessions);
  EXPECT_LE(info.bodies, 40U);
  EXPECT_EQ(info.versions.at("6"), info.sessions);
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint64_t> fields;
  std::vector<std::uint64_t> recipients;
  std::vector<std::uint64_t> times;
  for (const ExportedTransaction& each : all.messages) {
    const milter::Transaction& transaction = each.message.transaction;
    std::uint64_t octets = 2 + transaction.body.size();
    for (const milter::HeaderField& field : transaction.headers) {
      octets += field.name.size() + field.value.size() + 3;
      octets +=
          static_cast<std::uint64_t>(std::count(field.value.begin(), field.value.end(), '\n'));
    }
    sizes.push_back(octets);
    fields.push_back(transaction.headers.size());
    recipients.push_back(transaction.recipients.size());
    times.push_back(*each.message.time_us);
  }
  std::sort(times.begin(), times.end());
  std::vector<std::uint64_t> gaps;
  for (std::size_t i = 1; i < times.size(); ++i)
    gaps.push_back(times[i] - times[i - 1]);
  ExpectPercentiles(FigureNamed(info, "message_octets"), sizes);
  ExpectPercentiles(FigureNamed(info, "header_fields"), fields);
  ExpectPercentiles(FigureNamed(info, "recipients"), recipients);
  ExpectPercentiles(FigureNamed(info, "message_gap_us"), gaps);
  EXPECT_EQ(FigureNamed(info, "messages_per_session").sum(), 300U);
}

TEST(InfoTest, TextAndJsonNameTheState) {
  const RecordScratch scratch;
  GenerateToTrace(scratch, "t", {.messages = 20, .model = ModelName::kSmall});
  const std::string whole = *command_line::ReadFile(scratch.Path("t"), 1U << 30);
  const TraceInfo open = InfoOf(scratch.Path("t"));
  EXPECT_NE(InfoText("t", open).find("it may be being written"), std::string::npos);
  EXPECT_NE(InfoJson("t", open).find("\"format\": \"millrace-info\""), std::string::npos);
  EXPECT_NE(InfoJson("t", open).find("\"state\": \"open\""), std::string::npos);
  scratch.Write("cut", whole.substr(0, whole.size() - 5));
  const TraceInfo cut = InfoOf(scratch.Path("cut"));
  EXPECT_FALSE(cut.walk.sound());
  EXPECT_GE(cut.transactions, 19U);
  EXPECT_NE(InfoText("cut", cut).find("CUT OFF"), std::string::npos);
  EXPECT_NE(InfoJson("cut", cut).find("\"state\": \"cut\""), std::string::npos);
  std::string damaged = whole;
  damaged[whole.size() / 2] = static_cast<char>(damaged[whole.size() / 2] ^ 1);
  scratch.Write("damaged", damaged);
  const TraceInfo bad = InfoOf(scratch.Path("damaged"));
  // A changed body shows when it is read; anything else here.
  EXPECT_LE(bad.transactions, 20U);
  EXPECT_GE(bad.transactions + bad.walk.damaged, 19U);
}

TEST(InfoTest, AnEmptyTraceHasFigures) {
  const RecordScratch scratch;
  { ASSERT_TRUE(trace::TraceWriter::Open(scratch.Path("t"), {}).ok()); }
  const TraceInfo info = InfoOf(scratch.Path("t"));
  EXPECT_TRUE(info.walk.sound());
  EXPECT_EQ(info.transactions, 0U);
  EXPECT_NE(InfoText("t", info).find("transactions"), std::string::npos);
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  return std::string(ParseRecordOptions(arguments).status().message());
}

TEST(RecordOptionsTest, EachActionHasItsForm) {
  const auto action = [](const std::vector<std::string>& arguments) {
    const auto options = ParseRecordOptions(arguments);
    EXPECT_TRUE(options.ok()) << options.status();
    return options.ok() ? options->action : Action::kNone;
  };
  EXPECT_EQ(action({"--listen=/a", "--milter=/b", "--out=c"}), Action::kRecord);
  EXPECT_EQ(action({"--listen-ampdp=/a", "--amavisd=/b", "--out=c", "--listen=/d", "--milter=/e"}),
            Action::kRecord);
  EXPECT_EQ(action({"--in=a", "--out=b", "--anonymise", "a long enough key"}), Action::kCopy);
  EXPECT_EQ(action({"--import", "a", "b", "c", "--out=t", "--rate=5"}), Action::kImport);
  EXPECT_EQ(action({"--generate=5", "--out=t"}), Action::kGenerate);
  EXPECT_EQ(action({"--in=a", "--export-eml=b"}), Action::kExportEml);
  EXPECT_EQ(action({"--in=a", "--export-json=-", "--bodies"}), Action::kExportJson);
  EXPECT_EQ(action({"--info=a", "--json"}), Action::kInfo);
  EXPECT_EQ(action({"--help"}), Action::kHelp);
}

TEST(RecordOptionsTest, WhatDoesNotGoTogetherIsTold) {
  EXPECT_EQ(ErrorOf({}), "nothing to do: give --listen, --import, --generate, --in or --info");
  EXPECT_EQ(ErrorOf({"--out=a"}),
            "nothing to do: give --listen, --import, --generate, --in or --info");
  EXPECT_EQ(ErrorOf({"--listen=/a", "--out=b"}), "--listen with --milter is needed");
  EXPECT_EQ(ErrorOf({"--listen=/a", "--milter=/b"}), "--out is needed");
  EXPECT_EQ(ErrorOf({"--generate=1", "--import=x", "--out=t"}),
            "--import and --generate exclude each other");
  EXPECT_EQ(ErrorOf({"--info=a", "--out=b"}), "--out does not go with --info");
  EXPECT_EQ(ErrorOf({"--in=a", "--out=a"}), "--in and --out are the same file");
  EXPECT_EQ(ErrorOf({"--in=a", "--out=b", "--append"}),
            "--append does not go with --in: numbers would clash");
  EXPECT_EQ(ErrorOf({"--in=a", "--out=b", "--from=noon"}),
            "--from \"noon\": expected a time such as 2026-03-03T08:05:09Z");
  EXPECT_EQ(ErrorOf({"--in=a", "--out=b", "--sessions=9-3"}),
            "--sessions \"9-3\": expected a session number or a range such as 3-9");
  EXPECT_EQ(ErrorOf({"--generate=1", "--out=t", "x"}), "\"x\": paths are for --import alone");
  EXPECT_EQ(ErrorOf({"--in=a", "--out=b", "--anonymise=short"}),
            "the key has 5 octets: expected 12 to 4096; openssl rand -hex 16 makes one");
  EXPECT_EQ(ErrorOf({"--generate=1", "--out=t", "--rate=0"}),
            "--rate \"0\": expected a number above 0, at most 1e+06");
  EXPECT_TRUE(absl::IsNotFound(
      ParseRecordOptions(std::vector<std::string>{"--in=a", "--out=b", "--anonymise-key-file=/x/y"})
          .status()));
}

TEST(RecordOptionsTest, AnImportsClientAddressIsOne) {
  for (const std::string good : {"192.0.2.1", "2001:db8::1"}) {
    const auto options = ParseRecordOptions(
        std::vector<std::string>{"--import=a", "--out=b", "--client-address=" + good});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->import.defaults.client_address, good);
  }
  for (const std::string bad : {"", "client.lab.test", "192.0.2", "192.0.2.256", "2001:db8::x"}) {
    EXPECT_EQ(ErrorOf({"--import=a", "--out=b", "--client-address=" + bad}),
              "--client-address \"" + bad + "\": expected an IPv4 or IPv6 address");
  }
}

TEST(RecordOptionsTest, AKeyFileMayEndWithALineEnd) {
  const RecordScratch scratch;
  scratch.Write("key", "0123456789abcdef\n");
  const auto options = ParseRecordOptions(
      std::vector<std::string>{"--in=a", "--out=b", "--anonymise-key-file=" + scratch.Path("key")});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->anonymise);
  EXPECT_EQ(options->key, "0123456789abcdef");
}

}  // namespace
}  // namespace record
