// The mail server's end against our filter end: Postfix's and Sendmail's rules, and what each calls
// an error.
#include "milter/mta_session.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

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

MtaProbe::Answerer At(EventKind kind, void (*write)(ReplyWriter&)) {
  return [kind, write](const Event& event, ReplyWriter& writer) {
    if (event.kind == kind) write(writer);
    return event.kind == kind;
  };
}

void WriteReject(ReplyWriter& writer) {
  writer.Reject();
}
void WriteAccept(ReplyWriter& writer) {
  writer.Accept();
}
void WriteDiscard(ReplyWriter& writer) {
  writer.Discard();
}
void WriteSkip(ReplyWriter& writer) {
  writer.Skip();
}
void WriteCode(ReplyWriter& writer) {
  EXPECT_TRUE(writer.ReplyCode({451, "4.7.1", "not now"}));
}

TEST(PostfixTest, PlaysTwoMessagesInItsOrder) {
  MtaProbe probe({}, SampleScript(2), AnswerAll());
  probe.Run();
  EXPECT_EQ(probe.letters(), "OcChHmMrRrRtTlLlLlLnNbBeEAmMrRrRtTlLlLlLnNbBeEAAQ");
  EXPECT_TRUE(probe.mta().finished());
  ASSERT_EQ(probe.mta().results().size(), 2U);
  EXPECT_EQ(probe.mta().results()[1].outcome, Outcome::kAccepted);
  EXPECT_EQ(probe.mta().results()[1].replies.size(), 10U);
}

TEST(SendmailTest, PlaysTwoMessagesInItsOrder) {
  MtaProbe probe(Sendmail(), SampleScript(2), AnswerAll());
  probe.Run();
  EXPECT_EQ(probe.letters(), "OcChHmMrRrRTLLLNBeEmMrRrRTLLLNBeEQ");
  EXPECT_TRUE(probe.mta().finished());
}

TEST(PostfixTest, HoldsBytesBackUntilItMustReadOrTheBufferIsFull) {
  MtaOptions options;
  options.paced = true;
  const MtaScript script = SampleScript();
  MtaSession mta(options, script);
  std::array<std::byte, 65536> buffer{};
  EXPECT_EQ(mta.Fill(buffer), 17U);
  std::string answer = PackOffer(6, 0, kNoReplyAll);
  mta.Feed(std::as_bytes(std::span(answer)));
  for (int step = 0; step < 6; ++step) {  // connect, HELO, MAIL, two RCPT, DATA
    EXPECT_TRUE(mta.awaits_client());
    mta.Advance();
    EXPECT_EQ(mta.Fill(buffer), 0U) << step;
  }
  mta.Advance();
  EXPECT_GT(mta.Fill(buffer), 300U);
  EXPECT_EQ(mta.awaited_command(), 'E');
}

TEST(PostfixTest, CutsPacketsAtTheBuffersEndWhenItIsFull) {
  MtaOptions options;
  options.paced = true;
  MtaScript script = SampleScript();
  script.transactions[0].recipients.assign(200, {"<somebody.with.a.long.name@lab.test>", {}, {}});
  MtaSession mta(options, script);
  std::array<std::byte, 65536> buffer{};
  EXPECT_EQ(mta.Fill(buffer), 17U);
  std::string answer = PackOffer(6, 0, kNoReplyAll);
  mta.Feed(std::as_bytes(std::span(answer)));
  std::size_t sent = 0;
  for (int step = 0; step < 203; ++step) {
    mta.Advance();
    const std::size_t filled = mta.Fill(buffer);
    EXPECT_EQ(filled % options.buffer_bytes, 0U);
    sent += filled;
  }
  EXPECT_GE(sent, 4 * options.buffer_bytes);
}

TEST(PostfixTest, StreamsABodyInChunksOf65535) {
  MtaScript script = SampleScript();
  script.transactions[0].body.clear();
  for (int i = 0; i < 200000; ++i)
    script.transactions[0].body += static_cast<char>('a' + i % 26);
  for (const MtaKind kind : {MtaKind::kPostfix, MtaKind::kSendmail}) {
    MtaOptions options;
    options.kind = kind;
    MtaProbe probe(options, script, AnswerAll());
    probe.Run({}, 5000);
    EXPECT_EQ(probe.body(), script.transactions[0].body);
    std::vector<std::size_t> sizes;
    std::string_view bytes = probe.sent();
    for (Frame frame = NextFrame(bytes); frame.result == FrameResult::kFrame;
         frame = NextFrame(bytes)) {
      if (frame.code == 'B') sizes.push_back(frame.payload.size());
      bytes.remove_prefix(frame.bytes);
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{65535, 65535, 65535, 3395}));
  }
}

