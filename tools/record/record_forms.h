// The rules between the options of millrace-record: one action, and what belongs to it.
#ifndef MILLRACE_TOOLS_RECORD_RECORD_FORMS_H_
#define MILLRACE_TOOLS_RECORD_RECORD_FORMS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/command_line/option_table.h"
#include "tools/record/record_options.h"

namespace record {

// By the options that were given; errors name two that exclude each other.
absl::StatusOr<Action> ChooseAction(const command_line::OptionTable& table);

// What the action needs beyond what each option checks by itself.
absl::Status CheckOptions(const RecordOptions& options);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RECORD_FORMS_H_
