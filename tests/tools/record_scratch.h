// A folder for one test, and traces in it: made by the importer, read back as transactions.
#ifndef MILLRACE_TESTS_TOOLS_RECORD_SCRATCH_H_
#define MILLRACE_TESTS_TOOLS_RECORD_SCRATCH_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/record/import.h"
#include "tools/record/record_json.h"
#include "tools/record/trace_walk.h"

namespace record {

class RecordScratch {
 public:
  RecordScratch();
  ~RecordScratch();
  RecordScratch(const RecordScratch&) = delete;
  RecordScratch& operator=(const RecordScratch&) = delete;

  std::string Path(std::string_view name) const;
  void Write(std::string_view name, std::string_view text) const;

 private:
  std::string folder_;
};

// The transactions of a trace, in the order of the file.
struct Exported {
  WalkResult walk{};
  std::vector<ExportedTransaction> messages{};
};
Exported ReadTrace(const std::string& path);

// Into "import.trace" of the folder, anew.
Exported ImportToTrace(const RecordScratch& scratch, ImportOptions options, ImportResult* result);

// Into `name` of the folder: made-up traffic.
void GenerateToTrace(const RecordScratch& scratch,
                     std::string_view name,
                     const GenerateOptions& options);

// Envelope, header, body, client: all that a message is, but not its time.
bool SameMessage(const ImportedMessage& a, const ImportedMessage& b);

}  // namespace record

#endif  // MILLRACE_TESTS_TOOLS_RECORD_SCRATCH_H_