struct NoSendRow {
  Protocol bit = 0;
  std::string_view event;  // letters of the packets that stay out
};

constexpr std::array<NoSendRow, 8> kNoSendRows = {{{kNoConnect, "C"},
                                                   {kNoHelo, "H"},
                                                   {kNoMail, "M"},
                                                   {kNoRcpt, "R"},
                                                   {kNoData, "T"},
                                                   {kNoHeaders, "Ll"},
                                                   {kNoEndOfHeaders, "Nn"},
                                                   {kNoBody, "Bb"}}};

TEST(MtaSessionTest, HonoursEveryNoSendBitAlone) {
  for (const NoSendRow& row : kNoSendRows) {
    FilterOptions options = AnswerAll();
    options.protocol = row.bit;
    MtaProbe probe({}, SampleScript(), options);
    probe.Run();
    std::string expected = "OcChHmMrRrRtTlLlLlLnNbBeEAAQ";
    std::erase_if(expected, [&row](char c) { return row.event.find(c) != std::string_view::npos; });
    EXPECT_EQ(probe.letters(), expected) << ProtocolName(row.bit);
    EXPECT_TRUE(probe.mta().finished());
  }
}

TEST(MtaSessionTest, SendsNothingThatAVersionDoesNotKnow) {
  MtaScript script = SampleScript();
  script.transactions[0].unknown_line = "FOO bar";
  for (const std::uint32_t version : {2U, 3U, 4U, 6U}) {
    MtaOptions options;
    options.offer.version = version;
    MtaProbe probe(options, script, AnswerAll());
    probe.Run();
    EXPECT_EQ(probe.letters().find('T') != std::string::npos, version >= 4) << version;
    EXPECT_EQ(probe.letters().find('t') != std::string::npos, version >= 4) << version;
    EXPECT_EQ(probe.letters().find('U') != std::string::npos, version >= 3) << version;
    EXPECT_EQ(probe.mta().results()[0].outcome, Outcome::kAccepted);
  }
}

TEST(MtaSessionTest, SendsTheVerbAloneAsPostfixAndTheLineAsSendmail) {
  MtaScript script = SampleScript();
  script.transactions[0].unknown_line = "FOO bar";
  MtaProbe postfix({}, script, AnswerAll());
  postfix.Run();
  EXPECT_NE(postfix.sent().find(Pack('U', Raw("FOO\0"))), std::string::npos);
  MtaProbe sendmail(Sendmail(), script, AnswerAll());
  sendmail.Run();
  EXPECT_NE(sendmail.sent().find(Pack('U', Raw("FOO bar\0"))), std::string::npos);
}

TEST(MtaSessionTest, RemovesOneSpaceOfAValueUnlessLeadingSpaceIsKept) {
  const auto values = [](Protocol protocol) {
    FilterOptions options = AnswerAll();
    options.protocol = protocol;
    MtaScript script = SampleScript();
    script.transactions[0].headers = {
        {"A", " foo"}, {"B", "foo"}, {"C", "  foo"}, {"D", "\tfoo"}, {"E", ""}, {"F", " \n foo"}};
    MtaProbe probe({}, script, options);
    probe.Run();
    std::string out;
    for (const std::string& line : probe.lines()) {
      if (!line.starts_with("header")) continue;
      const std::size_t at = line.find(" value=");
      out += "[" + (at == std::string::npos ? "" : line.substr(at + 7)) + "]";
    }
    return out;
  };
  EXPECT_EQ(values(0), "[foo][foo][ foo][\\x09foo][][\\x0a foo]");
  EXPECT_EQ(values(kLeadingSpace), "[ foo][foo][  foo][\\x09foo][][ \\x0a foo]");
}

TEST(MtaSessionTest, EndsAMessageAtEachStageAsItsKindDoes) {
  struct Row {
    EventKind at;
    std::string_view postfix;
    std::string_view sendmail;
  };
  // What follows the accepted command, to the end of the session.
  const Row rows[] = {{EventKind::kMail, "MAAQ", "MQ"},
                      {EventKind::kData, "TAAQ", "TAQ"},
                      {EventKind::kHeader, "LAAQ", "LQ"},
                      {EventKind::kEndOfHeaders, "NAAQ", "NQ"},
                      {EventKind::kBody, "BAAQ", "BQ"},
                      {EventKind::kEndOfMessage, "EAAQ", "EQ"}};
  for (const Row& row : rows) {
    for (const bool postfix : {true, false}) {
      MtaProbe probe(postfix ? MtaOptions() : Sendmail(), SampleScript(), AnswerAll());
      probe.Run(At(row.at, WriteReject));
      EXPECT_TRUE(probe.letters().ends_with(postfix ? row.postfix : row.sendmail))
          << probe.letters();
      ASSERT_EQ(probe.mta().results().size(), 1U);
      EXPECT_EQ(probe.mta().results()[0].outcome, Outcome::kRejected);
      EXPECT_TRUE(probe.mta().finished());
    }
  }
}

