// The loop over what is found.
#include "tools/record/import.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/command_line/files.h"
#include "tools/command_line/program.h"
#include "tools/record/import_source.h"

namespace record {
namespace {

constexpr std::uint64_t kImportLane = 5;
// What stands between two messages that have no time.
constexpr std::uint64_t kNoTimeStepUs = 1'000'000;

class Importer {
 public:
  Importer(const ImportOptions& options, std::uint64_t first, TraceSink& sink, ImportResult* result)
      : options_(options),
        next_session_(first),
        sink_(sink),
        result_(result),
        random_(options.seed, kImportLane),
        last_us_(options.start_us) {}

  void LeaveOut(const absl::Status& status) {
    ++result_->left_out;
    if (result_->reasons.size() < kReasonsMax)
      result_->reasons.emplace_back(std::string(status.message()));
  }

  void Add(ImportedMessage&& message) {
    const std::uint64_t time_us = TimeOf(message);
    const bool same = !message.session_name.empty() && message.session_name == session_name_ &&
                      session_.script.transactions.size() < kImportSessionMessagesMax;
    if (!same) {
      Flush();
      session_.kind = message.kind;
      session_.connect_us = time_us;
      session_.script = std::move(message.session);
      session_name_ = std::move(message.session_name);
    }
    session_.message_us.push_back(time_us);
    session_.script.transactions.push_back(std::move(message.transaction));
  }

  void Flush() {
    const std::size_t messages = session_.script.transactions.size();
    if (messages == 0) return;
    if (PlaySession(session_, next_session_, sink_, nullptr)) {
      result_->imported += messages;
    } else {
      LeaveOut(absl::InvalidArgumentError(absl::StrCat(
          "session ", next_session_, ": envelope or header do not fit the protocol's packets")));
    }
    ++next_session_;
    session_ = {};
  }

 private:
  std::uint64_t TimeOf(const ImportedMessage& message) {
    if (options_.rate > 0) {
      if (any_) seconds_ += ArrivalGap(options_.arrivals, random_) / options_.rate;
      last_us_ = options_.start_us + static_cast<std::uint64_t>(seconds_ * 1e6);
    } else {
      last_us_ = message.time_us ? *message.time_us : last_us_ + (any_ ? kNoTimeStepUs : 0);
    }
    any_ = true;
    return last_us_;
  }

  const ImportOptions& options_;
  std::uint64_t next_session_;
  TraceSink& sink_;
  ImportResult* result_;
  RandomStream random_;
  PlayedSession session_;
  std::string session_name_;
  std::uint64_t last_us_;
  double seconds_ = 0;
  bool any_ = false;
};

}  // namespace

absl::Status Import(const ImportOptions& options,
                    std::uint64_t first_session,
                    TraceSink& sink,
                    ImportResult* result) {
  std::optional<EnvelopeTable> table;
  if (!options.envelope_file.empty()) {
    absl::StatusOr<std::string> text =
        command_line::ReadFile(options.envelope_file, kTableBytesMax);
    if (!text.ok()) return text.status();
    absl::StatusOr<EnvelopeTable> parsed = EnvelopeTable::Parse(*text);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(options.envelope_file, ": ", parsed.status().message()));
    }
    table = *std::move(parsed);
  }
  ImportSource source(options.paths, options.quoting);
  Importer importer(options, first_session, sink, result);
  FoundMessage found;
  absl::Status error;
  while (sink.status().ok() && !command_line::StopAsked()) {
    const ImportSource::Got got = source.Next(&found, &error);
    if (got == ImportSource::Got::kEnd) break;
    if (got == ImportSource::Got::kError) {
      importer.LeaveOut(error);
      continue;
    }
    const std::string name = found.name;
    absl::StatusOr<ImportedMessage> message =
        MakeImported(std::move(found), options.defaults, table ? &*table : nullptr);
    if (message.ok()) {
      importer.Add(*std::move(message));
    } else {
      importer.LeaveOut(
          absl::InvalidArgumentError(absl::StrCat(name, ": ", message.status().message())));
    }
  }
  importer.Flush();
  return sink.status();
}

}  // namespace record
