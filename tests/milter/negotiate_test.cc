// The offer/answer matrix: versions, zero offers, degradation, mandatory actions.
#include "milter/negotiate.h"

#include <gtest/gtest.h>

namespace milter {
namespace {

FilterOptions Undemanding() {
  FilterOptions options;
  options.required_actions = 0;
  return options;
}

struct MatrixRow {
  Offer offer;
  std::uint32_t version = 0;
  Actions actions = 0;
  Protocol protocol = 0;
};

constexpr Actions kWanted = kActAddHeaders | kActChangeHeaders | kActAddRcpt | kActDeleteRcpt |
                            kActQuarantine | kActAddRcptPar;
constexpr Protocol kWantedProtocol = 0x1EF180;

TEST(NegotiateTest, DegradesAsTheCompatibilityMatrixSays) {
  const MatrixRow rows[] = {
      {{2, 0x3F, 0x7F}, 2, kWanted & 0x3F, 0},
      {{2, 0x1FF, 0x7F}, 2, kWanted | kActMacroLists, 0},
      {{2, 0x1FF, 0xFF}, 2, kWanted | kActMacroLists, kNoReplyHeader},
      {{3, 0x1FF, 0x17F}, 3, kWanted | kActMacroLists, kNoUnknown},
      {{4, 0x1FF, 0x37F}, 4, kWanted | kActMacroLists, kNoUnknown},
      {{6, 0x1FF, 0x1FFFFF}, 6, kWanted | kActMacroLists, kWantedProtocol},
      {{6, 0xFF, 0x1FFFFF}, 6, kWanted, kWantedProtocol},
      {{6, 0, 0}, 6, kWanted & 0x0F, 0},
      {{7, 0x1FF, 0x1FFFFF}, 6, kWanted | kActMacroLists, kWantedProtocol},
      {{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, 6, kWanted | kActMacroLists, kWantedProtocol},
  };
  for (const MatrixRow& row : rows) {
    const Negotiation out = Negotiate(row.offer, Undemanding());
    EXPECT_EQ(out.result, NegotiateResult::kAgreed);
    EXPECT_EQ(out.answer.version, row.version);
    EXPECT_EQ(out.answer.actions, row.actions) << row.offer.version << "/" << row.offer.actions;
    EXPECT_EQ(out.answer.protocol, row.protocol) << row.offer.version << "/" << row.offer.protocol;
    EXPECT_EQ(out.answer.macro_lists != nullptr, (row.actions & kActMacroLists) != 0);
  }
}

TEST(NegotiateTest, RefusesVersionsBelowTwo) {
  EXPECT_EQ(Negotiate({0, 0x1FF, 0x1FFFFF}, Undemanding()).result, NegotiateResult::kVersionTooOld);
  EXPECT_EQ(Negotiate({1, 0x1FF, 0x1FFFFF}, Undemanding()).result, NegotiateResult::kVersionTooOld);
}

TEST(NegotiateTest, NamesTheMandatoryActionsThatAreMissing) {
  const Negotiation out = Negotiate({6, kActAddHeaders | kActAddRcpt, 0x1FFFFF}, FilterOptions());
  EXPECT_EQ(out.result, NegotiateResult::kActionsNotOffered);
  EXPECT_EQ(out.missing_actions, kActChangeHeaders | kActDeleteRcpt);
  EXPECT_EQ(ActionName(out.missing_actions), "DELRCPT");
}

TEST(NegotiateTest, NeverAnswersWhatWasNotOffered) {
  FilterOptions greedy = Undemanding();
  greedy.actions = 0xFFFFFFFF;
  greedy.protocol = 0xFFFFFFFF;
  for (Actions actions = 1; actions <= kActionsAll; ++actions) {
    const Negotiation out = Negotiate({6, actions, actions << 8}, greedy);
    EXPECT_EQ(out.answer.actions & ~actions, 0U);
    EXPECT_EQ(out.answer.protocol & ~(actions << 8), 0U);
  }
  for (unsigned bit = 0; bit < 32; ++bit) {
    const Protocol offered = Protocol{1} << bit;
    EXPECT_EQ(Negotiate({6, 0x1FF, offered}, greedy).answer.protocol, offered & kProtocolAll);
  }
}

TEST(NegotiateTest, LeavesMacrosToTheMailServerWhenToldTo) {
  FilterOptions options;
  options.macro_lists = nullptr;
  const Negotiation out = Negotiate({6, kActionsAll, kProtocolAll}, options);
  EXPECT_EQ(out.answer.macro_lists, nullptr);
  EXPECT_EQ(out.answer.actions & kActMacroLists, 0U);
}

TEST(NegotiateTest, KeepsTheDataReplyAndDataByDefault) {
  const Negotiation out = Negotiate({6, kActionsAll, kProtocolAll}, FilterOptions());
  EXPECT_EQ(out.answer.protocol & (kNoReplyData | kNoData), 0U);
  EXPECT_EQ(out.answer.protocol & kNoSendAll, kNoUnknown);
}

TEST(WireTest, NamesEveryBit) {
  for (unsigned bit = 0; bit < 9; ++bit)
    EXPECT_NE(ActionName(Actions{1} << bit), "?");
  for (unsigned bit = 0; bit < 21; ++bit)
    EXPECT_NE(ProtocolName(Protocol{1} << bit), "?");
  EXPECT_EQ(ActionName(kActChangeHeaders), "CHGHDRS");
  EXPECT_EQ(ProtocolName(kNoReplyConnect), "NR_CONN");
  EXPECT_EQ(ProtocolName(kLeadingSpace), "HDR_LEADSPC");
  EXPECT_EQ(ActionName(0), "?");
  EXPECT_EQ(ActionName(0x200), "?");
}

}  // namespace
}  // namespace milter
