// Files are opened, the work is done by the classes beside this file, the result is told.
#include "tools/record/actions.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/command_line/program.h"
#include "tools/record/export.h"
#include "tools/record/info.h"
#include "tools/record/out_trace.h"
#include "tools/record/record_json.h"
#include "tools/record/trace_sink.h"

namespace record {
namespace {

using command_line::Code;
using command_line::Exit;

constexpr const char* kName = "millrace-record";

int Fail(const absl::Status& status, Exit exit) {
  return command_line::Fail(kName, status, exit);
}

std::uint64_t NowUs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

absl::Status WriteMeta(trace::TraceWriter& writer,
                       RecordFilter* filter,
                       std::uint64_t time_us,
                       std::string json) {
  trace::MetaRecord meta{.time_us = time_us, .json = std::move(json)};
  if (filter != nullptr) filter->Rewrite(meta);
  return writer.Write(meta);
}

absl::Status WriteEnd(trace::TraceWriter& writer, std::uint64_t time_us, const TraceSink& sink) {
  const char* reason = command_line::StopAsked() ? "stopped" : "done";
  const trace::EndRecord end{.time_us = time_us,
                             .json = EndJson(reason, sink.sessions(), sink.transactions())};
  return writer.Write(end);
}

// Once all is written. What was stopped half-way replaces nothing.
absl::Status Keep(const RecordOptions& options, OutTrace& out) {
  if (command_line::StopAsked() && options.force)
    return absl::CancelledError(absl::StrCat("stopped: ", options.out, " is left as it was"));
  return out.Keep();
}

void PrintWritten(const trace::TraceWriter& writer,
                  const std::string& file,
                  const TraceSink& sink) {
  std::printf("%s: %llu sessions, %llu transactions, %llu octets of bodies in %llu octets\n",
              file.c_str(),
              static_cast<unsigned long long>(sink.sessions()),
              static_cast<unsigned long long>(sink.transactions()),
              static_cast<unsigned long long>(sink.body_bytes()),
              static_cast<unsigned long long>(writer.file_bytes()));
}

void PrintProblems(const WalkResult& walk) {
  for (const std::string& problem : walk.problems)
    std::fprintf(stderr, "%s: %s\n", kName, problem.c_str());
}

absl::StatusOr<std::unique_ptr<trace::TraceReader>> OpenIn(const std::string& path) {
  return trace::TraceReader::Open(path);
}

const char* ModelText(ModelName model) {
  switch (model) {
    case ModelName::kMail: return "mail";
    case ModelName::kSmall: return "small";
    case ModelName::kLarge: return "large";
  }
  return "";
}

void PrintLeftOut(const ImportResult& result) {
  for (const std::string& reason : result.reasons)
    std::fprintf(stderr, "%s: left out: %s\n", kName, reason.c_str());
  if (result.left_out > result.reasons.size()) {
    std::fprintf(stderr,
                 "%s: left out: %llu more\n",
                 kName,
                 static_cast<unsigned long long>(result.left_out - result.reasons.size()));
  }
}

// The writer's errors, but for a stop, are the output's.
int FailWriting(const absl::Status& status) {
  return Fail(status, absl::IsCancelled(status) ? Exit::kTrouble : Exit::kOutput);
}

}  // namespace

int RunImport(const RecordOptions& options, RecordFilter* filter) {
  absl::StatusOr<OutTrace> out = OutTrace::Open(options);
  if (!out.ok()) return Fail(out.status(), Exit::kOutput);
  trace::TraceWriter& writer = out->writer();
  const std::uint64_t now_us = NowUs();
  absl::Status status = WriteMeta(writer, filter, now_us, MetaJson("import", now_us, {}));
  TraceSink sink(writer, filter);
  ImportResult result;
  if (status.ok()) status = Import(options.import, writer.last_session() + 1, sink, &result);
  PrintLeftOut(result);
  if (!sink.status().ok()) return Fail(sink.status(), Exit::kOutput);
  if (!status.ok()) return Fail(status, Exit::kInput);
  status = WriteEnd(writer, now_us, sink);
  if (status.ok() && result.imported == 0)
    return Fail(absl::NotFoundError("nothing could be imported"), Exit::kInput);
  if (status.ok()) status = Keep(options, *out);
  if (!status.ok()) return FailWriting(status);
  PrintWritten(writer, options.out, sink);
  return Code(result.left_out == 0 ? Exit::kOk : Exit::kTrouble);
}

int RunGenerate(const RecordOptions& options, RecordFilter* filter) {
  absl::StatusOr<OutTrace> out = OutTrace::Open(options);
  if (!out.ok()) return Fail(out.status(), Exit::kOutput);
  trace::TraceWriter& writer = out->writer();
  const GenerateOptions& generate = options.generate;
  // Nothing of now is in it: the same options give the same file.
  const Pairs facts = {{"model", ModelText(generate.model)},
                       {"seed", absl::StrCat(generate.seed)},
                       {"rate", absl::StrCat(generate.rate)},
                       {"size_scale", absl::StrCat(generate.pool.scale)},
                       {"size_max", absl::StrCat(generate.pool.bytes_max)},
                       {"distinct_bodies", absl::StrCat(generate.pool.bodies)}};
  absl::Status status =
      WriteMeta(writer, filter, generate.start_us, MetaJson("synthetic", generate.start_us, facts));
  TraceSink sink(writer, filter);
  Generator generator(generate);
  PlayedSession session;
  std::uint64_t number = writer.last_session();
  std::uint64_t end_us = generate.start_us;
  std::uint64_t last_us = end_us;
  while (status.ok() && !command_line::StopAsked() && generator.Next(&session)) {
    static_cast<void>(PlaySession(session, ++number, sink, &end_us));
    last_us = std::max(last_us, end_us);
    status = sink.status();
  }
  if (status.ok()) status = WriteEnd(writer, last_us, sink);
  if (status.ok()) status = Keep(options, *out);
  if (!status.ok()) return FailWriting(status);
  PrintWritten(writer, options.out, sink);
  return Code(command_line::StopAsked() ? Exit::kTrouble : Exit::kOk);
}

int RunCopy(const RecordOptions& options, RecordFilter* filter) {
  absl::StatusOr<std::unique_ptr<trace::TraceReader>> reader = OpenIn(options.in);
  if (!reader.ok()) return Fail(reader.status(), Exit::kInput);
  // By another name, perhaps: --force would replace it by its own copy.
  std::error_code missing;
  if (std::filesystem::equivalent(options.in, options.out, missing)) {
    return command_line::FailUsage(kName,
                                   absl::InvalidArgumentError("--in and --out are the same file"));
  }
  absl::StatusOr<OutTrace> out = OutTrace::Open(options);
  if (!out.ok()) return Fail(out.status(), Exit::kOutput);
  const CopyResult result = CopyTrace(
      **reader, out->writer(), options.choice, filter, filter == nullptr ? "copy" : "anonymised");
  PrintProblems(result.walk);
  if (!result.walk.visitor.ok()) return Fail(result.walk.visitor, Exit::kOutput);
  const bool whole = result.walk.sound() && result.bodies_lost == 0;
  if (!whole && options.force && result.sessions == 0 && result.scans == 0) {
    return Fail(absl::DataLossError(absl::StrCat(
                    options.in, ": nothing could be read; ", options.out, " is left as it was")),
                Exit::kInput);
  }
  const absl::Status kept = Keep(options, *out);
  if (!kept.ok()) return FailWriting(kept);
  std::printf("%s: %llu sessions, %llu transactions, %llu scans copied\n",
              options.out.c_str(),
              static_cast<unsigned long long>(result.sessions),
              static_cast<unsigned long long>(result.transactions),
              static_cast<unsigned long long>(result.scans));
  if (whole) return Code(Exit::kOk);
  std::printf("%s: %s, mended: %llu records damaged, %llu bodies lost\n",
              options.in.c_str(),
              result.walk.cut ? "cut off" : "damaged",
              static_cast<unsigned long long>(result.walk.damaged),
              static_cast<unsigned long long>(result.bodies_lost));
  return Code(Exit::kTrouble);
}

int RunExport(const RecordOptions& options) {
  absl::StatusOr<std::unique_ptr<trace::TraceReader>> reader = OpenIn(options.in);
  if (!reader.ok()) return Fail(reader.status(), Exit::kInput);
  ExportResult result;
  if (options.action == Action::kExportEml) {
    result = ExportEml(**reader, options.export_eml);
  } else {
    absl::StatusOr<command_line::OutputFile> out =
        command_line::OutputFile::Open(options.export_json, options.force);
    if (!out.ok()) return Fail(out.status(), Exit::kOutput);
    result = ExportJson(**reader, *out, options.bodies);
    result.walk.visitor.Update(out->Close());
  }
  PrintProblems(result.walk);
  if (!result.walk.visitor.ok()) return Fail(result.walk.visitor, Exit::kOutput);
  std::fprintf(options.export_json == "-" ? stderr : stdout,
               "%s: %llu transactions exported, %llu left out\n",
               options.in.c_str(),
               static_cast<unsigned long long>(result.exported),
               static_cast<unsigned long long>(result.left_out));
  return Code(result.walk.sound() && result.left_out == 0 ? Exit::kOk : Exit::kTrouble);
}

int RunInfo(const RecordOptions& options) {
  absl::StatusOr<std::unique_ptr<trace::TraceReader>> reader = OpenIn(options.info);
  if (!reader.ok()) return Fail(reader.status(), Exit::kInput);
  const TraceInfo info = Inspect(**reader);
  const std::string text =
      options.json ? InfoJson(options.info, info) : InfoText(options.info, info);
  std::fputs(text.c_str(), stdout);
  return Code(info.walk.sound() ? Exit::kOk : Exit::kTrouble);
}

}  // namespace record
