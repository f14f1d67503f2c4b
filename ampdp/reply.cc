// Reads a reply line by line into one Reply; the faults and their positions are in the header.
#include "ampdp/reply.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "ampdp/framing.h"
#include "ampdp/line_cursor.h"

namespace ampdp {
namespace {

static_assert(kAttributesMax * sizeof(Edit) < engine::BlockPool::kBlockMaxBytes);

enum class Attribute : std::uint8_t {
  kVersionServer,
  kLogId,
  kSetReply,
  kDelRcpt,
  kAddRcpt,
  kDelHeader,
  kChgHeader,
  kInsHeader,
  kAddHeader,
  kQuarantine,
  kReplaceBody,
  kReturnValue,
  kExitCode,
  kUnknown,
};

// In the order of Attribute.
constexpr std::array<std::string_view, 13> kAttributeNames = {
    "version_server",
    "log_id",
    "setreply",
    "delrcpt",
    "addrcpt",
    "delheader",
    "chgheader",
    "insheader",
    "addheader",
    "quarantine",
    "replacebody",
    "return_value",
    "exit_code",
};
static_assert(kAttributeNames.size() == static_cast<std::size_t>(Attribute::kUnknown));

// In the order of Verdict and of EditKind.
constexpr std::array<const char*, 5> kVerdictTexts = {
    "continue", "accept", "reject", "discard", "tempfail"};
constexpr std::array<const char*, 7> kEditKindTexts = {
    "delrcpt", "addrcpt", "delheader", "chgheader", "insheader", "addheader", "quarantine"};

constexpr std::size_t kReplyCodeDigits = 3;
constexpr std::uint32_t kReplyCodeMin = 100;

class Parser {
 public:
  Parser(std::span<char> whole, engine::Arena& arena, Reply& reply) noexcept
      : whole_(whole), lines_(whole), arena_(arena), reply_(reply) {}

  ReplyError Run() noexcept;

 private:
  ReplyError Line() noexcept;
  ReplyError Finish() noexcept;
  ReplyError VersionServer() noexcept;
  ReplyError ReturnValue() noexcept;
  ReplyError SetReplyLine() noexcept;
  ReplyError HeaderEdit(EditKind kind, bool has_index) noexcept;
  ReplyError WholeValueEdit(EditKind kind) noexcept;
  ReplyError Add(const Edit& edit) noexcept;
  // Decodes `encoded`, a part of the line's value.
  ReplyError Decode(std::span<char> encoded, std::string_view* text) const noexcept;
  ReplyError Fault(ReplyFault fault, std::uint32_t column) const noexcept;
  ReplyError FaultAt(ReplyFault fault, const char* at) const noexcept {
    return Fault(fault, lines_.ColumnOf(at));
  }
  ReplyError LineFault(LineStep step) const noexcept;

