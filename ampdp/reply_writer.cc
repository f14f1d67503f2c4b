// Walks over the attributes once for the length and once for the bytes, by the same code.
#include "ampdp/reply_writer.h"

#include <string_view>

#include "ampdp/attribute.h"
#include "ampdp/sink.h"

namespace ampdp {
namespace {

// The sysexits number that amavisd sends beside each verdict.
std::uint32_t ExitCode(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kContinue:
    case Verdict::kAccept: return 0;
    case Verdict::kReject: return 69;    // EX_UNAVAILABLE
    case Verdict::kDiscard: return 99;   // amavisd's own
    case Verdict::kTempfail: return 75;  // EX_TEMPFAIL
  }
  return 0;
}

template <typename Sink>
void WriteEdit(Sink& sink, const Edit& edit) noexcept {
  sink.Raw(EditKindText(edit.kind));
  sink.Raw("=");
  switch (edit.kind) {
    case EditKind::kDelRcpt:
    case EditKind::kAddRcpt:
    case EditKind::kQuarantine: sink.Encoded(edit.value); break;
    case EditKind::kDelHeader:
      sink.Raw(Decimal(edit.index).text());
      sink.Raw(" ");
      sink.Encoded(edit.name);
      break;
    case EditKind::kChgHeader:
    case EditKind::kInsHeader:
      sink.Raw(Decimal(edit.index).text());
      sink.Raw(" ");
      [[fallthrough]];
    case EditKind::kAddHeader:
      sink.Encoded(edit.name);
      sink.Raw(" ");
      sink.Encoded(edit.value);
      break;
  }
  sink.Raw("\r\n");
}

template <typename Sink>
void Walk(const Reply& reply, Sink& sink) noexcept {
  if (reply.version_server != 0) {
    sink.Raw("version_server=");
    sink.Raw(Decimal(reply.version_server).text());
    sink.Raw("\r\n");
  }
  if (!reply.log_id.empty()) {
    sink.Raw("log_id=");
    sink.Encoded(reply.log_id);
    sink.Raw("\r\n");
  }
  if (reply.setreply.present) {
    sink.Raw("setreply=");
    sink.Raw(Decimal(reply.setreply.code).text());
    sink.Raw(" ");
    sink.Encoded(reply.setreply.enhanced);
    sink.Raw(" ");
    sink.Encoded(reply.setreply.text);
    sink.Raw("\r\n");
  }
  for (const Edit& edit : reply.edits)
    WriteEdit(sink, edit);
  sink.Raw("return_value=");
  sink.Raw(VerdictText(reply.verdict));
  sink.Raw("\r\nexit_code=");
  sink.Raw(Decimal(ExitCode(reply.verdict)).text());
  sink.Raw("\r\n\r\n");
}

}  // namespace

std::size_t ReplyBytes(const Reply& reply) noexcept {
  CountingSink<Coding::kServer> counter;
  Walk(reply, counter);
  return counter.bytes();
}

std::size_t WriteReply(const Reply& reply, std::span<char> to) noexcept {
  WritingSink<Coding::kServer> writer(to);  // checks the room
  Walk(reply, writer);
  return static_cast<std::size_t>(writer.end() - to.data());
}

}  // namespace ampdp
