// Writes a plain trace of the golden sessions to the file named, and what is in it to the standard
// output; trace_format_check.py reads the file by itself and compares.
#include <cstdio>
#include <string>
#include <utility>

#include "tests/tools/trace_samples.h"

namespace trace {
namespace {

void Say(const Record& record) {
  std::printf("%s\n", Text(record).c_str());
}

bool WriteTrace(const std::string& path) {
  const auto writer = TraceWriter::Open(path, {.append = false, .level = 0});
  if (!writer.ok()) {
    std::fprintf(stderr, "%s\n", writer.status().ToString().c_str());
    return false;
  }
  TraceWriter& out = **writer;
  const MetaRecord meta{5, R"({"program":"trace_sample"})"};
  bool ok = out.Write(meta).ok();
  Say(meta);
  for (const milter::GoldenConnection& connection : milter::GoldenConnections()) {
    Kept kept;
    Observe(connection, 0, Ending::kServerClosed, kept);
    ok = ok && out.Write(kept.sessions[0]).ok();
    Say(kept.sessions[0]);
    for (std::size_t i = 0; i < kept.transactions.size(); ++i) {
      ok = ok && out.Write(kept.transactions[i], kept.bodies[i]).ok();
      Say(kept.transactions[i]);
    }
    ok = ok && out.Write(kept.closes[0]).ok();
    Say(kept.closes[0]);
  }
  ScanRecord scan = SampleScan();
  ok = ok && out.Write(scan, kSampleBody).ok();
  Say(scan);
  const EndRecord end{9, R"({"reason":"stopped"})"};
  ok = ok && out.Write(end).ok();
  Say(end);
  return ok;
}

}  // namespace
}  // namespace trace

int main(int argc, char** argv) {
  return argc == 2 && trace::WriteTrace(argv[1]) ? 0 : 1;
}
