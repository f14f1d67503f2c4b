// See the header.
#include "tools/record/captured_text.h"

namespace record {

const char* CapturedText(trace::Captured captured) {
  switch (captured) {
    case trace::Captured::kWhole: return "whole";
    case trace::Captured::kNone: return "none";
    case trace::Captured::kLate: return "late";
    case trace::Captured::kUnreadable: return "unreadable";
    case trace::Captured::kTooLarge: return "too large";
  }
  return "?";
}

const char* EndingText(trace::Ending ending) {
  switch (ending) {
    case trace::Ending::kQuit: return "quit";
    case trace::Ending::kServerClosed: return "closed by the mail server";
    case trace::Ending::kFilterClosed: return "closed by the filter";
    case trace::Ending::kFilterRefused: return "filter refused";
    case trace::Ending::kNotUnderstood: return "not understood";
    case trace::Ending::kRecorderClosed: return "recorder stopped";
  }
  return "?";
}

}  // namespace record