  std::span<char> whole_;
  LineCursor lines_;
  engine::Arena& arena_;
  Reply& reply_;
  Attribute attribute_ = Attribute::kUnknown;
  std::span<Edit> edits_;
  std::size_t edit_count_ = 0;
  std::uint32_t verdict_line_ = 0;  // 0: none yet
  std::uint32_t verdict_column_ = 0;
};

Attribute AttributeOf(std::string_view name) noexcept {
  const auto* found = std::find(kAttributeNames.begin(), kAttributeNames.end(), name);
  return static_cast<Attribute>(found - kAttributeNames.begin());
}

// Line by line, for lines are long: a count octet by octet was a large part of the parsing.
std::size_t LinesIn(std::string_view text) noexcept {
  std::size_t lines = 0;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    ++lines;
  return lines;
}

ReplyError Parser::Run() noexcept {
  reply_ = Reply{};
  for (;;) {
    const LineStep step = lines_.Next();
    if (step == LineStep::kEnd) return Finish();
    attribute_ = Attribute::kUnknown;
    if (step != LineStep::kLine) return LineFault(step);
    attribute_ = AttributeOf(lines_.name());
    const ReplyError error = Line();
    if (!error.ok()) return error;
  }
}

ReplyError Parser::Line() noexcept {
  switch (attribute_) {
    case Attribute::kVersionServer: return VersionServer();
    case Attribute::kLogId: return Decode(lines_.value(), &reply_.log_id);
    case Attribute::kSetReply: return SetReplyLine();
    case Attribute::kDelRcpt: return WholeValueEdit(EditKind::kDelRcpt);
    case Attribute::kAddRcpt: return WholeValueEdit(EditKind::kAddRcpt);
    case Attribute::kDelHeader: return HeaderEdit(EditKind::kDelHeader, true);
    case Attribute::kChgHeader: return HeaderEdit(EditKind::kChgHeader, true);
    case Attribute::kInsHeader: return HeaderEdit(EditKind::kInsHeader, true);
    case Attribute::kAddHeader: return HeaderEdit(EditKind::kAddHeader, false);
    case Attribute::kQuarantine: return WholeValueEdit(EditKind::kQuarantine);
    case Attribute::kReplaceBody: return Fault(ReplyFault::kReplaceBody, 1);
    case Attribute::kReturnValue: return ReturnValue();
    case Attribute::kExitCode: return {};  // legacy: return_value says it
    case Attribute::kUnknown:
      if (reply_.unknown_attributes++ == 0) reply_.first_unknown = lines_.name();
      return {};
  }
  return {};
}

ReplyError Parser::Finish() noexcept {
  attribute_ = Attribute::kReturnValue;
  if (verdict_line_ == 0) return Fault(ReplyFault::kNoVerdict, 1);
  const bool goes_on = reply_.verdict == Verdict::kContinue || reply_.verdict == Verdict::kAccept;
  if (!goes_on && edit_count_ > 0) {
    return {.fault = ReplyFault::kEditsBesideVerdict,
            .line = verdict_line_,
            .column = verdict_column_,
            .attribute = kAttributeNames[static_cast<std::size_t>(attribute_)]};
  }
  reply_.edits = edits_.first(edit_count_);
  return {};
}

ReplyError Parser::VersionServer() noexcept {
  std::string_view text;
  const ReplyError error = Decode(lines_.value(), &text);
  if (!error.ok()) return error;
  if (!ParseNumber(text, UINT32_MAX, &reply_.version_server))
    return Fault(ReplyFault::kBadNumber, lines_.column());
  if (reply_.version_server > kServerVersionMax)
    return Fault(ReplyFault::kVersionTooHigh, lines_.column());
  return {};
}

ReplyError Parser::ReturnValue() noexcept {
  if (verdict_line_ != 0) return Fault(ReplyFault::kTwoVerdicts, 1);
  std::string_view text;
  const ReplyError error = Decode(lines_.value(), &text);
  if (!error.ok()) return error;
  const auto* found = std::find(kVerdictTexts.begin(), kVerdictTexts.end(), text);
  if (found == kVerdictTexts.end()) return Fault(ReplyFault::kUnknownVerdict, lines_.column());
  reply_.verdict = static_cast<Verdict>(found - kVerdictTexts.begin());
  verdict_line_ = lines_.line_number();
  verdict_column_ = lines_.column();
  return {};
}

ReplyError Parser::SetReplyLine() noexcept {
  std::span<char> rest = lines_.value();
  bool more = false;
  const std::span<char> code_field = TakeField(&rest, &more);
  std::string_view text;
  ReplyError error = Decode(code_field, &text);
  if (!error.ok()) return error;
  std::uint32_t code = 0;
  if (text.size() != kReplyCodeDigits || !ParseNumber(text, UINT16_MAX, &code) ||
      code < kReplyCodeMin) {
    return Fault(ReplyFault::kBadReplyCode, lines_.column());
  }
  SetReply setreply{.present = true, .code = static_cast<std::uint16_t>(code)};
  error = Decode(TakeField(&rest, &more), &setreply.enhanced);
  if (!error.ok()) return error;
  error = Decode(rest, &setreply.text);
  if (error.ok()) reply_.setreply = setreply;
  return error;
}

ReplyError Parser::HeaderEdit(EditKind kind, bool has_index) noexcept {
  std::span<char> rest = lines_.value();
  bool more = true;
  Edit edit{.kind = kind};
  if (has_index) {
    std::string_view text;
    const ReplyError error = Decode(TakeField(&rest, &more), &text);
    if (!error.ok()) return error;
    if (!ParseNumber(text, UINT32_MAX, &edit.index))
      return Fault(ReplyFault::kBadIndex, lines_.column());
  }
  // delheader has no body: all that is left is its name.
  const std::span<char> name = kind == EditKind::kDelHeader ? rest : TakeField(&rest, &more);
  if (name.empty()) return FaultAt(ReplyFault::kFieldMissing, name.data());
  ReplyError error = Decode(name, &edit.name);
  if (error.ok() && kind != EditKind::kDelHeader) error = Decode(rest, &edit.value);
  return error.ok() ? Add(edit) : error;
}

ReplyError Parser::WholeValueEdit(EditKind kind) noexcept {
  Edit edit{.kind = kind};
  const ReplyError error = Decode(lines_.value(), &edit.value);
  if (!error.ok()) return error;
  if (edit.value.empty()) return Fault(ReplyFault::kFieldMissing, lines_.column());
  return Add(edit);
}

ReplyError Parser::Add(const Edit& edit) noexcept {
  if (edits_.empty()) {
    // At most one edit a line: the lines that are left are an upper bound, so nothing grows later.
    const char* here = lines_.value().data();
    const char* end = whole_.data() + whole_.size();
    edits_ = arena_.MakeArray<Edit>(LinesIn({here, static_cast<std::size_t>(end - here)}));
  }
  if (edits_.empty()) return Fault(ReplyFault::kTooManyEdits, 1);
  edits_[edit_count_++] = edit;
  return {};
}

ReplyError Parser::Decode(std::span<char> encoded, std::string_view* text) const noexcept {
  const Decoded decoded = DecodeInPlace(encoded);
  if (!decoded.ok()) return FaultAt(ReplyFault::kBadEscape, encoded.data() + decoded.bad_at);
  *text = decoded.text;
  return {};
}

ReplyError Parser::Fault(ReplyFault fault, std::uint32_t column) const noexcept {
  ReplyError error{.fault = fault, .line = lines_.line_number(), .column = column};
  if (attribute_ != Attribute::kUnknown)
    error.attribute = kAttributeNames[static_cast<std::size_t>(attribute_)];
  return error;
}

ReplyError Parser::LineFault(LineStep step) const noexcept {
  const auto fault = [step] {
    switch (step) {
      case LineStep::kLine:
      case LineStep::kEnd: return ReplyFault::kNone;
      case LineStep::kNoEmptyLine: return ReplyFault::kNoEmptyLine;
      case LineStep::kBytesAfterEnd: return ReplyFault::kBytesAfterEnd;
      case LineStep::kNoEquals: return ReplyFault::kNoEquals;
      case LineStep::kNoName: return ReplyFault::kNoName;
      case LineStep::kBadEscape: return ReplyFault::kBadEscape;
    }
    return ReplyFault::kNone;
  }();
  return Fault(fault, lines_.column());
}

}  // namespace

ReplyError ParseReply(std::span<char> whole, engine::Arena& arena, Reply* reply) noexcept {
  const ReplyError error = Parser(whole, arena, *reply).Run();
  if (!error.ok()) *reply = Reply{};
  return error;
}

const char* ReplyFaultText(ReplyFault fault) noexcept {
  switch (fault) {
    case ReplyFault::kNone: return "no fault";
    case ReplyFault::kNoEmptyLine: return "ends before the empty line";
    case ReplyFault::kBytesAfterEnd: return "bytes after the empty line";
    case ReplyFault::kNoEquals: return "line without \"=\"";
    case ReplyFault::kNoName: return "line without a name";
    case ReplyFault::kBadEscape: return "\"%\" without two hex digits";
    case ReplyFault::kBadNumber: return "not a number";
    case ReplyFault::kVersionTooHigh: return "protocol version above 2";
    case ReplyFault::kBadReplyCode: return "reply code is not three digits";
    case ReplyFault::kBadIndex: return "header index is not a number";
    case ReplyFault::kFieldMissing: return "field missing";
    case ReplyFault::kUnknownVerdict: return "unknown return_value";
    case ReplyFault::kTwoVerdicts: return "second return_value";
    case ReplyFault::kNoVerdict: return "no return_value";
    case ReplyFault::kEditsBesideVerdict: return "edits beside a final return_value";
    case ReplyFault::kReplaceBody: return "replacebody is not supported";
    case ReplyFault::kTooManyEdits: return "more edits than there is room for";
  }
  return "";
}

std::string_view ReplyErrorText(const ReplyError& error, std::span<char> to) noexcept {
  if (to.empty()) return {};
  const bool named = !error.attribute.empty();
  const int written = std::snprintf(to.data(),
                                    to.size(),
                                    "line %u column %u: %s%s%.*s%s",
                                    error.line,
                                    error.column,
                                    ReplyFaultText(error.fault),
                                    named ? " (" : "",
                                    static_cast<int>(error.attribute.size()),
                                    error.attribute.data(),
                                    named ? ")" : "");
  const std::size_t length = written < 0 ? 0 : static_cast<std::size_t>(written);
  return {to.data(), std::min(length, to.size() - 1)};
}

const char* VerdictText(Verdict verdict) noexcept {
  return kVerdictTexts[static_cast<std::size_t>(verdict)];
}

const char* EditKindText(EditKind kind) noexcept {
  return kEditKindTexts[static_cast<std::size_t>(kind)];
}

}  // namespace ampdp
