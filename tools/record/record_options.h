// The command line of millrace-record; its page is millrace-record(8).
//
// Exactly one thing is done: record (--listen, --listen-ampdp), copy (--in with --out), import,
// generate, export, or --info. What belongs to another is refused, not ignored.
#ifndef MILLRACE_TOOLS_RECORD_RECORD_OPTIONS_H_
#define MILLRACE_TOOLS_RECORD_RECORD_OPTIONS_H_

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/make_loop.h"
#include "tools/record/generate.h"
#include "tools/record/import.h"
#include "tools/record/proxy.h"
#include "tools/record/trace_copy.h"

namespace record {

// Of the anonymiser's key: what is shorter can be tried out.
inline constexpr std::size_t kKeyBytesMin = 12;
inline constexpr std::size_t kKeyBytesMax = 4096;

enum class Action : std::uint8_t {
  kNone,
  kRecord,
  kCopy,
  kImport,
  kGenerate,
  kExportEml,
  kExportJson,
  kInfo,
  kHelp,
  kVersion,
};

struct RecordOptions {
  Action action = Action::kNone;
  // Recording; addresses as text, the program resolves them.
  std::vector<std::string> listen{};
  std::string milter{};
  std::vector<std::string> listen_ampdp{};
  std::string amavisd{};
  ForwardMode forward = ForwardMode::kAuto;
  engine::IoChoice io = engine::IoChoice::kAuto;
  mode_t socket_mode = 0660;
  std::size_t buffer_bytes = kBufferBytesDefault;
  engine::Time drain = kDrainDefault;
  std::uint32_t connections_max = 0;
  bool sync = false;
  bool verbose = false;
  // Files.
  std::string in{};
  std::string out{};
  bool append = false;
  bool force = false;
  std::uint32_t level = 3;
  std::vector<std::string> kept_domains{};
  std::string key{};  // of --anonymise, or what the file of --anonymise-key-file holds
  bool anonymise = false;
  CopyChoice choice{};
  ImportOptions import{};
  GenerateOptions generate{};
  std::string export_eml{};
  std::string export_json{};
  bool bodies = false;
  std::string info{};
  bool json = false;
};

// Reads the arguments (without the program's name), and the key's file. kInvalidArgument: the
// command line is wrong (exit 64); others: the key's file could not be read (exit 66).
absl::StatusOr<RecordOptions> ParseRecordOptions(std::span<const std::string> arguments);

// What --help prints.
std::string RecordUsage();

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RECORD_OPTIONS_H_
