// Rules: what the scanner does about which message, beyond its content check.
//
//   rcpt=tag@* found=gtube tag="***SPAM*** " extension=spam
//   subject=*slow* delay=2s jitter=500ms
//   rcpt=half@* fault=half
//
// One rule is words of the form key or key=value; a value in "..." may hold spaces, and \" \\ \n
// stand for a quote, a backslash and a line feed. In a file: one rule a line, "#" begins a comment
// line. The first rule that matches a message is applied to it, no other.
//
// Match:  rcpt= sender= subject=   patterns (* ? any case); rcpt: any of the recipients
//         found=eicar|gtube|clean  what the content check found
//         every=N                  each N-th message that came so far in the rule
// Time:   delay=T jitter=T         before the reply; jitter: a random share of T on top (5s, 20ms)
// Reply:  verdict=continue|accept|reject|discard|tempfail      instead of the content check's
//         setreply="554 5.7.0 text"    {id} stands for the log id
//         tag=TEXT                     TEXT in front of the subject
//         extension=X                  <a@b> becomes <a+X@b>, for the recipients that rcpt= matches
//         delrcpt                      removes the recipients that rcpt= matches
//         delrcpt=A addrcpt=A quarantine=TEXT
//         delheader="[INDEX ]NAME" chgheader="[INDEX ]NAME: BODY" insheader="[INDEX ]NAME: BODY"
//         addheader="NAME: BODY"
// Fault:  fault=half|garbage|close|hang|no-verdict|two-verdicts|reset|late-read|keep-open|
//               half-late-read        see enum Fault
//         hold=T                       how late the late reads read, how long keep-open keeps.
//         A rule with a late read may match by rcpt and sender only, and is looked for first.
// Limits: kRulesMax rules, kRuleBytesMax bytes each.
#ifndef MILLRACE_TOOLS_SCANNER_RULES_H_
#define MILLRACE_TOOLS_SCANNER_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ampdp/reply.h"
#include "engine/base/units.h"

namespace scanner {

inline constexpr std::size_t kRulesMax = 1000;
inline constexpr std::size_t kRuleBytesMax = 16 * engine::kKiB;

enum class Finding : std::uint8_t { kClean, kEicar, kGtube };

enum class Fault : std::uint8_t {
  kNone,
  kHalf,          // half of the reply, then the end
  kGarbage,       // octets that are no reply
  kClose,         // the end without a byte
  kHang,          // no reply at all, until the client leaves
  kNoVerdict,     // a reply without return_value
  kTwoVerdicts,   // reject, then continue
  kReset,         // the connection is reset (TCP; on a Unix socket it ends)
  kLateRead,      // reads the file `hold` after the request, then replies to whom is still there
  kKeepOpen,      // keeps the file open for `hold` after the reply
  kHalfLateRead,  // half of the reply at once and the end; reads the file `hold` later
};

// An edit that owns its text; see ampdp::Edit.
struct OwnedEdit {
  ampdp::EditKind kind = ampdp::EditKind::kAddHeader;
  std::uint32_t index = 0;
  std::string name{};
  std::string value{};
};

struct SetReplyText {
  std::uint16_t code = 0;
  std::string enhanced{};
  std::string text{};
};

struct Rule {
  std::optional<std::string> recipient{};
  std::optional<std::string> sender{};
  std::optional<std::string> subject{};
  std::optional<Finding> found{};
  std::uint64_t every = 1;

  engine::Time delay{};
  engine::Time jitter{};
  std::optional<ampdp::Verdict> verdict{};
  std::optional<SetReplyText> setreply{};
  std::string tag{};
  std::string extension{};
  bool delete_recipients = false;
  std::vector<OwnedEdit> edits{};
  Fault fault = Fault::kNone;
  engine::Time hold{};
};

// Reads one rule. Errors name the word that is wrong.
absl::StatusOr<Rule> ParseRule(std::string_view text);

// Reads a file's worth of rules. Errors name the line.
absl::StatusOr<std::vector<Rule>> ParseRules(std::string_view text);

// "1500ms", "2s", "5m"; without a unit: seconds. False when it is none.
bool ParseDuration(std::string_view text, engine::Time* duration);

// True if `pattern` (* any octets, ? one octet, letters in any case) covers all of `text`.
bool MatchesPattern(std::string_view pattern, std::string_view text);

// The fault's name as a rule writes it. Static.
const char* FaultText(Fault fault);

}  // namespace scanner

#endif  // MILLRACE_TOOLS_SCANNER_RULES_H_
