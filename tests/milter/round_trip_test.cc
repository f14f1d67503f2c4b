// Both ends against each other: every version and many masks, both kinds of mail server, any
// chunking; the filter's edits arrive as it meant them.
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/milter/mta_probe.h"

namespace milter {
namespace {

// Every edit, then a verdict with text.
bool EditEverything(const Event& event, ReplyWriter& writer) {
  if (event.kind != EventKind::kEndOfMessage) return false;
  writer.Progress();
  EXPECT_TRUE(writer.AddHeader("X-Add", "a\nb"));
  EXPECT_TRUE(writer.InsertHeader(0, "X-Ins", ""));
  EXPECT_TRUE(writer.ChangeHeader(1, "Subject", "100% changed"));
  EXPECT_TRUE(writer.DeleteHeader(1, "To"));
  EXPECT_TRUE(writer.DelRcpt("<bob@lab.test>"));
  EXPECT_TRUE(writer.AddRcpt("<dave@lab.test>"));
  EXPECT_TRUE(writer.Quarantine("because"));
  writer.Continue();
  return true;
}

struct Case {
  std::uint32_t version;
  Protocol offered;
  Protocol wanted;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const std::array<std::pair<std::uint32_t, Protocol>, 5> offers = {
      {{2, 0x7F}, {3, 0x17F}, {4, 0x37F}, {6, kProtocolAll}, {6, 0}}};
  for (const auto& [version, offered] : offers) {
    for (unsigned bit = 0; bit < 21; ++bit)
      cases.push_back({version, offered, Protocol{1} << bit});
    for (const Protocol wanted : {Protocol{0},
                                  kNoReplyAll,
                                  kNoSendAll,
                                  kProtocolAll,
                                  FilterOptions().protocol,
                                  Protocol{0x1F7180},
                                  Protocol{0x17F580}}) {
      cases.push_back({version, offered, wanted});
    }
  }
  return cases;
}

std::string DeliveredText(MtaProbe& probe, const Transaction& transaction) {
  const Delivered out = ApplyEdits(transaction,
                                   probe.mta().results().back().edits,
                                   (probe.mta().answer().protocol & kLeadingSpace) != 0);
  std::string text;
  for (const std::string& recipient : out.recipients)
    text += recipient + " ";
  for (const HeaderField& field : out.headers)
    text += field.name + ":" + Escape(field.value) + ";";
  return text + (out.quarantined ? " quarantined" : "");
}

TEST(RoundTripTest, DeliversTheSameMessageUnderEveryVersionAndMask) {
  const MtaScript script = SampleScript(2);
  const std::string expected =
      "carol@lab.test dave@lab.test X-Ins: ;Received: by the mail server;Subject: 100% changed;"
      "X-Fold:  a\\x0a\\x09b;X-Add: a\\x0a\\x09b; quarantined";
  for (const MtaKind kind : {MtaKind::kPostfix, MtaKind::kSendmail}) {
    for (const Case& row : Cases()) {
      FilterOptions filter;
      filter.required_actions = 0;
      filter.protocol = row.wanted;
      MtaOptions mta;
      mta.kind = kind;
      mta.offer = {row.version, kActionsAll, row.offered};
      MtaProbe probe(mta, script, filter);
      probe.Run(EditEverything, 7);
      const std::string name = std::to_string(row.version) + "/" + std::to_string(row.offered) +
                               "/" + std::to_string(row.wanted) +
                               (kind == MtaKind::kPostfix ? "p" : "s");
      ASSERT_EQ(probe.mta().error(), MtaError::kNone) << name;
      ASSERT_TRUE(probe.mta().finished()) << name;
      ASSERT_EQ(probe.mta().results().size(), 2U) << name;
      EXPECT_EQ(probe.mta().results()[1].outcome, Outcome::kAccepted) << name;
      EXPECT_EQ(probe.mta().results()[1].progress_count, 1U) << name;
      EXPECT_EQ(DeliveredText(probe, script.transactions[1]), expected) << name;
      for (const std::string& line : probe.lines()) {
        EXPECT_EQ(line.find("stray"), std::string::npos) << name << " " << line;
      }
    }
  }
}

TEST(RoundTripTest, ShowsTheSameEventsAtEveryChunking) {
  MtaScript script = SampleScript(2);
  script.transactions[0].stop = {StopHow::kReset, Command::kBody, 1};
  const auto play = [&](std::size_t chunk) {
    MtaProbe probe({}, script, FilterOptions());
    probe.Run(EditEverything, chunk);
    EXPECT_TRUE(probe.mta().finished());
    return probe.sent();
  };
  const std::string whole = play(65536);
  for (std::size_t chunk = 1; chunk < 200; ++chunk)
    EXPECT_EQ(play(chunk), whole) << chunk;
}

TEST(RoundTripTest, KeepsExactHeaderOctetsUnderLeadingSpace) {
  MtaScript script = SampleScript();
  script.transactions[0].headers = {
      {"A", ""}, {"B", " "}, {"C", "\t x "}, {"D", "x\n  y\n\tz"}, {"E", "\xC3\xA4 \xFF"}};
  MtaProbe probe({}, script, FilterOptions());
  std::vector<std::string> values;
  probe.Run();
  for (const std::string& line : probe.lines()) {
    if (!line.starts_with("header")) continue;
    const std::size_t at = line.find(" value=");
    values.push_back(at == std::string::npos ? "" : Unescape(line.substr(at + 7)));
  }
  ASSERT_EQ(values.size(), script.transactions[0].headers.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], script.transactions[0].headers[i].value) << i;
  }
}

TEST(RoundTripTest, CarriesEveryByteOfABody) {
  MtaScript script = SampleScript();
  script.transactions[0].body.clear();
  for (int i = 0; i < 70000; ++i)
    script.transactions[0].body += static_cast<char>(i * 7 + i / 256);
  for (const std::size_t chunk : {100, 4096, 65535, 65540, 200000}) {
    MtaProbe probe({}, script, FilterOptions());
    probe.Run({}, chunk);
    EXPECT_EQ(probe.body(), script.transactions[0].body);
  }
}

TEST(RoundTripTest, PutsOnlyTwoRoundTripsBetweenOfferAndVerdictByDefault) {
  MtaProbe probe({}, SampleScript(), FilterOptions());
  probe.Run();
  EXPECT_EQ(probe.mta().session_replies().size(), 0U);
  ASSERT_EQ(probe.mta().results()[0].replies.size(), 2U);
  EXPECT_EQ(probe.mta().results()[0].replies[0].command, Command::kData);
  EXPECT_EQ(probe.mta().results()[0].replies[1].command, Command::kEndOfMessage);
}

}  // namespace
}  // namespace milter
