// Walks over the attributes once for the length and once for the bytes, by the same code.
#include "ampdp/reply_writer.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "ampdp/attribute.h"
#include "engine/base/check.h"

namespace ampdp {
namespace {

class Counter {
 public:
  void Raw(std::string_view text) noexcept { bytes_ += text.size(); }
  void Field(std::string_view text) noexcept { bytes_ += EncodedBytes(text, Coding::kServer); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

class Writer {
 public:
  explicit Writer(char* to) noexcept : to_(to) {}
  void Raw(std::string_view text) noexcept { to_ = std::copy(text.begin(), text.end(), to_); }
  void Field(std::string_view text) noexcept { to_ = Encode(text, Coding::kServer, to_); }
  const char* end() const noexcept { return to_; }

 private:
  char* to_;
};

template <typename Sink>
void Number(Sink& sink, std::uint32_t number) noexcept {
  char digits[10] = {};
  const char* end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  sink.Raw({digits, static_cast<std::size_t>(end - digits)});
}

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
    case EditKind::kQuarantine: sink.Field(edit.value); break;
    case EditKind::kDelHeader:
      Number(sink, edit.index);
      sink.Raw(" ");
      sink.Field(edit.name);
      break;
    case EditKind::kChgHeader:
    case EditKind::kInsHeader:
      Number(sink, edit.index);
      sink.Raw(" ");
      [[fallthrough]];
    case EditKind::kAddHeader:
      sink.Field(edit.name);
      sink.Raw(" ");
      sink.Field(edit.value);
      break;
  }
  sink.Raw("\r\n");
}

template <typename Sink>
void Walk(const Reply& reply, Sink& sink) noexcept {
  if (reply.version_server != 0) {
    sink.Raw("version_server=");
    Number(sink, reply.version_server);
    sink.Raw("\r\n");
  }
  if (!reply.log_id.empty()) {
    sink.Raw("log_id=");
    sink.Field(reply.log_id);
    sink.Raw("\r\n");
  }
  if (reply.setreply.present) {
    sink.Raw("setreply=");
    Number(sink, reply.setreply.code);
    sink.Raw(" ");
    sink.Field(reply.setreply.enhanced);
    sink.Raw(" ");
    sink.Field(reply.setreply.text);
    sink.Raw("\r\n");
  }
  for (const Edit& edit : reply.edits)
    WriteEdit(sink, edit);
  sink.Raw("return_value=");
  sink.Raw(VerdictText(reply.verdict));
  sink.Raw("\r\nexit_code=");
  Number(sink, ExitCode(reply.verdict));
  sink.Raw("\r\n\r\n");
}

}  // namespace

std::size_t ReplyBytes(const Reply& reply) noexcept {
  Counter counter;
  Walk(reply, counter);
  return counter.bytes();
}

std::size_t WriteReply(const Reply& reply, std::span<char> to) noexcept {
  ENGINE_CHECK(to.size() >= ReplyBytes(reply));
  Writer writer(to.data());
  Walk(reply, writer);
  return static_cast<std::size_t>(writer.end() - to.data());
}

}  // namespace ampdp
