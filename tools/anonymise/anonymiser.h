// Replaces what is private in recorded mail by pseudonyms and filler of the same length and shape.
//
//   envelope, header  ->  stable pseudonyms, keyed: the same word gives the same one everywhere
//   body              ->  words of our own; size, lines, MIME skeleton and encodings stay
//
// All functions depend on key and input alone, whatever was asked before, in whatever run. What
// stays as it was is listed in README.md; nothing else does. Every result has the length of its
// input. Any input is fine: what cannot be understood is treated as text.
// Whoever has the key can turn pseudonyms back and try words: keep it as you keep the mail.
// Not safe for use by several threads at once.
#ifndef MILLRACE_TOOLS_ANONYMISE_ANONYMISER_H_
#define MILLRACE_TOOLS_ANONYMISE_ANONYMISER_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/anonymise/pseudonym.h"

namespace anonymise {

class Anonymiser {
 public:
  // `key`: any octets, any number of them. `kept_domains`: of addresses and host names; they, and
  // not what is before them, stay.
  explicit Anonymiser(std::string_view key, const std::vector<std::string>& kept_domains = {})
      : pseudonyms_(key) {
    pseudonyms_.KeepDomains(kept_domains);
  }

  // With or without brackets.
  std::string Address(std::string_view address) const;
  // "mx.example.com", "[192.0.2.1]".
  std::string Host(std::string_view host) const;
  // "192.0.2.1", "IPv6:2001:db8::1".
  std::string IpAddress(std::string_view address) const;
  std::string HeaderName(std::string_view name) const;
  // `name`: the original one. `value`: as it stands behind the colon, folded or not.
  std::string HeaderValue(std::string_view name, std::string_view value) const;
  // `name`: with or without braces.
  std::string Macro(std::string_view name, std::string_view value) const;
  // "SIZE=100".
  std::string EsmtpArgument(std::string_view argument) const;
  // "554 5.7.0 text", perhaps of several lines.
  std::string ReplyText(std::string_view text) const;

  // Both values as in the message's header, empty when there is none.
  std::string Body(std::string_view content_type,
                   std::string_view transfer_encoding,
                   std::string body) const;
  // Header, empty line, body.
  std::string Message(std::string message) const;

  // For rewriting in place by the functions of this folder.
  const Pseudonyms& pseudonyms() const { return pseudonyms_; }

 private:
  Pseudonyms pseudonyms_;
};

}  // namespace anonymise

#endif  // MILLRACE_TOOLS_ANONYMISE_ANONYMISER_H_
