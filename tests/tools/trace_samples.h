// For the trace tests: a folder of their own, sample records, and a sink that keeps what it is
// given.
#ifndef MILLRACE_TESTS_TOOLS_TRACE_SAMPLES_H_
#define MILLRACE_TESTS_TOOLS_TRACE_SAMPLES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/milter/golden.h"
#include "tools/trace/session_observer.h"
#include "tools/trace/trace_reader.h"
#include "tools/trace/trace_writer.h"

namespace trace {

// A new folder; removed with all that is in it.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string Contents(const std::string& path);
void SetContents(const std::string& path, std::string_view octets);

// Everything that a record holds, as text: equal when the records are.
std::string Text(const Record& record);

struct Kept final : RecordSink {
  void OnSession(SessionRecord&& record) override;
  void OnTransaction(TransactionRecord&& record, std::string&& body) override;
  void OnClose(CloseRecord&& record) override;

  std::vector<SessionRecord> sessions{};
  std::vector<TransactionRecord> transactions{};
  std::vector<std::string> bodies{};  // of the transactions
  std::vector<CloseRecord> closes{};
  std::string order{};  // 's', 't', 'c'
};

// Packets as both ends send them; `chunk_bytes` cuts each packet (0: whole packets). Each piece is
// a microsecond, from 1000 on; the end is one more.
void Observe(const milter::GoldenConnection& connection,
             std::size_t chunk_bytes,
             Ending ending,
             RecordSink& sink);

SessionRecord SampleSession();
TransactionRecord SampleTransaction();
CloseRecord SampleClose();
ScanRecord SampleScan();

// One record of each kind; the transaction and the scan share their body.
inline constexpr std::string_view kSampleBody = "Dear reader,\r\n\r\nthis is a body.\r\n";
void WriteSamples(TraceWriter& writer);
std::unique_ptr<TraceWriter> OpenWriter(const std::string& path, const WriterOptions& options = {});
std::unique_ptr<TraceReader> OpenReader(const std::string& path);

// The records up to the end or the first damage as texts, bodies as "body OCTETS" where a record
// refers to them; the last line is the ending's message, or "whole".
std::vector<std::string> ReadAll(const std::string& path);

}  // namespace trace

#endif  // MILLRACE_TESTS_TOOLS_TRACE_SAMPLES_H_
