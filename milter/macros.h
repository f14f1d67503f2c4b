// Macros: the name/value pairs of a MACRO packet, and the lists that we ask for.
//
// Payload: letter of the command that follows, then { name NUL value NUL }*. Names of several
// characters come in braces ("{client_name}"), single characters bare ("i"; some Postfix releases
// sent "{i}"): both forms mean the same, so names are given without braces.
// Source: libmilter/engine.c st_macros(), smfi.c smfi_getsymval(); Postfix milter8.c; Sendmail
// cf/m4/cfhead.m4 and sendmail/milter.c milter_getsymlist() for the lists.
// Hostile input: an odd number of strings loses the last name (libmilter reads past its array), a
// missing last NUL is tolerated. Nothing is copied or stored; lifetime and precedence are the
// caller's.
#ifndef MILLRACE_MILTER_MACROS_H_
#define MILLRACE_MILTER_MACROS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace milter {

// Stage numbers in the OPTNEG answer; the order is historical (EOM before EOH).
enum class MacroStage : std::uint8_t {
  kConnect = 0,
  kHelo = 1,
  kMail = 2,
  kRcpt = 3,
  kData = 4,
  kEndOfMessage = 5,
  kEndOfHeaders = 6,
};
inline constexpr std::size_t kMacroStageCount = 7;
inline constexpr std::size_t kMacroNamesMax = 50;  // Sendmail MAXFILTERMACROS, per stage

// Names with their braces, separated by one blank, indexed by stage. An empty list leaves that
// stage to the mail server's configuration.
using MacroLists = std::array<std::string_view, kMacroStageCount>;

// What a content filter for amavisd reads. A requested list replaces the administrator's for this
// filter, so everything is in it. {auth_*} again at EOM: Postfix knows them there, too.
inline constexpr MacroLists kMacroListsWanted = {
    "j {daemon_name} {daemon_addr} {client_addr} {client_name} {client_port} {client_resolve} v _",
    "{tls_version} {cipher} {cipher_bits}",
    "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_addr} r b",
    "{rcpt_addr} {rcpt_mailer} {rcpt_host}",
    "i",
    "i {msg_id} {auth_authen}",
    "i",
};

struct Macro {
  std::string_view name;  // without braces, never empty
  std::string_view value;
};

// "{client_name}" -> "client_name"; anything else unchanged.
std::string_view MacroName(std::string_view name) noexcept;

// Walks the pairs of one MACRO packet; views point into the payload.
class MacroReader {
 public:
  // `pairs`: the payload after the letter (Event::value of kMacro).
  explicit MacroReader(std::string_view pairs) noexcept : rest_(pairs) {}
  // False at the end. Pairs with an empty name are passed over.
  [[nodiscard]] bool Next(Macro* macro) noexcept;

 private:
  std::string_view rest_;
};

}  // namespace milter

#endif  // MILLRACE_MILTER_MACROS_H_
