// Words the reply; see the header for where the words come from.
#include "tools/scanner/answer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "ampdp/reply_writer.h"
#include "engine/base/absl_text.h"

namespace scanner {
namespace {

using ampdp::EditKind;
using ampdp::Verdict;

constexpr std::uint32_t kVersionServer = 2;

std::string_view WithoutBrackets(std::string_view address) {
  if (address.size() >= 2 && address.front() == '<' && address.back() == '>')
    return address.substr(1, address.size() - 2);
  return address;
}

bool RecipientMatches(const Rule& rule, std::string_view recipient) {
  return !rule.recipient || MatchesPattern(*rule.recipient, WithoutBrackets(recipient));
}

// "<a@b>" with "x" -> "<a+x@b>".
std::string Extended(std::string_view address, std::string_view extension) {
  const std::string_view bare = WithoutBrackets(address);
  const std::size_t at = std::min(bare.rfind('@'), bare.size());
  return absl::StrCat("<",
                      engine::ToAbsl(bare.substr(0, at)),
                      "+",
                      engine::ToAbsl(extension),
                      engine::ToAbsl(bare.substr(at)),
                      ">");
}

// Adds the recipients' edits of the rule. Returns how many recipients it deletes.
std::size_t EditRecipients(const Rule& rule, const ampdp::Request& request, Answer* answer) {
  std::size_t deleted = 0;
  for (const std::string_view recipient : request.recipients) {
    if (!RecipientMatches(rule, recipient)) continue;
    if (!rule.delete_recipients && rule.extension.empty()) continue;
    answer->edits.push_back({.kind = EditKind::kDelRcpt, .value = std::string(recipient)});
    if (rule.delete_recipients) {
      ++deleted;
    } else {
      answer->edits.push_back(
          {.kind = EditKind::kAddRcpt, .value = Extended(recipient, rule.extension)});
    }
  }
  return deleted;
}

void AddRuleEdits(const Rule& rule, EditKind first, EditKind last, Answer* answer) {
  for (const OwnedEdit& edit : rule.edits) {
    if (edit.kind >= first && edit.kind <= last) answer->edits.push_back(edit);
  }
}

void TagSubject(const Findings& findings, std::string_view tag, Answer* answer) {
  if (tag.empty()) return;
  if (findings.subject) {
    answer->edits.push_back({.kind = EditKind::kChgHeader,
                             .index = 1,
                             .name = "subject",
                             .value = std::string(tag) + *findings.subject});
  } else {
    answer->edits.push_back(
        {.kind = EditKind::kInsHeader, .name = "Subject", .value = std::string(tag)});
  }
}

void InsertResults(Finding finding, Answer* answer) {
  const bool spam = finding == Finding::kGtube;
  const auto insert = [answer](const char* name, const char* value) {
    answer->edits.push_back({.kind = EditKind::kInsHeader, .name = name, .value = value});
  };
  insert("X-Spam-Status",
         spam ? "Yes, score=1000 required=6\n tests=[GTUBE=1000] autolearn=disabled"
              : "No, score=0 required=6\n tests=[] autolearn=disabled");
  insert("X-Spam-Level", spam ? "********************" : "");
  insert("X-Spam-Score", spam ? "1000" : "0");
  insert("X-Spam-Flag", spam ? "YES" : "NO");
  insert("X-Virus-Scanned", "millrace-scanner");
}

// The verdict and reply of the content check alone.
void ContentVerdict(Finding finding, Answer* answer) {
  switch (finding) {
    case Finding::kClean: answer->verdict = Verdict::kContinue; break;
    case Finding::kEicar:
    case Finding::kGtube: answer->verdict = Verdict::kReject; break;
  }
}

void WordReply(Finding finding, std::size_t deleted, Answer* answer) {
  const char* why = finding == Finding::kEicar   ? " - INFECTED: Eicar-Signature"
                    : finding == Finding::kGtube ? " - spam"
                                                 : "";
  switch (answer->verdict) {
    case Verdict::kContinue:
    case Verdict::kAccept:
      answer->setreply = {.code = 250,
                          .enhanced = "2.5.0",
                          .text = absl::StrCat("Ok, id=", answer->log_id, ", continue delivery")};
      if (deleted > 0) absl::StrAppend(&answer->setreply.text, ", but ", deleted, " REJECT");
      break;
    case Verdict::kReject:
      answer->setreply = {.code = 554,
                          .enhanced = "5.7.0",
                          .text = absl::StrCat("Reject, id=", answer->log_id, why)};
      break;
    case Verdict::kDiscard:
      answer->setreply = {.code = 250,
                          .enhanced = "2.7.0",
                          .text = absl::StrCat("Ok, discarded, id=", answer->log_id, why)};
      break;
    case Verdict::kTempfail:
      answer->setreply = {
          .code = 450, .enhanced = "4.5.0", .text = absl::StrCat("Failure, id=", answer->log_id)};
      break;
  }
}

}  // namespace

Finding FindingOf(const Findings& findings) {
  if (findings.eicar) return Finding::kEicar;
  return findings.gtube ? Finding::kGtube : Finding::kClean;
}

bool Applies(const Rule& rule, const ampdp::Request& request, const Findings& findings) {
  if (rule.found && *rule.found != FindingOf(findings)) return false;
  if (rule.sender && !MatchesPattern(*rule.sender, WithoutBrackets(request.sender))) return false;
  if (rule.subject && !MatchesPattern(*rule.subject, findings.subject.value_or(""))) return false;
  if (!rule.recipient) return true;
  return std::any_of(request.recipients.begin(),
                     request.recipients.end(),
                     [&rule](std::string_view to) { return RecipientMatches(rule, to); });
}

Answer MakeAnswer(const ampdp::Request& request,
                  const Findings& findings,
                  const Rule* rule,
                  std::string_view log_id) {
  const Finding finding = FindingOf(findings);
  Answer answer;
  answer.log_id = log_id;
  std::size_t deleted = 0;
  ContentVerdict(finding, &answer);
  if (rule != nullptr) {
    deleted = EditRecipients(*rule, request, &answer);
    // A rule that tags or removes recipients lets the rest go on.
    if (!answer.edits.empty() || !rule->tag.empty()) answer.verdict = Verdict::kContinue;
    if (deleted > 0 && deleted == request.recipients.size()) answer.verdict = Verdict::kDiscard;
    if (rule->verdict) answer.verdict = *rule->verdict;
  }
  WordReply(finding, deleted, &answer);
  if (answer.verdict == Verdict::kContinue || answer.verdict == Verdict::kAccept) {
    if (rule != nullptr) {
      AddRuleEdits(*rule, EditKind::kDelRcpt, EditKind::kAddRcpt, &answer);
      TagSubject(findings, rule->tag, &answer);
      AddRuleEdits(*rule, EditKind::kDelHeader, EditKind::kChgHeader, &answer);
    }
    InsertResults(finding, &answer);
    if (rule != nullptr) AddRuleEdits(*rule, EditKind::kInsHeader, EditKind::kQuarantine, &answer);
  } else {
    answer.edits.clear();
  }
  if (rule != nullptr && rule->setreply) {
    answer.setreply = *rule->setreply;
    answer.setreply.text = absl::StrReplaceAll(answer.setreply.text, {{"{id}", answer.log_id}});
  }
  return answer;
}

Answer MakeFailure(std::string_view log_id, std::string_view reason) {
  return {.verdict = Verdict::kTempfail,
          .log_id = std::string(log_id),
          .setreply = {.code = 450,
                       .enhanced = "4.5.0",
                       .text = absl::StrCat("Failure: ", engine::ToAbsl(reason))}};
}

void WriteAnswer(const Answer& answer, std::string* wire) {
  std::vector<ampdp::Edit> edits;
  edits.reserve(answer.edits.size());
  for (const OwnedEdit& edit : answer.edits)
    edits.push_back({edit.kind, edit.index, edit.name, edit.value});
  ampdp::Reply reply;
  reply.verdict = answer.verdict;
  reply.version_server = kVersionServer;
  reply.log_id = answer.log_id;
  reply.setreply = {.present = answer.setreply.code != 0,
                    .code = answer.setreply.code,
                    .enhanced = answer.setreply.enhanced,
                    .text = answer.setreply.text};
  reply.edits = edits;
  wire->resize(ampdp::ReplyBytes(reply));
  ampdp::WriteReply(reply, *wire);
}

}  // namespace scanner
