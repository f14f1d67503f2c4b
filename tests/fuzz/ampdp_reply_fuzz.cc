// Fuzzes the client's end: framing in two cuts, parsing, and writing what was parsed.
//
// Input:  first octet = where the buffer is cut (share of the size), rest = the reply.
// Checks: framing does not depend on the cut; a reply that parses was framed as complete (but for
//         the limits); what is written of it parses to the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ampdp/reply.h"
#include "ampdp/reply_reader.h"
#include "ampdp/reply_writer.h"
#include "engine/base/check.h"

namespace {

void CheckSame(const ampdp::Reply& a, const ampdp::Reply& b) {
  ENGINE_CHECK(a.verdict == b.verdict);
  ENGINE_CHECK(a.log_id == b.log_id);
  ENGINE_CHECK(a.setreply.text == b.setreply.text);
  ENGINE_CHECK(a.setreply.code == b.setreply.code);
  ENGINE_CHECK(a.edits.size() == b.edits.size());
  for (std::size_t i = 0; i < a.edits.size(); ++i) {
    ENGINE_CHECK(a.edits[i].kind == b.edits[i].kind);
    ENGINE_CHECK(a.edits[i].index == b.edits[i].index);
    ENGINE_CHECK(a.edits[i].name == b.edits[i].name);
    ENGINE_CHECK(a.edits[i].value == b.edits[i].value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ampdp::ReplyLimits limits{.bytes_max = 4096, .line_bytes_max = 256, .attributes_max = 64};
  ampdp::ReplyReader whole(limits);
  ampdp::ReplyReader cut(limits);
  const ampdp::BlockStatus status = whole.Scan(wire);
  (void)cut.Scan(wire.substr(0, wire.size() * data[0] / 255));
  ENGINE_CHECK(cut.Scan(wire) == status);
  ENGINE_CHECK(cut.block_bytes() == whole.block_bytes());

  engine::BlockPool pool(engine::kMiB);
  engine::Arena arena(pool, engine::kMiB);
  std::string buffer(wire);
  ampdp::Reply reply;
  const ampdp::ReplyError error = ampdp::ParseReply(buffer, arena, &reply);
  if (!error.ok()) {
    char text[ampdp::kReplyErrorTextBytes];
    ENGINE_CHECK(!ampdp::ReplyErrorText(error, text).empty());
    ENGINE_CHECK(error.line >= 1 && error.column >= 1);
    return 0;
  }
  ENGINE_CHECK(status != ampdp::BlockStatus::kNeedMore);
  std::string written(ampdp::ReplyBytes(reply), '\0');
  ENGINE_CHECK(ampdp::WriteReply(reply, written) == written.size());
  ampdp::Reply again;
  ENGINE_CHECK(ampdp::ParseReply(written, arena, &again).ok());
  CheckSame(reply, again);
  return 0;
}
