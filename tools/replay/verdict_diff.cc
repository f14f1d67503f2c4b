// Codes, edits, texts: each compared by itself, told together.
#include "tools/replay/verdict_diff.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "engine/base/absl_text.h"
#include "tools/replay/transaction_set.h"

namespace replay {
namespace {

constexpr std::size_t kCodeDigits = 3;
constexpr std::size_t kEditsToldMax = 10;
constexpr std::size_t kRecipientsToldMax = 10;

bool IsDigit(char c) {
  return absl::ascii_isdigit(static_cast<unsigned char>(c));
}

// The length of an enhanced code ("5.7.1") that `text` begins with, or 0.
std::size_t EnhancedBytes(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at >= text.size() || text[at++] != '.')) return 0;
    const std::size_t digits = at;
    while (at < text.size() && IsDigit(text[at]))
      ++at;
    if (at == digits || at - digits > kCodeDigits) return 0;
  }
  return at == text.size() || text[at] == ' ' ? at : 0;
}

// "554 5.7.0" of a reply text, or what the mail server says by itself.
std::string CodesOf(const milter::TransactionResult& result) {
  const std::string_view text = result.reply_text;
  const bool has_code =
      text.size() >= kCodeDigits && IsDigit(text[0]) && IsDigit(text[1]) && IsDigit(text[2]);
  if (!has_code) {
    if (result.outcome == milter::Outcome::kRejected) return "550 5.7.1";
    return result.outcome == milter::Outcome::kTempfailed ? "451 4.7.1" : "";
  }
  std::string codes(text.substr(0, kCodeDigits));
  const std::string_view rest = text.substr(std::min(text.size(), kCodeDigits + 1));
  const std::size_t enhanced = EnhancedBytes(rest);
  if (enhanced > 0) absl::StrAppend(&codes, " ", engine::ToAbsl(rest.substr(0, enhanced)));
  return codes;
}

bool Refused(const milter::TransactionResult& result) {
  return result.outcome == milter::Outcome::kRejected ||
         result.outcome == milter::Outcome::kTempfailed;
}

// The places of refused recipients, from 1.
std::vector<std::size_t> RefusedRecipients(const milter::TransactionResult& result) {
  std::vector<std::size_t> refused;
  for (std::size_t i = 0; i < result.recipients_accepted.size(); ++i) {
    if (!result.recipients_accepted[i]) refused.push_back(i + 1);
  }
  return refused;
}

std::string PlacesText(std::vector<std::size_t> places) {
  if (places.empty()) return "none";
  const bool more = places.size() > kRecipientsToldMax;
  if (more) places.resize(kRecipientsToldMax);
  return absl::StrCat(absl::StrJoin(places, ","), more ? ",..." : "");
}

std::string RecipientDifference(const Verdict& recorded, const Verdict& played) {
  std::vector<std::size_t> before = RefusedRecipients(recorded.result);
  std::vector<std::size_t> now = RefusedRecipients(played.result);
  if (before == now) return "";
  return absl::StrCat(
      "recipients refused: ", PlacesText(std::move(before)), " / ", PlacesText(std::move(now)));
}

std::vector<std::string> EditNames(const Verdict& verdict, bool texts) {
  std::vector<std::string> names;
  for (const milter::Edit& edit : verdict.result.edits) {
    names.push_back(
        absl::StrCat(engine::ToAbsl(milter::ReplyName(static_cast<std::uint8_t>(edit.kind))),
                     edit.name.empty() ? "" : " ",
                     edit.name));
    if (texts) absl::StrAppend(&names.back(), "=", NormalText(edit.value, verdict.queue_id));
  }
  return names;
}

// What is in `all` and not in `others`, each as often as it is more.
std::vector<std::string> Missing(std::vector<std::string> all, std::vector<std::string> others) {
  std::sort(all.begin(), all.end());
  std::sort(others.begin(), others.end());
  std::vector<std::string> missing;
  std::set_difference(
      all.begin(), all.end(), others.begin(), others.end(), std::back_inserter(missing));
  if (missing.size() > kEditsToldMax) {
    missing.resize(kEditsToldMax);
    missing.emplace_back("...");
  }
  return missing;
}

std::string EditDifference(const Verdict& recorded, const Verdict& played, bool texts) {
  const std::vector<std::string> before = EditNames(recorded, texts);
  const std::vector<std::string> now = EditNames(played, texts);
  if (before == now) return "";
  std::vector<std::string> told;
  for (const std::string& edit : Missing(before, now))
    told.push_back("missing " + edit);
  for (const std::string& edit : Missing(now, before))
    told.push_back("new " + edit);
  if (told.empty()) told.emplace_back("in another order");
  return absl::StrCat("edits: ", absl::StrJoin(told, ", "));
}

}  // namespace

std::string NormalText(std::string_view text, std::string_view queue_id) {
  std::string replaced(text);
  if (!queue_id.empty())
    replaced = absl::StrReplaceAll(replaced, {{engine::ToAbsl(queue_id), "<id>"}});
  std::string normal;
  for (const char c : replaced) {
    if (!IsDigit(c)) {
      normal.push_back(c);
    } else if (normal.empty() || normal.back() != '#') {
      normal.push_back('#');
    }
  }
  return normal;
}

std::string VerdictText(const milter::TransactionResult& result) {
  std::string text = OutcomeText(result.outcome);
  if (!result.reply_text.empty()) absl::StrAppend(&text, " ", result.reply_text);
  return text;
}

std::string VerdictDifference(const Verdict& recorded,
                              const Verdict& played,
                              const DiffOptions& options) {
  std::vector<std::string> told;
  milter::Outcome before = recorded.result.outcome;
  if (options.over_smtp && before == milter::Outcome::kDiscarded)
    before = milter::Outcome::kAccepted;
  if (before != played.result.outcome) told.emplace_back("outcome");
  if (told.empty() && Refused(played.result)) {
    const std::string codes_before = CodesOf(recorded.result);
    const std::string codes = CodesOf(played.result);
    const bool texts_differ =
        options.texts && NormalText(recorded.result.reply_text, recorded.queue_id) !=
                             NormalText(played.result.reply_text, played.queue_id);
    if (codes_before != codes) {
      told.push_back(absl::StrCat("reply ", codes_before, " / ", codes));
    } else if (texts_differ) {
      told.emplace_back("reply text");
    }
  }
  std::string recipients = RecipientDifference(recorded, played);
  if (!recipients.empty()) told.push_back(std::move(recipients));
  if (!options.over_smtp) {
    std::string edits = EditDifference(recorded, played, options.texts);
    if (!edits.empty()) told.push_back(std::move(edits));
  }
  return absl::StrJoin(told, "; ");
}

}  // namespace replay
