// millracectl: asks a running daemon what it is doing, and shows the answer.
//
// Exit status: 0 done; 1 `status`: the daemon names something that is wrong; 64 wrong command line;
// 66 no daemon there, or no answer that can be read.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace_build.h"
#include "tools/command_line/program.h"
#include "tools/ctl/answer_text.h"
#include "tools/ctl/control_client.h"
#include "tools/ctl/ctl_options.h"

namespace {

using command_line::Exit;

constexpr const char* kName = "millracectl";

int Show(const ctl::CtlOptions& options) {
  absl::StatusOr<std::string> answer = ctl::Ask(options.socket, options.command);
  if (!answer.ok()) return command_line::Fail(kName, answer.status(), Exit::kInput);
  absl::StatusOr<ctl::AnswerText> text = ctl::TextOf(*answer);
  if (!text.ok()) return command_line::Fail(kName, text.status(), Exit::kInput);
  std::fputs(options.json ? answer->c_str() : text->text.c_str(), stdout);
  return command_line::Code(text->problems ? Exit::kTrouble : Exit::kOk);
}

}  // namespace

int main(int argc, char** argv) {
  ctl::CtlOptions options;
  options.socket = millrace_build::kControlSocket;
  std::vector<std::string> words;
  command_line::OptionTable table = ctl::MakeOptionTable(&options, &words);
  absl::Status status = table.Parse(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) return command_line::FailUsage(kName, status);
  const std::string version(millrace_build::kVersion);
  if (command_line::AnsweredHelp(table, kName, version.c_str()))
    return command_line::Code(Exit::kOk);
  status = ctl::TakeCommand(words, &options);
  if (!status.ok()) return command_line::FailUsage(kName, status);
  return Show(options);
}
