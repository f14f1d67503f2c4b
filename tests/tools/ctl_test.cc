// millracectl's texts: what people read, against the stored ones, and answers that are none.
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/net/listener.h"
#include "relay/control_answer.h"
#include "relay/control_server.h"
#include "tests/engine/temp_dir.h"
#include "tests/relay/made_snapshot.h"
#include "tools/ctl/answer_text.h"
#include "tools/ctl/control_client.h"
#include "tools/ctl/ctl_options.h"
#include "tools/ctl/text_table.h"

namespace ctl {
namespace {

TEST(CtlTextTest, IsAsStored) {
  for (const char* command : {"status", "queue", "scanners", "quota"}) {
    const absl::StatusOr<AnswerText> text =
        TextOf(relay::ControlAnswer(command, relay::MadeSnapshot()));
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(text->text, relay::GoldenControl(std::string(command) + ".txt", text->text));
  }
  const absl::StatusOr<AnswerText> quiet =
      TextOf(relay::ControlAnswer("status", relay::QuietSnapshot()));
  ASSERT_TRUE(quiet.ok()) << quiet.status();
  EXPECT_EQ(quiet->text, relay::GoldenControl("quiet-status.txt", quiet->text));
}

TEST(CtlTextTest, StatusSaysWhetherSomethingIsWrong) {
  EXPECT_TRUE(TextOf(relay::ControlAnswer("status", relay::MadeSnapshot()))->problems);
  EXPECT_FALSE(TextOf(relay::ControlAnswer("status", relay::QuietSnapshot()))->problems);
  EXPECT_FALSE(TextOf(relay::ControlAnswer("queue", relay::MadeSnapshot()))->problems);
}

TEST(CtlTextTest, WhatIsNoAnswerIsAnError) {
  for (const char* answer : {"", "{", "[]", "12", "null", "{\"format\":\"other\"}", "\xff\xff"})
    EXPECT_EQ(TextOf(answer).status().code(), absl::StatusCode::kInvalidArgument) << answer;
  EXPECT_EQ(TextOf("{\"format\":\"millrace-control\",\"version\":2}").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TextOf(relay::ControlError("no")).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// Members of the wrong kind, or none at all, are left out.
TEST(CtlTextTest, NothingInAnAnswerEndsTheProgram) {
  const std::string begin = "{\"format\":\"millrace-control\",\"version\":1,\"command\":\"";
  for (const char* command : {"status", "queue", "scanners", "quota"}) {
    for (const char* rest :
         {"\"}",
          "\",\"problems\":7,\"program\":[],\"sessions\":\"x\",\"groups\":3,\"times\":[1]}",
          "\",\"problems\":[1,{}],\"groups\":[null,{\"limit\":\"a\"}],\"times\":{\"wait\":2},"
          "\"scanners\":[[]],\"limits\":[{\"name\":1}],\"client_table\":{\"keys_limit\":3,\"used\":"
          "true},"
          "\"clients\":[1,[],{}],\"spool\":{\"directory\":[]},"
          "\"verdicts\":{\"a\":\"b\"},\"refusal_reasons\":{\"a\":1}}"}) {
      EXPECT_TRUE(TextOf(begin + command + rest).ok()) << command << rest;
    }
  }
}

TEST(CtlTextTest, TerminalsSeeNoControlCharacters) {
  relay::Snapshot now = relay::QuietSnapshot();
  now.spool.directory = "/a\x1b[2J\n\x07";
  const absl::StatusOr<AnswerText> text = TextOf(relay::ControlAnswer("status", now));
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->text.find("SPOOL /a[2J\n"), std::string::npos) << text->text;
}

TEST(CtlTableTest, NumbersForPeople) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1000), "1,000");
  EXPECT_EQ(CountText(12345678), "12,345,678");
  EXPECT_EQ(CountText(-1234), "-1,234");
  EXPECT_EQ(SizeText(1023), "1023 B");
  EXPECT_EQ(SizeText(1536), "1.50 KiB");
  EXPECT_EQ(SizeText(64.0 * 1024 * 1024), "64.0 MiB");
  EXPECT_EQ(SecondsText(0), "0 s");
  EXPECT_EQ(SecondsText(0.00025), "0.25 ms");
  EXPECT_EQ(SecondsText(0.012), "12.0 ms");
  EXPECT_EQ(SecondsText(1.5), "1.50 s");
  EXPECT_EQ(SecondsText(200), "3 min 20 s");
  EXPECT_EQ(SecondsText(7300), "2 h 1 min");
  EXPECT_EQ(SecondsText(277'205), "3 d 5 h");
}

TEST(CtlTableTest, ColumnsLineUp) {
  TextTable table(1);
  table.Row({"a", "1,000"}, "remark");
  table.Row({"longer", "5"});
  table.Row({"b"});
  EXPECT_EQ(table.Text(), " a        1,000   remark\n longer       5\n b\n");
}

absl::Status Take(const std::vector<std::string>& words, CtlOptions* options) {
  std::vector<std::string> positional;
  command_line::OptionTable table = MakeOptionTable(options, &positional);
  absl::Status status = table.Parse(words);
  return status.ok() ? TakeCommand(positional, options) : status;
}

TEST(CtlOptionsTest, OneCommand) {
  CtlOptions options;
  EXPECT_TRUE(Take({"queue", "--json", "--socket", "unix:/a/b"}, &options).ok());
  EXPECT_EQ(options.command, "queue");
  EXPECT_EQ(options.socket, "/a/b");
  EXPECT_TRUE(options.json);
  EXPECT_NE(std::string(Take({}, &options).message()).find("no command"), std::string::npos);
  EXPECT_NE(std::string(Take({"stats"}, &options).message()).find("unknown command 'stats'"),
            std::string::npos);
  EXPECT_FALSE(Take({"status", "queue"}, &options).ok());
  EXPECT_TRUE(Take({"quota", "--limit", "5"}, &options).ok());
  EXPECT_EQ(options.command, "quota 5");
  EXPECT_FALSE(Take({"status", "--limit", "5"}, &options).ok());
  EXPECT_FALSE(Take({"quota", "--limit", "1001"}, &options).ok());
}

TEST(CtlOptionsTest, TheManPageHasEveryCommandAndOption) {
  std::ifstream file("packaging/man/millracectl.8");
  ASSERT_TRUE(file) << "run from the source folder";
  std::ostringstream page;
  page << file.rdbuf();
  for (const char* word :
       {"status", "queue", "scanners", "quota", "-json", "-limit", "-socket", "EXIT"})
    EXPECT_NE(page.str().find(word), std::string::npos) << word;
}

TEST(CtlClientTest, ErrorsNameTheSocketAndWhatToLookAt) {
  const engine::TempDir dir;
  const absl::Status none = Ask(dir / "none", "status").status();
  EXPECT_EQ(none.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(none.message()).find(dir / "none"), std::string::npos) << none;
  EXPECT_NE(std::string(none.message()).find("--check-config"), std::string::npos) << none;
  EXPECT_EQ(Ask(std::string(200, 'x'), "status").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CtlClientTest, AsksAServer) {
  const engine::TempDir dir;
  absl::StatusOr<engine::Listener> listener =
      engine::Listener::Open(*engine::ParseAddress("unix:" + (dir / "s")), {.mode = 0600});
  ASSERT_TRUE(listener.ok()) << listener.status();
  const relay::MadeSource source;
  absl::StatusOr<std::unique_ptr<relay::ControlServer>> server =
      relay::ControlServer::Start(listener->fd(), source);
  ASSERT_TRUE(server.ok()) << server.status();
  const absl::StatusOr<std::string> answer = Ask(dir / "s", "quota");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, relay::ControlAnswer("quota", relay::MadeSnapshot()));
}

}  // namespace
}  // namespace ctl
