// Copies, and rewriting the copies in place.
#include "tools/anonymise/anonymiser.h"

#include "tools/anonymise/envelope.h"
#include "tools/anonymise/field_text.h"
#include "tools/anonymise/header_field.h"
#include "tools/anonymise/host_names.h"
#include "tools/anonymise/message_text.h"
#include "tools/anonymise/mime_parameters.h"

namespace anonymise {
namespace {

template <typename Rewrite>
std::string Copy(const Pseudonyms& pseudonyms, std::string_view text, Rewrite rewrite) {
  std::string copy(text);
  rewrite(pseudonyms, Octets(copy));
  return copy;
}

}  // namespace

std::string Anonymiser::Address(std::string_view address) const {
  return Copy(pseudonyms_, address, RewriteAddress);
}

std::string Anonymiser::Host(std::string_view host) const {
  return Copy(pseudonyms_, host, ReplaceHost);
}

std::string Anonymiser::IpAddress(std::string_view address) const {
  return Copy(pseudonyms_, address, ReplaceIp);
}

std::string Anonymiser::HeaderName(std::string_view name) const {
  return Copy(pseudonyms_, name, RewriteHeaderName);
}

std::string Anonymiser::HeaderValue(std::string_view name, std::string_view value) const {
  std::string copy(value);
  RewriteHeaderValue(pseudonyms_, name, copy);
  return copy;
}

std::string Anonymiser::Macro(std::string_view name, std::string_view value) const {
  std::string copy(value);
  RewriteMacro(pseudonyms_, name, copy);
  return copy;
}

std::string Anonymiser::EsmtpArgument(std::string_view argument) const {
  return Copy(pseudonyms_, argument, RewriteEsmtpArgument);
}

std::string Anonymiser::ReplyText(std::string_view text) const {
  return Copy(pseudonyms_, text, RewriteReply);
}

std::string Anonymiser::Body(std::string_view content_type,
                             std::string_view transfer_encoding,
                             std::string body) const {
  MessageText text(&pseudonyms_, body);
  text.RunBody(ReadContentType(content_type), ReadTransferEncoding(transfer_encoding));
  return body;
}

std::string Anonymiser::Message(std::string message) const {
  MessageText text(&pseudonyms_, message);
  text.RunMessage();
  return message;
}

}  // namespace anonymise