TEST(MtaSessionTest, KeepsTheTransactionWhenARecipientIsRefused) {
  MtaProbe probe({}, SampleScript(), AnswerAll());
  int recipients = 0;
  probe.Run([&](const Event& event, ReplyWriter& writer) {
    if (event.kind != EventKind::kRcpt || ++recipients != 1) return false;
    WriteCode(writer);
    return true;
  });
  const TransactionResult& result = probe.mta().results()[0];
  EXPECT_EQ(result.outcome, Outcome::kAccepted);
  EXPECT_EQ(result.recipients_accepted, (std::vector<bool>{false, true}));
  EXPECT_EQ(result.replies[1].text, "451 4.7.1 not now");
}

TEST(MtaSessionTest, EndsWithoutDataWhenAllRecipientsAreRefused) {
  MtaProbe probe({}, SampleScript(), AnswerAll());
  probe.Run(At(EventKind::kRcpt, WriteReject));
  EXPECT_TRUE(probe.letters().ends_with("MrRrRAAQ")) << probe.letters();
  EXPECT_EQ(probe.mta().results()[0].outcome, Outcome::kNone);
}

TEST(MtaSessionTest, RetriesDataOnceWhenTold) {
  MtaScript script = SampleScript();
  script.transactions[0].retry_data = true;
  MtaProbe probe({}, script, AnswerAll());
  probe.Run(At(EventKind::kData, WriteCode));
  EXPECT_TRUE(probe.letters().ends_with("tTtTAAQ")) << probe.letters();
  EXPECT_EQ(probe.mta().results()[0].outcome, Outcome::kTempfailed);
  EXPECT_EQ(probe.mta().results()[0].decided_at, Command::kData);
}

TEST(MtaSessionTest, LeavesTheSessionUnfilteredAfterAcceptAtConnect) {
  MtaProbe postfix({}, SampleScript(), AnswerAll());
  postfix.Run(At(EventKind::kConnect, WriteAccept));
  EXPECT_EQ(postfix.letters(), "OcC");
  EXPECT_TRUE(postfix.mta().unfiltered() && postfix.mta().finished());
  MtaProbe sendmail(Sendmail(), SampleScript(), AnswerAll());
  sendmail.Run(At(EventKind::kConnect, WriteAccept));
  EXPECT_EQ(sendmail.letters(), "OcCQ");
}

TEST(MtaSessionTest, GoesOnUnfilteredOrNotAfterDiscardAtConnect) {
  MtaProbe postfix({}, SampleScript(), AnswerAll());
  postfix.Run(At(EventKind::kConnect, WriteDiscard));
  EXPECT_EQ(postfix.mta().results().size(), 1U);
  MtaProbe sendmail(Sendmail(), SampleScript(), AnswerAll());
  sendmail.Run(At(EventKind::kConnect, WriteDiscard));
  EXPECT_TRUE(sendmail.mta().unfiltered());
}

TEST(MtaSessionTest, SkipsTheRestOfTheBody) {
  MtaScript script = SampleScript();
  script.transactions[0].body.assign(200000, 'x');
  FilterOptions options = AnswerAll();
  options.protocol = kSkip;
  for (const MtaKind kind : {MtaKind::kPostfix, MtaKind::kSendmail}) {
    MtaOptions mta;
    mta.kind = kind;
    MtaProbe probe(mta, script, options);
    probe.Run(At(EventKind::kBody, WriteSkip));
    EXPECT_EQ(probe.body().size(), 65535U);
    EXPECT_EQ(probe.mta().results()[0].outcome, Outcome::kAccepted);
  }
}

TEST(MtaSessionTest, SkipAtAHeaderSkipsHeadersOnPostfixAndTheBodyOnSendmail) {
  MtaProbe postfix({}, SampleScript(), AnswerAll());
  postfix.Run(At(EventKind::kHeader, WriteSkip));
  EXPECT_TRUE(postfix.letters().ends_with("lLnNbBeEAAQ")) << postfix.letters();
  MtaProbe sendmail(Sendmail(), SampleScript(), AnswerAll());
  sendmail.Run(At(EventKind::kHeader, WriteSkip));
  EXPECT_TRUE(sendmail.letters().ends_with("TLLLNeEQ")) << sendmail.letters();
}

