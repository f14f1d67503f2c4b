// What the mail server's end reports about a filter that breaks the protocol.
#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "milter/mta_session.h"
#include "tests/milter/mta_probe.h"

namespace milter {
namespace {

// Plays to the reply that `command` awaits, answering CONTINUE before; then feeds `bytes`.
class ErrorProbe {
 public:
  ErrorProbe(MtaKind kind, char command, Actions actions = kActionsAll) {
    options_.kind = kind;
    script_ = SampleScript();
    mta_ = std::make_unique<MtaSession>(options_, script_);
    Drain();
    while (mta_->awaited_command() != static_cast<unsigned char>(command) && !mta_->finished()) {
      Feed(mta_->awaited_command() == 'O' ? PackOffer(6, actions, 0) : Pack('c'));
    }
  }

  MtaError Feed(std::string_view bytes) {
    mta_->Feed(std::as_bytes(std::span(bytes)));
    Drain();
    return mta_->error();
  }

  MtaSession& mta() { return *mta_; }

 private:
  void Drain() {
    std::array<std::byte, 4096> buffer{};
    while (mta_->Fill(buffer) != 0) {
    }
  }

  MtaOptions options_;
  MtaScript script_;
  std::unique_ptr<MtaSession> mta_;
};

constexpr MtaKind kPostfix = MtaKind::kPostfix;
constexpr MtaKind kSendmail = MtaKind::kSendmail;

TEST(MtaErrorTest, ReportsAReplyToAbortAndQuit) {
  for (const MtaKind kind : {kPostfix, kSendmail}) {
    ErrorProbe probe(kind, 'E');
    EXPECT_EQ(probe.Feed(Pack('c')), MtaError::kNone);
    EXPECT_TRUE(probe.mta().finished());
    EXPECT_EQ(probe.Feed(Pack('c')), MtaError::kReplyNotDue);
  }
}

TEST(MtaErrorTest, ReportsTwoRepliesToOneCommand) {
  ErrorProbe probe(kPostfix, 'M');
  EXPECT_EQ(probe.Feed(Pack('c') + Pack('c')), MtaError::kReplyNotDue);
}

TEST(MtaErrorTest, ReportsLengthsAndUnknownCodes) {
  EXPECT_EQ(ErrorProbe(kPostfix, 'M').Feed(Raw("\0\0\0\0")), MtaError::kLength);
  EXPECT_EQ(ErrorProbe(kPostfix, 'M').Feed(Raw("\x7F\0\0\0")), MtaError::kLength);
  EXPECT_EQ(ErrorProbe(kPostfix, 'M').Feed(Pack('f')), MtaError::kUnknownReply);
  EXPECT_EQ(ErrorProbe(kPostfix, 'M').Feed(Pack('c', "x")), MtaError::kTrailingBytes);
  EXPECT_EQ(ErrorProbe(kPostfix, 'M').Feed(Pack('y', Raw("550\0"))), MtaError::kReplyText);
}

TEST(MtaErrorTest, ReportsEditsOutsideEndOfMessage) {
  for (const char command : std::string("CHMRTLNB")) {
    for (const MtaKind kind : {kPostfix, kSendmail}) {
      ErrorProbe probe(kind, command);
      EXPECT_EQ(probe.Feed(Pack('h', Raw("A\0b\0"))), MtaError::kWrongStage) << command;
    }
  }
}

TEST(MtaErrorTest, TakesProgressAnywhereAsPostfixAtTheEndAloneAsSendmail) {
  for (const char command : std::string("CHMRTLNB")) {
    EXPECT_EQ(ErrorProbe(kPostfix, command).Feed(Pack('p')), MtaError::kNone);
    EXPECT_EQ(ErrorProbe(kSendmail, command).Feed(Pack('p')), MtaError::kWrongStage);
  }
  for (const MtaKind kind : {kPostfix, kSendmail}) {
    ErrorProbe probe(kind, 'E');
    EXPECT_EQ(probe.Feed(Pack('p') + Pack('p') + Pack('c')), MtaError::kNone);
    EXPECT_EQ(probe.mta().results()[0].progress_count, 2U);
  }
}

TEST(MtaErrorTest, ReportsSkipAtEndOfMessageAndShutdownOnSendmail) {
  EXPECT_EQ(ErrorProbe(kSendmail, 'E').Feed(Pack('s')), MtaError::kWrongStage);
  EXPECT_EQ(ErrorProbe(kPostfix, 'E').Feed(Pack('s')), MtaError::kWrongStage);
  EXPECT_EQ(ErrorProbe(kSendmail, 'M').Feed(Pack('4')), MtaError::kWrongStage);
  EXPECT_EQ(ErrorProbe(kPostfix, 'M').Feed(Pack('4')), MtaError::kNone);
}

TEST(MtaErrorTest, ReportsEditsThatWereNotNegotiated) {
  const std::pair<Actions, std::string> rows[] = {
      {kActAddHeaders, Pack('h', Raw("A\0b\0"))},
      {kActAddHeaders, Pack('i', Raw("\0\0\0\0A\0b\0"))},
      {kActChangeHeaders,
       Pack('m',
            Raw("\0\0\0\x01"
                "A\0b\0"))},
      {kActChangeBody, Pack('b', "x")},
      {kActAddRcpt, Pack('+', Raw("a\0"))},
      {kActAddRcptPar, Pack('2', Raw("a\0"))},
      {kActDeleteRcpt, Pack('-', Raw("a\0"))},
      {kActChangeFrom, Pack('e', Raw("a\0"))},
      {kActQuarantine, Pack('q', Raw("a\0"))}};
  for (const auto& [bit, packet] : rows) {
    EXPECT_EQ(ErrorProbe(kPostfix, 'E', bit).Feed(packet), MtaError::kNone) << ActionName(bit);
    EXPECT_EQ(ErrorProbe(kPostfix, 'E', kActionsAll & ~bit).Feed(packet),
              MtaError::kActionNotNegotiated)
        << ActionName(bit);
  }
}

TEST(MtaErrorTest, ReportsAnotherEditBetweenBodyParts) {
  const std::string body = Pack('b', "x");
  EXPECT_EQ(ErrorProbe(kPostfix, 'E').Feed(body + body + Pack('h', Raw("A\0b\0"))),
            MtaError::kNone);
  EXPECT_EQ(ErrorProbe(kPostfix, 'E').Feed(body + Pack('h', Raw("A\0b\0")) + body),
            MtaError::kMixedBody);
}

TEST(MtaErrorTest, ReportsAnswersToWhatWasNotOffered) {
  const auto answer = [](const Offer& offer, std::string_view bytes) {
    MtaOptions options;
    options.offer = offer;
    const MtaScript script = SampleScript();
    MtaSession mta(options, script);
    std::array<std::byte, 64> buffer{};
    EXPECT_EQ(mta.Fill(buffer), 17U);
    mta.Feed(std::as_bytes(std::span(bytes)));
    return mta.error();
  };
  EXPECT_EQ(answer({4, 0x3F, 0x37F}, PackOffer(4, 0x3F, 0x37F)), MtaError::kNone);
  EXPECT_EQ(answer({4, 0x3F, 0x37F}, PackOffer(2, 0, 0)), MtaError::kNone);
  EXPECT_EQ(answer({4, 0x3F, 0x37F}, PackOffer(6, 0, 0)), MtaError::kNegotiation);
  EXPECT_EQ(answer({4, 0x3F, 0x37F}, PackOffer(1, 0, 0)), MtaError::kNegotiation);
  EXPECT_EQ(answer({4, 0x3F, 0x37F}, PackOffer(4, 0x40, 0)), MtaError::kNegotiation);
  EXPECT_EQ(answer({4, 0x3F, 0x37F}, PackOffer(4, 0, 0x80)), MtaError::kNegotiation);
  EXPECT_EQ(answer({6, 0, 0}, PackOffer(6, 0x0F, 0x3F)), MtaError::kNone);
  EXPECT_EQ(answer({6, 0, 0}, PackOffer(6, 0x10, 0)), MtaError::kNegotiation);
  EXPECT_EQ(answer({6, 0, 0}, Pack('O', "short")), MtaError::kMalformed);
  EXPECT_EQ(answer({6, 0, 0}, Pack('c')), MtaError::kWrongStage);
  const std::string twelve = PackOffer(6, 0, 0).substr(kPacketHeadBytes);
  EXPECT_EQ(answer({6, 0, 0}, Pack('O', twelve + Raw("\0\0\0\0i j\0"))), MtaError::kNone);
  EXPECT_EQ(answer({6, 0, 0}, Pack('O', twelve + Raw("\0\0\0\0i j"))), MtaError::kMalformed);
  EXPECT_EQ(answer({6, 0, 0}, Pack('O', twelve + Raw("\0\0"))), MtaError::kMalformed);
}

TEST(MtaErrorTest, ReadsRepliesCutAnywhere) {
  const std::string replies =
      Pack('p') + Pack('h', Raw("A\0b\0")) + Pack('y', Raw("554 5.7.1 no\0"));
  for (std::size_t cut = 0; cut <= replies.size(); ++cut) {
    ErrorProbe probe(kPostfix, 'E');
    EXPECT_EQ(probe.Feed(std::string_view(replies).substr(0, cut)), MtaError::kNone);
    EXPECT_EQ(probe.Feed(std::string_view(replies).substr(cut)), MtaError::kNone);
    const TransactionResult& result = probe.mta().results()[0];
    EXPECT_EQ(result.outcome, Outcome::kRejected);
    EXPECT_EQ(result.reply_text, "554 5.7.1 no");
    ASSERT_EQ(result.edits.size(), 1U);
    EXPECT_EQ(result.edits[0].name, "A");
  }
}

TEST(MtaErrorTest, HasATextForEveryError) {
  for (int error = 0; error <= static_cast<int>(MtaError::kMixedBody); ++error) {
    EXPECT_FALSE(MtaErrorText(static_cast<MtaError>(error)).empty());
  }
}

}  // namespace
}  // namespace milter
