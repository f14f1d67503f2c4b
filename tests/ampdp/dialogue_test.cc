// The client's dialogue: all states, all events.
#include "ampdp/dialogue.h"

#include <string_view>

#include <gtest/gtest.h>

namespace ampdp {
namespace {

using State = DialogueState;
using Action = DialogueAction;
using Fault = DialogueFault;

constexpr std::size_t kRequestBytes = 10;
constexpr std::string_view kReply = "return_value=accept\r\n\r\n";

enum class Event {
  kStart,
  kWritable,
  kSentPart,
  kSentRest,
  kPartOfReply,
  kWholeReply,
  kMoreThanReply,
  kEof,
  kError
};

// A dialogue brought to `state` by the shortest way.
Dialogue At(State state) {
  Dialogue dialogue({.bytes_max = 100, .line_bytes_max = 50, .attributes_max = 4});
  if (state == State::kIdle) return dialogue;
  dialogue.Start(kRequestBytes);
  if (state == State::kSending) return dialogue;
  if (state == State::kFailed) {
    dialogue.OnError();
    return dialogue;
  }
  dialogue.OnSent(kRequestBytes);
  if (state == State::kComplete) dialogue.OnBytes(kReply);
  return dialogue;
}

Action Apply(Dialogue& dialogue, Event event) {
  switch (event) {
    case Event::kStart: return dialogue.Start(kRequestBytes);
    case Event::kWritable: return dialogue.OnWritable();
    case Event::kSentPart: return dialogue.OnSent(3);
    case Event::kSentRest: return dialogue.OnSent(kRequestBytes);
    case Event::kPartOfReply: return dialogue.OnBytes(kReply.substr(0, 5));
    case Event::kWholeReply: return dialogue.OnBytes(kReply);
    case Event::kMoreThanReply:
      return dialogue.OnBytes(std::string_view("return_value=accept\r\n\r\nx"));
    case Event::kEof: return dialogue.OnEof();
    case Event::kError: return dialogue.OnError();
  }
  return Action::kNone;
}

struct Transition {
  State from;
  Event event;
  State to;
  Action action;
  Fault fault;
};

constexpr Fault kOk = Fault::kNone;

// Each state with each event.
constexpr Transition kTransitions[] = {
    {State::kIdle, Event::kStart, State::kSending, Action::kSend, kOk},
    {State::kIdle, Event::kWritable, State::kIdle, Action::kNone, kOk},
    {State::kIdle, Event::kSentPart, State::kIdle, Action::kNone, kOk},
    {State::kIdle, Event::kSentRest, State::kIdle, Action::kNone, kOk},
    {State::kIdle, Event::kPartOfReply, State::kFailed, Action::kClose, Fault::kEarlyReply},
    {State::kIdle, Event::kWholeReply, State::kFailed, Action::kClose, Fault::kEarlyReply},
    {State::kIdle, Event::kMoreThanReply, State::kFailed, Action::kClose, Fault::kEarlyReply},
    {State::kIdle, Event::kEof, State::kFailed, Action::kClose, Fault::kGone},
    {State::kIdle, Event::kError, State::kFailed, Action::kClose, Fault::kError},

    {State::kSending, Event::kStart, State::kFailed, Action::kClose, Fault::kError},
    {State::kSending, Event::kWritable, State::kSending, Action::kSend, kOk},
    {State::kSending, Event::kSentPart, State::kSending, Action::kNone, kOk},
    {State::kSending, Event::kSentRest, State::kWaiting, Action::kNone, kOk},
    {State::kSending, Event::kPartOfReply, State::kFailed, Action::kClose, Fault::kEarlyReply},
    {State::kSending, Event::kWholeReply, State::kFailed, Action::kClose, Fault::kEarlyReply},
    {State::kSending, Event::kMoreThanReply, State::kFailed, Action::kClose, Fault::kEarlyReply},
    {State::kSending, Event::kEof, State::kFailed, Action::kClose, Fault::kGone},
    {State::kSending, Event::kError, State::kFailed, Action::kClose, Fault::kError},

    {State::kWaiting, Event::kStart, State::kFailed, Action::kClose, Fault::kError},
    {State::kWaiting, Event::kWritable, State::kWaiting, Action::kNone, kOk},
    {State::kWaiting, Event::kSentPart, State::kWaiting, Action::kNone, kOk},
    {State::kWaiting, Event::kSentRest, State::kWaiting, Action::kNone, kOk},
    {State::kWaiting, Event::kPartOfReply, State::kWaiting, Action::kNone, kOk},
    {State::kWaiting, Event::kWholeReply, State::kComplete, Action::kParse, kOk},
    {State::kWaiting,
     Event::kMoreThanReply,
     State::kFailed,
     Action::kClose,
     Fault::kBytesAfterReply},
    {State::kWaiting, Event::kEof, State::kFailed, Action::kClose, Fault::kGone},
    {State::kWaiting, Event::kError, State::kFailed, Action::kClose, Fault::kError},

    {State::kComplete, Event::kStart, State::kFailed, Action::kClose, Fault::kError},
    {State::kComplete, Event::kWritable, State::kComplete, Action::kNone, kOk},
    {State::kComplete, Event::kSentPart, State::kComplete, Action::kNone, kOk},
    {State::kComplete, Event::kSentRest, State::kComplete, Action::kNone, kOk},
    {State::kComplete,
     Event::kPartOfReply,
     State::kFailed,
     Action::kClose,
     Fault::kBytesAfterReply},
    {State::kComplete, Event::kWholeReply, State::kFailed, Action::kClose, Fault::kBytesAfterReply},
    {State::kComplete,
     Event::kMoreThanReply,
     State::kFailed,
     Action::kClose,
     Fault::kBytesAfterReply},
    {State::kComplete, Event::kEof, State::kComplete, Action::kNone, kOk},
    {State::kComplete, Event::kError, State::kComplete, Action::kNone, kOk},
};

TEST(DialogueTest, EveryEventInEveryLivingState) {
  for (const Transition& t : kTransitions) {
    Dialogue dialogue = At(t.from);
    ASSERT_EQ(dialogue.state(), t.from);
    EXPECT_EQ(Apply(dialogue, t.event), t.action)
        << DialogueStateText(t.from) << " event " << static_cast<int>(t.event);
    EXPECT_EQ(dialogue.state(), t.to)
        << DialogueStateText(t.from) << " event " << static_cast<int>(t.event);
    EXPECT_EQ(dialogue.fault(), t.fault)
        << DialogueStateText(t.from) << " event " << static_cast<int>(t.event);
  }
}

TEST(DialogueTest, FailedIsFinal) {
  for (int event = 0; event <= static_cast<int>(Event::kError); ++event) {
    Dialogue dialogue = At(State::kFailed);
    EXPECT_EQ(Apply(dialogue, static_cast<Event>(event)), Action::kClose) << event;
    EXPECT_EQ(dialogue.state(), State::kFailed) << event;
    EXPECT_EQ(dialogue.fault(), Fault::kError) << event;
  }
}

TEST(DialogueTest, PartialWritesAddUp) {
  Dialogue dialogue;
  EXPECT_EQ(dialogue.Start(kRequestBytes), Action::kSend);
  for (std::size_t sent = 0; sent < kRequestBytes; ++sent) {
    EXPECT_EQ(dialogue.sent_bytes(), sent);
    EXPECT_FALSE(dialogue.request_whole());
    EXPECT_EQ(dialogue.OnSent(0), Action::kNone);
    EXPECT_EQ(dialogue.OnWritable(), Action::kSend);
    dialogue.OnSent(1);
  }
  EXPECT_EQ(dialogue.state(), State::kWaiting);
  EXPECT_TRUE(dialogue.request_whole());
}

TEST(DialogueTest, ReplyByteByByteIsCompleteWithItsLast) {
  Dialogue dialogue = At(State::kWaiting);
  EXPECT_FALSE(dialogue.reply_begun());
  for (std::size_t size = 1; size < kReply.size(); ++size) {
    ASSERT_EQ(dialogue.OnBytes(kReply.substr(0, size)), Action::kNone) << size;
    EXPECT_TRUE(dialogue.reply_begun());
  }
  EXPECT_EQ(dialogue.OnBytes(kReply), Action::kParse);
}

TEST(DialogueTest, EofWithinTheReplyIsTold) {
  Dialogue dialogue = At(State::kWaiting);
  dialogue.OnBytes(kReply.substr(0, 4));
  EXPECT_EQ(dialogue.OnEof(), Action::kClose);
  EXPECT_TRUE(dialogue.request_whole());
  EXPECT_TRUE(dialogue.reply_begun());
}

TEST(DialogueTest, ReplyOverALimitFails) {
  Dialogue dialogue = At(State::kWaiting);
  EXPECT_EQ(dialogue.OnBytes(std::string_view("a=\nb=\nc=\nd=\ne=\n")), Action::kClose);
  EXPECT_EQ(dialogue.fault(), Fault::kReplyLimit);
  EXPECT_EQ(dialogue.reply().status(), BlockStatus::kTooManyAttributes);
}

TEST(DialogueTest, ResetTakesAnotherExchange) {
  for (const State state :
       {State::kIdle, State::kSending, State::kWaiting, State::kComplete, State::kFailed}) {
    Dialogue dialogue = At(state);
    dialogue.Reset();
    EXPECT_EQ(dialogue.state(), State::kIdle);
    EXPECT_EQ(dialogue.fault(), Fault::kNone);
    EXPECT_FALSE(dialogue.request_whole());
    EXPECT_FALSE(dialogue.reply_begun());
    EXPECT_EQ(dialogue.Start(4), Action::kSend);
    dialogue.OnSent(4);
    EXPECT_EQ(dialogue.OnBytes(kReply), Action::kParse);
  }
}

TEST(DialogueTest, EveryStateAndFaultHasAText) {
  for (int state = 0; state <= static_cast<int>(State::kFailed); ++state)
    EXPECT_STRNE(DialogueStateText(static_cast<State>(state)), "");
  for (int fault = 0; fault <= static_cast<int>(Fault::kBytesAfterReply); ++fault)
    EXPECT_STRNE(DialogueFaultText(static_cast<Fault>(fault)), "");
}

}  // namespace
}  // namespace ampdp
