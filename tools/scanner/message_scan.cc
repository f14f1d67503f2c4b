// Walks over the MIME structure; the limits are in the header.
#include "tools/scanner/message_scan.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "engine/base/absl_text.h"
#include "tools/scanner/mime_decode.h"
#include "tools/scanner/signatures.h"

namespace scanner {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";

bool SameText(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(engine::ToAbsl(a), engine::ToAbsl(b));
}

bool BeginsWith(std::string_view text, std::string_view prefix) {
  return absl::StartsWithIgnoreCase(engine::ToAbsl(text), engine::ToAbsl(prefix));
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

// The line at `at` with its line end.
std::string_view LineAt(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('\n', at);
  return text.substr(at, end == std::string_view::npos ? end : end + 1 - at);
}

bool IsEmptyLine(std::string_view line) {
  return line == "\n" || line == "\r\n";
}

// The field that begins at `at`, with its folded lines.
std::string_view FieldAt(std::string_view text, std::size_t at) {
  std::size_t end = at + LineAt(text, at).size();
  while (end < text.size() && (text[end] == ' ' || text[end] == '\t'))
    end += LineAt(text, end).size();
  return text.substr(at, end - at);
}

// The value of a parameter of Content-Type: quoted or not; empty when absent.
std::string_view Parameter(std::string_view value, std::string_view name) {
  for (std::size_t at = value.find(';'); at != std::string_view::npos; at = value.find(';', at)) {
    const std::string_view rest = Trim(value.substr(++at));
    if (!BeginsWith(rest, name)) continue;
    const std::string_view after = Trim(rest.substr(name.size()));
    if (!after.starts_with('=')) continue;
    const std::string_view text = Trim(after.substr(1));
    if (text.starts_with('"')) return text.substr(1, text.find('"', 1) - 1);
    return text.substr(0, text.find_first_of("; \t\r\n"));
  }
  return {};
}

}  // namespace

// A header and a body; views into the message.
struct MessageScan::Entity {
  std::string_view content_type{};
  std::string_view encoding{};
  std::optional<std::string_view> subject{};
  std::string_view body{};
};

MessageScan::MessageScan() : eicar_(EicarSignature()), gtube_(GtubeSignature()) {}

Findings MessageScan::Run(std::string_view message) {
  findings_ = {};
  parts_ = 0;
  Search(message);
  const Entity top = Split(message);
  if (top.subject) findings_.subject = std::string(*top.subject);
  Walk(message, 0);
  return std::move(findings_);
}

void MessageScan::Search(std::string_view octets) {
  findings_.eicar = findings_.eicar || octets.find(eicar_) != std::string_view::npos;
  findings_.gtube = findings_.gtube || octets.find(gtube_) != std::string_view::npos;
}

MessageScan::Entity MessageScan::Split(std::string_view text) {
  Entity entity;
  std::size_t at = 0;
  while (at < text.size() && !IsEmptyLine(LineAt(text, at))) {
    const std::string_view field = FieldAt(text, at);
    at += field.size();
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = Trim(field.substr(0, colon));
    const std::string_view value = Trim(field.substr(colon + 1));
    if (SameText(name, "Content-Type") && entity.content_type.empty()) entity.content_type = value;
    if (SameText(name, "Content-Transfer-Encoding")) entity.encoding = value;
    if (SameText(name, "Subject") && !entity.subject) entity.subject = value;
  }
  if (at < text.size()) entity.body = text.substr(at + LineAt(text, at).size());
  return entity;
}

void MessageScan::Walk(std::string_view text, std::size_t depth) {
  if (depth >= kDepthMax || ++parts_ > kPartsMax) return;
  const Entity entity = Split(text);
  const std::string_view boundary = BeginsWith(entity.content_type, "multipart/")
                                        ? Parameter(entity.content_type, "boundary")
                                        : std::string_view();
  if (!boundary.empty()) return WalkParts(entity.body, boundary, depth + 1);
  if (SameText(entity.encoding, "base64")) {
    DecodeBase64(entity.body, &decoded_);
    Search(decoded_);
  } else if (SameText(entity.encoding, "quoted-printable")) {
    DecodeQuotedPrintable(entity.body, &decoded_);
    Search(decoded_);
  } else if (BeginsWith(entity.content_type, "message/rfc822")) {
    Walk(entity.body, depth + 1);
  }
}

void MessageScan::WalkParts(std::string_view body, std::string_view boundary, std::size_t depth) {
  std::size_t part_start = std::string_view::npos;
  std::size_t at = 0;
  while (at < body.size()) {
    const std::string_view line = LineAt(body, at);
    const bool delimiter = line.starts_with("--") && line.substr(2).starts_with(boundary);
    const std::string_view rest =
        delimiter ? Trim(line.substr(2 + boundary.size())) : std::string_view();
    if (delimiter && (rest.empty() || rest == "--")) {
      if (part_start != std::string_view::npos)
        Walk(body.substr(part_start, at - part_start), depth);
      if (!rest.empty()) return;
      part_start = at + line.size();
    }
    at += line.size();
  }
  if (part_start != std::string_view::npos) Walk(body.substr(part_start), depth);
}

}  // namespace scanner
