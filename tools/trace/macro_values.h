// The pairs of MACRO packets, gathered for a script.
#ifndef MILLRACE_TOOLS_TRACE_MACRO_VALUES_H_
#define MILLRACE_TOOLS_TRACE_MACRO_VALUES_H_

#include <string>
#include <string_view>
#include <vector>

#include "milter/macros.h"
#include "milter/mta_transaction.h"

namespace trace {

// The first value of a name counts, but the last queue id (nullptr: it is a macro
// like others).
inline void AddMacros(std::string_view pairs,
                      std::vector<milter::MacroValue>* macros,
                      std::string* queue_id) {
  milter::MacroReader reader(pairs);
  milter::Macro macro;
  while (reader.Next(&macro)) {
    if (macro.name == "i" && queue_id != nullptr) {
      *queue_id = macro.value;
    } else if (milter::FindMacro(*macros, macro.name) == nullptr) {
      macros->push_back({std::string(macro.name), std::string(macro.value)});
    }
  }
}

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_MACRO_VALUES_H_
