// What a filter's edits make of a message, with Postfix's semantics.
//
//   ADDHEADER  appends                      CHGHEADER  n-th of that name from 1 (0 is 1), own
//   Received INSHEADER  0 = top, own Received counts            not counted; not found: append, or
//   nothing ADDRCPT    appended, brackets stripped  DELRCPT    exact match, all copies
// Source: Postfix cleanup_milter.c; applied in the order received. For tests and tools.
#ifndef MILLRACE_MILTER_MTA_EDITS_H_
#define MILLRACE_MILTER_MTA_EDITS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "milter/mta_transaction.h"
#include "milter/wire.h"

namespace milter {

// An edit as received. name/value: header; address and arguments; value alone: quarantine reason,
// body.
struct Edit {
  Reply kind = Reply::kAddHeader;
  std::uint32_t index = 0;
  std::string name;
  std::string value;
};

struct Delivered {
  std::string sender;                   // without brackets
  std::vector<std::string> recipients;  // without brackets
  std::vector<HeaderField>
      headers;  // the mail server's own Received is the first, if none was put above
  std::string body;
  bool quarantined = false;
};

// `leading_space`: HDR_LEADSPC was negotiated.
Delivered ApplyEdits(const Transaction& transaction,
                     std::span<const Edit> edits,
                     bool leading_space);

// "<a@b>" -> "a@b".
std::string WithoutBrackets(std::string_view address);

}  // namespace milter

#endif  // MILLRACE_MILTER_MTA_EDITS_H_
