// The filter session: every state against every command, and invariants over all short sequences.
#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "milter/session.h"
#include "tests/milter/session_probe.h"

namespace milter {
namespace {

constexpr std::string_view kCommands = "ODCHMRTLNBEUAQK";

FilterOptions AnswerAll() {
  FilterOptions options;
  options.required_actions = 0;
  options.protocol = 0;
  return options;
}

std::string Sample(char command) {
  switch (command) {
    case 'O': return PackOffer();
    case 'D': return Pack('D', Raw("Mi\0Q\0"));
    case 'C':
      return Pack('C',
                  Raw("h\0"
                      "4\0\x19"
                      "192.0.2.1\0"));
    case 'H': return Pack('H', Raw("helo\0"));
    case 'M': return Pack('M', Raw("<a@b>\0"));
    case 'R': return Pack('R', Raw("<c@d>\0"));
    case 'L': return Pack('L', Raw("N\0v\0"));
    case 'B': return Pack('B', "x");
    case 'U': return Pack('U', Raw("FOO\0"));
    default: return Pack(command);
  }
}

std::string SampleOf(std::string_view commands) {
  std::string bytes;
  for (const char command : commands)
    bytes += Sample(command);
  return bytes;
}

// What comes out, without names and values.
std::string Outcome(std::string_view state, char command) {
  SessionProbe probe(AnswerAll());
  probe.verdict_at_once = false;
  probe.Feed(SampleOf(state));
  static_cast<void>(probe.TakeLines());
  probe.Feed(Sample(command));
  std::string out;
  for (const std::string& line : probe.TakeLines()) {
    std::string_view text = line;
    for (const char* detail : {" name=", " value=", " client=", " offer=", " stage=", " bytes="}) {
      text = text.substr(0, text.find(detail));
    }
    out += (out.empty() ? "" : "; ") + std::string(text);
  }
  return out;
}

struct StateRow {
  char command = 0;
  std::array<std::string_view, 7> outcomes;
};

//                                            start idle envelope headers body verdict ended
constexpr std::array<std::string_view, 7> kStates = {
    "", "O", "OMR", "OMRL", "OMRNB", "OMRNBE", "OQ"};

constexpr std::string_view kEarly = "broken (command before negotiation)";
constexpr std::string_view kLate = "broken aborts (command while the verdict is due)";
constexpr std::string_view kTwice = "broken aborts (second negotiation)";
constexpr std::array<StateRow, 15> kRows = {{
    {'O', {"negotiated due", "broken (second negotiation)", kTwice, kTwice, kTwice, kTwice, ""}},
    {'D', {kEarly, "macro", "macro", "macro", "macro", "macro", ""}},
    {'C',
     {kEarly,
      "connect due",
      "connect due aborts",
      "connect due aborts",
      "connect due aborts",
      "connect due aborts",
      ""}},
    {'H',
     {kEarly,
      "helo due",
      "helo due aborts",
      "helo due aborts",
      "helo due aborts",
      "helo due aborts",
      ""}},
    {'M',
     {kEarly,
      "mail due",
      "mail due aborts",
      "mail due aborts",
      "mail due aborts",
      "mail due aborts",
      ""}},
    {'R', {kEarly, "rcpt due stray", "rcpt due", "rcpt due stray", "rcpt due stray", kLate, ""}},
    {'T', {kEarly, "data due stray", "data due", "data due stray", "data due stray", kLate, ""}},
    {'L', {kEarly, "header due stray", "header due", "header due", "header due stray", kLate, ""}},
    {'N', {kEarly, "eoh due stray", "eoh due", "eoh due", "eoh due stray", kLate, ""}},
    {'B', {kEarly, "body due=1 stray", "body due=1", "body due=1", "body due=1", kLate, ""}},
    {'E', {kEarly, "eom due stray", "eom due", "eom due", "eom due", kLate, ""}},
    {'U', {kEarly, "unknown due", "unknown due", "unknown due", "unknown due", kLate, ""}},
    {'A', {kEarly, "abort", "abort aborts", "abort aborts", "abort aborts", "abort aborts", ""}},
    {'Q', {kEarly, "quit", "quit aborts", "quit aborts", "quit aborts", "quit aborts", ""}},
    {'K',
     {kEarly,
      "quit-nc",
      "quit-nc aborts",
      "quit-nc aborts",
      "quit-nc aborts",
      "quit-nc aborts",
      ""}},
}};

TEST(SessionStatesTest, AnswerEveryCommandAsTheTableSays) {
  for (const StateRow& row : kRows) {
    for (std::size_t state = 0; state < kStates.size(); ++state) {
      EXPECT_EQ(Outcome(kStates[state], row.command), row.outcomes[state])
          << row.command << " in '" << kStates[state] << "'";
    }
  }
}

// A reply is due for each replying command that came out, and never for others; aborts_message
// exactly when a message was open; nothing after the end.
void CheckSequence(std::string_view commands) {
  engine::BlockPool pool(1 << 20);
  const FilterOptions options = AnswerAll();
  FilterSession session(options, pool);
  bool ended = false;
  for (const char command : commands) {
    const bool open = session.in_message();
    std::string bytes = Sample(command);
    session.Feed({reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
    const Event event = session.Next();
    if (ended) {
      ASSERT_EQ(event.kind, EventKind::kNeedMore) << commands;
      continue;
    }
    ASSERT_NE(event.kind, EventKind::kNeedMore) << commands;
    ASSERT_EQ(session.Next().kind, EventKind::kNeedMore) << commands;
    const bool broken = event.kind == EventKind::kBroken;
    const bool replying = std::string_view("OCHMRTLNBEU").find(command) != std::string_view::npos;
    ASSERT_EQ(event.reply_due, replying && !broken) << commands;
    const bool ends = broken || std::string_view("CHMAQK").find(command) != std::string_view::npos;
    ASSERT_EQ(event.aborts_message, open && ends) << commands;
    ASSERT_EQ(session.in_message(), !broken && (command == 'M' || (open && !ends))) << commands;
    ended = broken || command == 'Q';
  }
}

TEST(SessionStatesTest, KeepTheInvariantsOverAllShortSequences) {
  constexpr std::size_t kLength = 4;
  std::array<std::size_t, kLength> at{};
  for (;;) {
    std::string commands = "O";
    for (const std::size_t index : at)
      commands += kCommands[index];
    CheckSequence(commands);
    std::size_t digit = 0;
    while (digit < kLength && ++at[digit] == kCommands.size())
      at[digit++] = 0;
    if (digit == kLength) break;
  }
}

TEST(SessionStatesTest, GiveTheSameEventsByteByByteInEveryState) {
  for (const std::string_view state : kStates) {
    for (const char command : kCommands) {
      const std::string bytes = SampleOf(state) + Sample(command) + Sample('M');
      EXPECT_EQ(EventsOf(AnswerAll(), bytes, 1), EventsOf(AnswerAll(), bytes)) << state << command;
    }
  }
}

}  // namespace
}  // namespace milter
