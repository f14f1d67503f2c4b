// Attribute lines by their names; see the header.
#include "tools/anonymise/scan_text.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "tools/anonymise/envelope.h"
#include "tools/anonymise/escaped_text.h"
#include "tools/anonymise/field_text.h"
#include "tools/anonymise/header_field.h"
#include "tools/anonymise/host_names.h"
#include "tools/anonymise/known_words.h"

namespace anonymise {
namespace {

using Rewriter = void (*)(const Pseudonyms&, Octets);

void RewriteKeywords(const Pseudonyms& pseudonyms, Octets value) {
  constexpr std::size_t kNumberBytesMax = 10;
  RewriteText(
      pseudonyms, value, {.keep = kScannerWords, .keep_digits = value.size() <= kNumberBytesMax});
}

void RewriteIds(const Pseudonyms& pseudonyms, Octets value) {
  pseudonyms.ReplaceWords(WordKind::kQueueId, value);
}

// Names of policies, commas between them.
void RewriteBanks(const Pseudonyms& pseudonyms, Octets value) {
  std::size_t at = 0;
  while (at < value.size()) {
    const std::size_t end = std::min(View(value).find(',', at), value.size());
    RewriteMacro(pseudonyms, "daemon_name", value.subspan(at, end - at));
    at = end + 1;
  }
}

void RewriteWords(const Pseudonyms& pseudonyms, Octets value) {
  RewriteText(pseudonyms, value, {.hosts = true});
}

struct Row {
  std::string_view name;
  Rewriter rewrite;
};

constexpr Row kAttributes[] = {
    {"addrcpt", RewriteAddress},
    {"client_address", ReplaceHost},
    {"client_name", RewriteHostName},
    {"client_port", RewriteKeywords},
    {"client_source", RewriteKeywords},
    {"delivery_care_of", RewriteKeywords},
    {"delrcpt", RewriteAddress},
    {"exit_code", RewriteKeywords},
    {"helo_name", RewriteHostName},
    {"log_id", RewriteIds},
    {"mail_file", RewritePath},
    {"mail_id", RewriteIds},
    {"partition_tag", RewriteWords},
    {"policy_bank", RewriteBanks},
    {"protocol_name", RewriteKeywords},
    {"quar_type", RewriteWords},
    {"quarantine", RewriteReply},
    {"queue_id", RewriteIds},
    {"recipient", RewriteAddress},
    {"request", RewriteKeywords},
    {"requested_by", RewriteAddress},
    {"return_value", RewriteKeywords},
    {"secret_id", RewriteIds},
    {"sender", RewriteAddress},
    {"setreply", RewriteReply},
    {"tempdir", RewritePath},
    {"tempdir_removed_by", RewriteKeywords},
    {"version_client", RewriteKeywords},
    {"version_server", RewriteKeywords},
};

// Their values are fields between bare blanks: "index name body" or "name body".
struct EditRow {
  std::string_view name;
  bool has_index;
};
constexpr EditRow kHeaderEdits[] = {
    {"addheader", false}, {"chgheader", true}, {"delheader", true}, {"insheader", true}};

template <typename Table>
auto Find(const Table& table, std::string_view name) {
  return std::find_if(
      std::begin(table), std::end(table), [name](const auto& row) { return row.name == name; });
}

// The field that begins at `*at`, up to a blank.
Octets TakeField(Octets value, std::size_t* at) {
  const std::size_t begin = std::min(*at, value.size());
  const std::size_t end = std::min(View(value).find(' ', begin), value.size());
  *at = end + 1;
  return value.subspan(begin, end - begin);
}

void RewriteHeaderEdit(const Pseudonyms& pseudonyms, bool has_index, Octets value) {
  std::size_t at = 0;
  if (has_index) RewriteKeywords(pseudonyms, TakeField(value, &at));
  const Octets name = TakeField(value, &at);
  EscapedText escaped('%');
  escaped.Decode(View(name));
  const std::string original(View(escaped.octets()));
  RewriteHeaderName(pseudonyms, escaped.octets());
  escaped.Encode(name);
  if (at >= value.size()) return;
  const Octets body = value.subspan(at);
  escaped.Decode(View(body));
  RewriteHeaderValue(pseudonyms, original, escaped.octets());
  escaped.Encode(body);
}

void RewriteLine(const Pseudonyms& pseudonyms, Octets line) {
  const std::size_t equals = View(line).find('=');
  if (equals == std::string_view::npos) return RewriteWords(pseudonyms, line);
  const Octets name = line.first(equals);
  const Octets value = line.subspan(equals + 1);
  const auto* const edit = Find(kHeaderEdits, View(name));
  if (edit != std::end(kHeaderEdits)) return RewriteHeaderEdit(pseudonyms, edit->has_index, value);
  const auto* const row = Find(kAttributes, View(name));
  const bool known = row != std::end(kAttributes);
  EscapedText escaped('%');
  escaped.Decode(View(value));
  (known ? row->rewrite : RewriteWords)(pseudonyms, escaped.octets());
  escaped.Encode(value);
  if (!known) pseudonyms.ReplaceWords(WordKind::kHeaderName, name);
}

}  // namespace

void RewriteScanText(const Pseudonyms& pseudonyms, Octets block) {
  std::size_t at = 0;
  while (at < block.size()) {
    const std::size_t end = std::min(View(block).find('\n', at), block.size());
    std::size_t line_end = end;
    if (line_end > at && block[line_end - 1] == '\r') --line_end;
    RewriteLine(pseudonyms, block.subspan(at, line_end - at));
    at = end + 1;
  }
}

}  // namespace anonymise
