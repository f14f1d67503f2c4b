// Out and back in: the same messages, whatever is in them; copies, cut files.
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/record_scratch.h"
#include "tools/command_line/files.h"
#include "tools/record/actions.h"
#include "tools/record/export.h"
#include "tools/record/message_json.h"
#include "tools/record/trace_copy.h"
#include "tools/record/trace_sink.h"

namespace record {
namespace {

std::string WholeFile(const std::string& path) {
  return *command_line::ReadFile(path, 1U << 30);
}

// Two sessions of two messages, with everything that a message may have.
void WriteOddTrace(const RecordScratch& scratch, const std::string& name) {
  PlayedSession session;
  session.connect_us = kGenerateStartUs;
  session.script.client_address = "2001:db8::7";
  session.script.client_family = '6';
  session.script.client_port = 4711;
  session.script.macros = {{"j", "mx.test"}, {"v", "Postfix 3.7"}, {"daemon_name", "m\xf6x"}};
  milter::Transaction odd;
  odd.sender = {"<j\xf6rg@lab.test>", {"SIZE=3", "BODY=8BITMIME"}, {{"auth_authen", "u"}}};
  odd.recipients = {{"<a@b>", {"NOTIFY=NEVER"}, {{"rcpt_host", "h"}}}, {"<\"x <U+00\"@b>", {}, {}}};
  odd.headers = {{"Subject", " @EICAR@ <U+00e9> \xff"}, {"Folded", " a\n\tb"}, {"Empty", ""}};
  odd.body = "bare\rCR and LF\nand \0 no end";
  odd.queue_id = "QID1";
  milter::Transaction plain;
  plain.sender.address = "<>";
  plain.recipients = {{"<c@d>", {}, {}}};
  plain.headers = {{"Subject", " plain"}, {"Broken", " a\nno blank"}};
  plain.body = "text\r\n";
  plain.queue_id = "QID2";
  plain.helo = "again.test";
  session.script.transactions = {odd, plain};
  auto writer = trace::TraceWriter::Open(scratch.Path(name), {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  TraceSink sink(**writer, nullptr);
  ASSERT_TRUE(PlaySession(session, 1, sink, nullptr));
  session.script.transactions = {plain};
  ASSERT_TRUE(PlaySession(session, 2, sink, nullptr));
}

ExportResult Export(const RecordScratch& scratch, const std::string& from, const std::string& to) {
  auto reader = trace::TraceReader::Open(scratch.Path(from));
  EXPECT_TRUE(reader.ok()) << reader.status();
  return ExportEml(**reader, scratch.Path(to));
}

void ExpectSame(const Exported& a, const Exported& b) {
  ASSERT_EQ(a.messages.size(), b.messages.size());
  for (std::size_t i = 0; i < a.messages.size(); ++i) {
    EXPECT_TRUE(SameMessage(a.messages[i].message, b.messages[i].message)) << i;
    EXPECT_EQ(a.messages[i].session, b.messages[i].session);
    EXPECT_EQ(a.messages[i].index, b.messages[i].index);
  }
}

TEST(ExportTest, OddMessagesComeBack) {
  const RecordScratch scratch;
  WriteOddTrace(scratch, "odd");
  const ExportResult exported = Export(scratch, "odd", "eml");
  ASSERT_TRUE(exported.walk.visitor.ok()) << exported.walk.visitor;
  EXPECT_EQ(exported.exported, 3U);
  ImportOptions options;
  options.paths = {scratch.Path("eml")};
  ImportResult result;
  const Exported again = ImportToTrace(scratch, options, &result);
  EXPECT_EQ(result.left_out, 0U);
  ExpectSame(ReadTrace(scratch.Path("odd")), again);
}

TEST(ExportTest, MadeUpTrafficComesBack) {
  const RecordScratch scratch;
  GenerateOptions options{.messages = 60};
  options.pool.bytes_max = 100'000;
  GenerateToTrace(scratch, "made", options);
  ASSERT_TRUE(Export(scratch, "made", "eml").walk.visitor.ok());
  ImportOptions import;
  import.paths = {scratch.Path("eml")};
  ImportResult result;
  ExpectSame(ReadTrace(scratch.Path("made")), ImportToTrace(scratch, import, &result));
}

TEST(ExportTest, NothingIsOverwritten) {
  const RecordScratch scratch;
  WriteOddTrace(scratch, "odd");
  ASSERT_TRUE(Export(scratch, "odd", "eml").walk.visitor.ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Export(scratch, "odd", "eml").walk.visitor));
}

TEST(ExportTest, JsonLinesHaveAFormatAndALineATransaction) {
  const RecordScratch scratch;
  WriteOddTrace(scratch, "odd");
  auto reader = trace::TraceReader::Open(scratch.Path("odd"));
  auto out = command_line::OutputFile::Open(scratch.Path("lines"), false);
  const ExportResult exported = ExportJson(**reader, *out, true);
  ASSERT_TRUE(out->Close().ok());
  EXPECT_EQ(exported.exported, 3U);
  const std::string text = WholeFile(scratch.Path("lines"));
  EXPECT_TRUE(text.starts_with("{\"format\":\"millrace-transactions\",\"version\":1}\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_NE(text.find("\"queue_id\":\"QID2\""), std::string::npos);
  EXPECT_NE(text.find("\"outcome\":\"none\""), std::string::npos);
  EXPECT_NE(text.find("\"body\":\"dGV4dA0K\""), std::string::npos);
}

CopyResult Copy(const std::string& from, const std::string& to, const CopyChoice& choice) {
  auto reader = trace::TraceReader::Open(from);
  auto writer = trace::TraceWriter::Open(to, {});
  EXPECT_TRUE(reader.ok() && writer.ok());
  return CopyTrace(**reader, **writer, choice, nullptr, "copy");
}

TEST(CopyTest, ATraceIsNotReplacedByItsOwnCopy) {
  const RecordScratch scratch;
  WriteOddTrace(scratch, "a.trace");
  const std::string before = WholeFile(scratch.Path("a.trace"));
  RecordOptions options;
  options.in = scratch.Path("a.trace");
  options.out = scratch.Path("./a.trace");
  options.force = true;
  EXPECT_EQ(RunCopy(options, nullptr), 64);
  EXPECT_TRUE(WholeFile(scratch.Path("a.trace")) == before);
}

TEST(CopyTest, WhatIsNoFileIsNotReplaced) {
  const RecordScratch scratch;
  ASSERT_EQ(::mkfifo(scratch.Path("fifo").c_str(), 0600), 0);
  RecordOptions options;
  options.out = scratch.Path("fifo");
  options.force = true;
  options.generate.messages = 1;
  EXPECT_EQ(RunGenerate(options, nullptr), 73);
  struct stat after {};
  ASSERT_EQ(::lstat(options.out.c_str(), &after), 0);
  EXPECT_TRUE(S_ISFIFO(after.st_mode));
}

TEST(CopyTest, ACopyHasTheSameTransactions) {
  const RecordScratch scratch;
  WriteOddTrace(scratch, "odd");
  const CopyResult result = Copy(scratch.Path("odd"), scratch.Path("copy"), {});
  EXPECT_TRUE(result.walk.visitor.ok() && result.walk.sound());
  EXPECT_EQ(result.transactions, 3U);
  ExpectSame(ReadTrace(scratch.Path("odd")), ReadTrace(scratch.Path("copy")));
}

TEST(CopyTest, SessionsAreChosenByNumberAndTime) {
  const RecordScratch scratch;
  GenerateToTrace(scratch, "made", {.messages = 40, .model = ModelName::kSmall});
  const Exported all = ReadTrace(scratch.Path("made"));
  const CopyResult by_number =
      Copy(scratch.Path("made"), scratch.Path("n"), {.first_session = 3, .last_session = 5});
  EXPECT_EQ(by_number.sessions, 3U);
  for (const ExportedTransaction& each : ReadTrace(scratch.Path("n")).messages)
    EXPECT_TRUE(each.session >= 3 && each.session <= 5);
  const std::uint64_t middle_us = *all.messages[20].message.time_us;
  const CopyResult before =
      Copy(scratch.Path("made"), scratch.Path("before"), {.to_us = middle_us});
  const CopyResult after =
      Copy(scratch.Path("made"), scratch.Path("after"), {.from_us = middle_us});
  EXPECT_GT(before.sessions, 0U);
  EXPECT_GT(after.sessions, 0U);
  EXPECT_EQ(before.transactions + after.transactions, 40U);
}

TEST(CopyTest, ACutTraceIsMendedWhereverItWasCut) {
  const RecordScratch scratch;
  WriteOddTrace(scratch, "odd");
  const std::string whole = WholeFile(scratch.Path("odd"));
  std::uint64_t most = 0;
  for (std::size_t bytes = 24; bytes < whole.size(); bytes += 7) {
    const std::string cut = scratch.Path("cut");
    const std::string mended = scratch.Path("mended" + std::to_string(bytes));
    scratch.Write("cut", whole.substr(0, bytes));
    const CopyResult result = Copy(cut, mended, {});
    ASSERT_TRUE(result.walk.visitor.ok()) << result.walk.visitor;
    EXPECT_GE(result.transactions, most);
    most = std::max(most, result.transactions);
    EXPECT_TRUE(ReadTrace(mended).walk.sound());
  }
  EXPECT_GE(most, 2U);
}

}  // namespace
}  // namespace record
