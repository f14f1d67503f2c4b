// The table; see the header.
#include "tools/anonymise/header_names.h"

#include <algorithm>
#include <array>

#include "tools/anonymise/octets.h"

namespace anonymise {
namespace {

struct Row {
  std::string_view name;
  FieldKind kind;
};

constexpr Row kRows[] = {
    {"accept-language", FieldKind::kWords},
    {"action", FieldKind::kWords},
    {"apparently-to", FieldKind::kAddresses},
    {"arc-authentication-results", FieldKind::kResults},
    {"arc-message-signature", FieldKind::kTags},
    {"arc-seal", FieldKind::kTags},
    {"arrival-date", FieldKind::kDate},
    {"authentication-results", FieldKind::kResults},
    {"auto-submitted", FieldKind::kWords},
    {"autocrypt", FieldKind::kAddresses},
    {"bcc", FieldKind::kAddresses},
    {"cc", FieldKind::kAddresses},
    {"comments", FieldKind::kText},
    {"content-base", FieldKind::kAddresses},
    {"content-class", FieldKind::kWords},
    {"content-description", FieldKind::kText},
    {"content-disposition", FieldKind::kMime},
    {"content-id", FieldKind::kAddresses},
    {"content-language", FieldKind::kWords},
    {"content-length", FieldKind::kWords},
    {"content-location", FieldKind::kAddresses},
    {"content-md5", FieldKind::kTags},
    {"content-transfer-encoding", FieldKind::kWords},
    {"content-type", FieldKind::kMime},
    {"date", FieldKind::kDate},
    {"deferred-delivery", FieldKind::kDate},
    {"delivered-to", FieldKind::kAddresses},
    {"delivery-date", FieldKind::kDate},
    {"diagnostic-code", FieldKind::kText},
    {"disposition", FieldKind::kWords},
    {"disposition-notification-to", FieldKind::kAddresses},
    {"dkim-signature", FieldKind::kTags},
    {"domainkey-signature", FieldKind::kTags},
    {"dsn-gateway", FieldKind::kAddresses},
    {"envelope-to", FieldKind::kAddresses},
    {"errors-to", FieldKind::kAddresses},
    {"expires", FieldKind::kDate},
    {"feedback-id", FieldKind::kAddresses},
    {"final-recipient", FieldKind::kAddresses},
    {"from", FieldKind::kAddresses},
    {"importance", FieldKind::kWords},
    {"in-reply-to", FieldKind::kAddresses},
    {"injection-date", FieldKind::kDate},
    {"keywords", FieldKind::kText},
    {"last-attempt-date", FieldKind::kDate},
    {"latest-delivery-time", FieldKind::kDate},
    {"lines", FieldKind::kWords},
    {"list-archive", FieldKind::kAddresses},
    {"list-help", FieldKind::kAddresses},
    {"list-id", FieldKind::kAddresses},
    {"list-owner", FieldKind::kAddresses},
    {"list-post", FieldKind::kAddresses},
    {"list-subscribe", FieldKind::kAddresses},
    {"list-unsubscribe", FieldKind::kAddresses},
    {"list-unsubscribe-post", FieldKind::kWords},
    {"mail-followup-to", FieldKind::kAddresses},
    {"mail-reply-to", FieldKind::kAddresses},
    {"message-id", FieldKind::kAddresses},
    {"mime-version", FieldKind::kWords},
    {"newsgroups", FieldKind::kAddresses},
    {"organization", FieldKind::kText},
    {"original-envelope-id", FieldKind::kAddresses},
    {"original-message-id", FieldKind::kAddresses},
    {"original-recipient", FieldKind::kAddresses},
    {"path", FieldKind::kAddresses},
    {"precedence", FieldKind::kWords},
    {"priority", FieldKind::kWords},
    {"received", FieldKind::kTrace},
    {"received-from-mta", FieldKind::kAddresses},
    {"received-spf", FieldKind::kResults},
    {"references", FieldKind::kAddresses},
    {"remote-mta", FieldKind::kAddresses},
    {"reply-to", FieldKind::kAddresses},
    {"reporting-mta", FieldKind::kAddresses},
    {"reporting-ua", FieldKind::kAddresses},
    {"require-recipient-valid-since", FieldKind::kWords},
    {"resent-bcc", FieldKind::kAddresses},
    {"resent-cc", FieldKind::kAddresses},
    {"resent-date", FieldKind::kDate},
    {"resent-from", FieldKind::kAddresses},
    {"resent-message-id", FieldKind::kAddresses},
    {"resent-reply-to", FieldKind::kAddresses},
    {"resent-sender", FieldKind::kAddresses},
    {"resent-to", FieldKind::kAddresses},
    {"return-path", FieldKind::kAddresses},
    {"return-receipt-to", FieldKind::kAddresses},
    {"sender", FieldKind::kAddresses},
    {"sensitivity", FieldKind::kWords},
    {"status", FieldKind::kWords},
    {"subject", FieldKind::kText},
    {"thread-index", FieldKind::kAddresses},
    {"thread-topic", FieldKind::kText},
    {"to", FieldKind::kAddresses},
    {"user-agent", FieldKind::kText},
    {"will-retry-until", FieldKind::kDate},
    {"x-abuse", FieldKind::kAddresses},
    {"x-abuse-reporting-context", FieldKind::kText},
    {"x-amavis-alert", FieldKind::kText},
    {"x-amavis-hold", FieldKind::kText},
    {"x-amavis-scanned", FieldKind::kWords},
    {"x-authentication-results", FieldKind::kResults},
    {"x-auto-response-suppress", FieldKind::kWords},
    {"x-autoreply", FieldKind::kAddresses},
    {"x-beenthere", FieldKind::kAddresses},
    {"x-bulkmail", FieldKind::kWords},
    {"x-complaints-to", FieldKind::kAddresses},
    {"x-envelope-from", FieldKind::kAddresses},
    {"x-envelope-to", FieldKind::kAddresses},
    {"x-feedback-id", FieldKind::kAddresses},
    {"x-forwarded-for", FieldKind::kAddresses},
    {"x-forwarded-to", FieldKind::kAddresses},
    {"x-gm-message-state", FieldKind::kText},
    {"x-google-dkim-signature", FieldKind::kTags},
    {"x-google-original-from", FieldKind::kAddresses},
    {"x-google-smtp-source", FieldKind::kText},
    {"x-loop", FieldKind::kAddresses},
    {"x-mailer", FieldKind::kText},
    {"x-mailman-version", FieldKind::kAddresses},
    {"x-microsoft-antispam", FieldKind::kText},
    {"x-mimeole", FieldKind::kText},
    {"x-ms-exchange-organization-authas", FieldKind::kText},
    {"x-ms-exchange-transport-crosstenantheadersstamped", FieldKind::kText},
    {"x-ms-has-attach", FieldKind::kText},
    {"x-ms-tnef-correlator", FieldKind::kText},
    {"x-msmail-priority", FieldKind::kWords},
    {"x-newsreader", FieldKind::kText},
    {"x-no-archive", FieldKind::kWords},
    {"x-original-date", FieldKind::kDate},
    {"x-original-to", FieldKind::kAddresses},
    {"x-originating-ip", FieldKind::kAddresses},
    {"x-originatororg", FieldKind::kText},
    {"x-postfix-queue-id", FieldKind::kAddresses},
    {"x-postfix-sender", FieldKind::kAddresses},
    {"x-priority", FieldKind::kWords},
    {"x-quarantine-id", FieldKind::kText},
    {"x-quarantine-reason", FieldKind::kWords},
    {"x-received", FieldKind::kTrace},
    {"x-receiver", FieldKind::kAddresses},
    {"x-report-abuse", FieldKind::kAddresses},
    {"x-scanned-by", FieldKind::kText},
    {"x-sender", FieldKind::kAddresses},
    {"x-spam", FieldKind::kWords},
    {"x-spam-checker-version", FieldKind::kText},
    {"x-spam-flag", FieldKind::kWords},
    {"x-spam-level", FieldKind::kWords},
    {"x-spam-report", FieldKind::kText},
    {"x-spam-score", FieldKind::kWords},
    {"x-spam-status", FieldKind::kWords},
    {"x-status", FieldKind::kWords},
    {"x-virus-scanned", FieldKind::kText},
    {"x-virus-status", FieldKind::kWords},
    {"xref", FieldKind::kAddresses},
};
constexpr std::size_t kNameBytesMax = 64;

constexpr bool Less(const Row& row, std::string_view name) {
  return row.name < name;
}
static_assert(std::is_sorted(std::begin(kRows), std::end(kRows), [](const Row& a, const Row& b) {
  return a.name < b.name;
}));

}  // namespace

FieldKind FieldKindOf(std::string_view name) noexcept {
  if (name.size() > kNameBytesMax) return FieldKind::kUnknown;
  std::array<char, kNameBytesMax> lower{};
  std::transform(name.begin(), name.end(), lower.begin(), ToLower);
  const std::string_view key(lower.data(), name.size());
  const Row* const row = std::lower_bound(std::begin(kRows), std::end(kRows), key, Less);
  return row != std::end(kRows) && row->name == key ? row->kind : FieldKind::kUnknown;
}

}  // namespace anonymise
