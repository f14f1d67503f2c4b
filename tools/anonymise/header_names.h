// Names of header fields that are everybody's, and what their values hold.
//
// Source: IANA's registry of message headers; X- fields that mail servers, filters and lists write.
// Names that are not here get pseudonyms, their values are text.
#ifndef MILLRACE_TOOLS_ANONYMISE_HEADER_NAMES_H_
#define MILLRACE_TOOLS_ANONYMISE_HEADER_NAMES_H_

#include <cstdint>
#include <string_view>

namespace anonymise {

enum class FieldKind : std::uint8_t {
  kUnknown,
  kText,       // Subject, X-Mailer: free text
  kAddresses,  // From, Message-ID, List-Post: addresses, hosts, links, names
  kTrace,      // Received
  kDate,
  kMime,     // Content-Type, Content-Disposition
  kWords,    // few known values, perhaps a number
  kTags,     // DKIM-Signature: tag=value;
  kResults,  // Authentication-Results, Received-SPF
};

FieldKind FieldKindOf(std::string_view name) noexcept;

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_HEADER_NAMES_H_
