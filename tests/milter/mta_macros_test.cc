// Which macros a mail server sends, where, and what a filter's lists change about it.
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "milter/mta_session.h"
#include "tests/milter/mta_probe.h"

namespace milter {
namespace {

FilterOptions AnswerAll() {
  FilterOptions options;
  options.required_actions = 0;
  options.protocol = 0;
  options.macro_lists = nullptr;
  return options;
}

MtaOptions Sendmail() {
  MtaOptions options;
  options.kind = MtaKind::kSendmail;
  return options;
}

TEST(PostfixTest, SendsTheQueueIdOnceARecipientWasAccepted) {
  MtaProbe probe({}, SampleScript(), AnswerAll());
  probe.Run();
  std::string stages_with_id;
  for (const std::string& line : PacketLines(probe.sent())) {
    if (line.starts_with("D ") && line.find("i\\04CC63A76085") != std::string::npos) {
      stages_with_id += line[2];
    }
  }
  EXPECT_EQ(stages_with_id, "RTLLLNBE");
}

TEST(SendmailTest, SendsTheQueueIdAtMailAndNamesSixFamilies) {
  MtaScript script = SampleScript();
  script.client_family = '6';
  script.client_address = "2001:db8::1";
  MtaProbe probe(Sendmail(), script, AnswerAll());
  probe.Run();
  const std::vector<std::string> lines = PacketLines(probe.sent());
  EXPECT_EQ(lines[2], "C client.example.net\\06\\0\\0IPv6:2001:db8::1\\0");
  EXPECT_TRUE(lines[5].starts_with("D Mi\\04CC63A76085")) << lines[5];
}

TEST(MtaSessionTest, SendsTheMacrosThatTheFilterAsksFor) {
  FilterOptions options = AnswerAll();
  options.macro_lists = &kMacroListsWanted;
  MtaScript script = SampleScript();
  script.client_port = 4711;
  script.transactions[0].macros = {{"auth_type", "PLAIN"}, {"r", "ESMTP"}};
  MtaProbe probe({}, script, options);
  probe.Run();
  const std::vector<std::string> lines = PacketLines(probe.sent());
  EXPECT_EQ(lines[1],
            "D Cj\\0mx.lab.test\\0{client_addr}\\0192.0.2.1\\0{client_name}\\0client.example.net\\0"
            "{client_port}\\04711\\0v\\0Postfix 3.7.11\\0");
  EXPECT_EQ(lines[5], "D M{auth_type}\\0PLAIN\\0{mail_addr}\\0alice@example.net\\0r\\0ESMTP\\0");
}

TEST(SendmailTest, UsesAnEndOfMessageListOnlyBesideAnEndOfHeadersList) {
  const auto stages = [](const MacroLists& lists) {
    std::string answer;
    std::array<std::byte, 256> buffer{};
    PacketWriter writer(buffer);
    writer.Begin('O');
    writer.PutU32(6);
    writer.PutU32(kActMacroLists);
    writer.PutU32(kNoReplyAll);
    for (std::size_t stage = 0; stage < lists.size(); ++stage) {
      if (lists[stage].empty()) continue;
      writer.PutU32(static_cast<std::uint32_t>(stage));
      writer.PutString(lists[stage]);
    }
    writer.End();
    answer.assign(reinterpret_cast<const char*>(buffer.data()), writer.written());
    const MtaOptions options = Sendmail();
    const MtaScript script = SampleScript();
    MtaSession mta(options, script);
    std::array<std::byte, 8192> sent{};
    EXPECT_EQ(mta.Fill(sent), 17U);
    mta.Feed(std::as_bytes(std::span(answer)));
    const std::size_t filled = mta.Fill(sent);
    std::string out;
    for (const std::string& line :
         PacketLines({reinterpret_cast<const char*>(sent.data()), filled})) {
      if (line.starts_with("D E") || line.starts_with("D N")) out += line + ";";
    }
    return out;
  };
  EXPECT_EQ(stages({"", "", "", "", "", "i", ""}), "D E;");
  EXPECT_EQ(stages({"", "", "", "", "", "", "i"}), "D Ni\\04CC63A76085\\0;");
  EXPECT_EQ(stages({"", "", "", "", "", "i", "i"}), "D Ni\\04CC63A76085\\0;D Ei\\04CC63A76085\\0;");
}

}  // namespace
}  // namespace milter
