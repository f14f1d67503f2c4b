// NAME.eml: header and body as a file, and back.
#include "absl/strings/str_cat.h"
#include "tools/record/marked_text.h"
#include "tools/record/message_json.h"
#include "tools/replay/transaction_set.h"

namespace record {
namespace {

bool SameFields(const std::vector<milter::HeaderField>& a,
                const std::vector<milter::HeaderField>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].value != b[i].value) return false;
  }
  return true;
}

}  // namespace

std::string MessageText(const milter::Transaction& transaction, bool* exact) {
  std::string plain;
  for (const milter::HeaderField& field : transaction.headers) {
    plain.append(field.name).append(":");
    for (const char c : field.value) {
      if (c == '\n') plain.push_back('\r');
      plain.push_back(c);
    }
    plain.append("\r\n");
  }
  absl::StrAppend(&plain, "\r\n", milter::BodyOf(transaction));
  milter::Transaction again;
  milter::SplitMessage(plain, &again);
  *exact =
      again.body != milter::BodyOf(transaction) || !SameFields(again.headers, transaction.headers);
  return WithMessageMarks(plain);
}

void SetMessageText(std::string_view text, std::size_t body_bytes, milter::Transaction* to) {
  milter::SplitMessage(replay::ExpandMarks(text), to);
  replay::FillBody(body_bytes, &to->body);
}

}  // namespace record