TEST(MtaSessionTest, StopsWhereTheScriptSays) {
  struct Row {
    Stop stop;
    std::string_view postfix;
    std::string_view sendmail;
  };
  const Row rows[] = {
      {{StopHow::kReset, Command::kMail, 1}, "mMAmM", "mMAmM"},
      {{StopHow::kReset, Command::kRcpt, 2}, "rRrRAmM", "rRrRAmM"},
      {{StopHow::kReset, Command::kHeader, 2}, "lLlLAmM", "LLAmM"},
      {{StopHow::kQuit, Command::kRcpt, 1}, "rRAAQ", "rRQ"},
      {{StopHow::kDrop, Command::kData, 1}, "tT", "T"},
      {{StopHow::kDrop, Command::kEndOfMessage, 1}, "eE", "eE"},
  };
  for (const Row& row : rows) {
    MtaScript script = SampleScript(2);
    script.transactions[0].stop = row.stop;
    for (const bool postfix : {true, false}) {
      MtaProbe probe(postfix ? MtaOptions() : Sendmail(), script, AnswerAll());
      probe.Run();
      const std::string_view expected = postfix ? row.postfix : row.sendmail;
      const bool goes_on = row.stop.how == StopHow::kReset;
      EXPECT_EQ(goes_on ? probe.letters().find(expected) != std::string::npos
                        : probe.letters().ends_with(expected),
                true)
          << probe.letters();
      EXPECT_TRUE(probe.mta().finished());
      EXPECT_EQ(probe.mta().error(), MtaError::kNone);
    }
  }
}

TEST(SendmailTest, SendsNoAbortForAResetWhenMailWasNotAnswered) {
  MtaScript script = SampleScript(2);
  script.transactions[0].stop = {StopHow::kReset, Command::kRcpt, 2};
  FilterOptions options = AnswerAll();
  options.protocol = kNoReplyMail;
  MtaProbe probe(Sendmail(), script, options);
  probe.Run();
  EXPECT_NE(probe.letters().find("rRrRmM"), std::string::npos) << probe.letters();
}

TEST(PostfixTest, ResetsAfterEverySecondHelo) {
  MtaScript script = SampleScript();
  script.helo_count = 2;
  MtaProbe probe({}, script, AnswerAll());
  probe.Run();
  EXPECT_TRUE(probe.letters().starts_with("OcChHhHAmM")) << probe.letters();
}

TEST(MtaSessionTest, PlaysASharedBodyAndItsOwnQueueIds) {
  const std::string body = "shared\r\n";
  MtaScript script = SampleScript(2);
  script.transactions[1].shared_body = &body;
  MtaProbe probe({}, script, AnswerAll());
  probe.mta().SetQueueIds({"OWN1"});
  probe.Run();
  EXPECT_TRUE(probe.body().ends_with("shared\r\n")) << probe.body();
  std::string all;
  for (const std::string& line : probe.lines())
    all += line + "\n";
  EXPECT_NE(all.find("OWN1"), std::string::npos) << all;
  EXPECT_NE(all.find(script.transactions[1].queue_id), std::string::npos) << all;
}

TEST(MtaSessionTest, TellsTheClientsNextStep) {
  MtaScript script = SampleScript();
  script.transactions[0].stop = {StopHow::kReset, Command::kData, 1};
  const MtaOptions options{.paced = true};
  MtaSession mta(options, script);
  std::array<std::byte, 65536> buffer{};
  EXPECT_EQ(mta.client_step(), ClientStep::kNone);  // negotiates by itself
  EXPECT_EQ(mta.Fill(buffer), 17U);
  std::string answer = PackOffer(6, 0, kNoReplyAll);
  mta.Feed(std::as_bytes(std::span(answer)));
  for (const ClientStep step : {ClientStep::kConnect,
                                ClientStep::kHelo,
                                ClientStep::kMail,
                                ClientStep::kRcpt,
                                ClientStep::kRcpt,
                                ClientStep::kData,
                                ClientStep::kReset,
                                ClientStep::kQuit}) {
    EXPECT_EQ(mta.client_step(), step);
    mta.Advance();
    mta.Fill(buffer);
  }
  EXPECT_EQ(mta.client_step(), ClientStep::kNone);
}

}  // namespace
}  // namespace milter
