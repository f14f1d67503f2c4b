// What millrace-record does once its command line is read, one function an action.
//
// Each prints what it did (on standard output, or on standard error where that carries data), and
// answers the exit status. Recording is proxy.h's.
#ifndef MILLRACE_TOOLS_RECORD_ACTIONS_H_
#define MILLRACE_TOOLS_RECORD_ACTIONS_H_

#include "tools/record/record_options.h"

namespace record {

int RunImport(const RecordOptions& options, RecordFilter* filter);
int RunGenerate(const RecordOptions& options, RecordFilter* filter);
int RunCopy(const RecordOptions& options, RecordFilter* filter);
int RunExport(const RecordOptions& options);
int RunInfo(const RecordOptions& options);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_ACTIONS_H_
