// Replies as the scanner writes them.
#include "ampdp/reply_writer.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/ampdp/wire_fixture.h"

namespace ampdp {
namespace {

std::string Written(const Reply& reply) {
  std::string wire(ReplyBytes(reply), '?');
  EXPECT_EQ(WriteReply(reply, wire), wire.size());
  return wire;
}

TEST(ReplyWriterTest, WritesARejectLikeAmavisd) {
  Reply reply;
  reply.verdict = Verdict::kReject;
  reply.version_server = 2;
  reply.log_id = "19707-06";
  reply.setreply = {
      .present = true, .code = 554, .enhanced = "5.7.0", .text = "Reject, id=19707-06"};
  EXPECT_EQ(Written(reply),
            "version_server=2\r\nlog_id=19707-06\r\nsetreply=554 5.7.0 Reject,%20id=19707-06\r\n"
            "return_value=reject\r\nexit_code=69\r\n\r\n");
}

TEST(ReplyWriterTest, LeavesOutWhatIsNotSet) {
  EXPECT_EQ(Written(Reply{}), "return_value=tempfail\r\nexit_code=75\r\n\r\n");
}

TEST(ReplyWriterTest, ExitCodeFollowsFromTheVerdict) {
  Reply reply;
  reply.verdict = Verdict::kDiscard;
  EXPECT_EQ(Written(reply), "return_value=discard\r\nexit_code=99\r\n\r\n");
  reply.verdict = Verdict::kContinue;
  EXPECT_EQ(Written(reply), "return_value=continue\r\nexit_code=0\r\n\r\n");
  reply.verdict = Verdict::kAccept;
  EXPECT_EQ(Written(reply), "return_value=accept\r\nexit_code=0\r\n\r\n");
}

TEST(ReplyWriterTest, WhatItWritesReadsBackTheSame) {
  std::string every_octet;
  for (int octet = 0; octet < 256; ++octet)
    every_octet.push_back(static_cast<char>(octet));
  const std::array<Edit, 8> edits = {{
      {.kind = EditKind::kDelRcpt, .value = every_octet},
      {.kind = EditKind::kAddRcpt, .value = "<a b@c>"},
      {.kind = EditKind::kDelHeader, .index = 7, .name = "X y"},
      {.kind = EditKind::kChgHeader, .index = 1, .name = "subject", .value = every_octet},
      {.kind = EditKind::kInsHeader, .index = UINT32_MAX, .name = every_octet, .value = ""},
      {.kind = EditKind::kInsHeader, .index = 0, .name = "X", .value = " y "},
      {.kind = EditKind::kAddHeader, .name = "Z", .value = "a=b"},
      {.kind = EditKind::kQuarantine, .value = "why"},
  }};
  Reply reply;
  reply.verdict = Verdict::kContinue;
  reply.version_server = 2;
  reply.log_id = every_octet;
  reply.setreply = {.present = true, .code = 250, .enhanced = "2.5.0", .text = every_octet};
  reply.edits = edits;
  const std::string wire = Written(reply);
  const ParsedReply parsed(wire);
  ASSERT_TRUE(parsed.error.ok()) << ReplyFaultText(parsed.error.fault);
  EXPECT_EQ(parsed.reply.log_id, every_octet);
  EXPECT_EQ(parsed.reply.setreply.text, every_octet);
  ASSERT_EQ(parsed.reply.edits.size(), edits.size());
  for (std::size_t i = 0; i < edits.size(); ++i) {
    EXPECT_EQ(parsed.reply.edits[i].kind, edits[i].kind);
    EXPECT_EQ(parsed.reply.edits[i].index, edits[i].index);
    EXPECT_EQ(parsed.reply.edits[i].name, edits[i].name);
    EXPECT_EQ(parsed.reply.edits[i].value, edits[i].value);
  }
  EXPECT_EQ(Written(parsed.reply), wire);
}

}  // namespace
}  // namespace ampdp
