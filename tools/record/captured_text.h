// The words for what became of a body and how a session ended, as reports and exports say them.
#ifndef MILLRACE_TOOLS_RECORD_CAPTURED_TEXT_H_
#define MILLRACE_TOOLS_RECORD_CAPTURED_TEXT_H_

#include "tools/trace/record.h"

namespace record {

// "whole", "none", "late", "unreadable", "too large". Static.
const char* CapturedText(trace::Captured captured);
// "QUIT", "closed by the mail server", ... Static.
const char* EndingText(trace::Ending ending);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_CAPTURED_TEXT_H_
