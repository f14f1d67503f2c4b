// The macros that the relay reads, of the many that a mail server may send.
//
// Source: amavisd-milter 1.7.2 mlfi.c (what it reads), sendmail-8.17 doc/op "macros", Postfix
// MILTER_README. Names are without braces; milter/macros.h strips them.
#ifndef MILLRACE_RELAY_MACRO_NAME_H_
#define MILLRACE_RELAY_MACRO_NAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace relay {

enum class Macro : std::uint8_t {
  kQueueId,        // i
  kProtocol,       // r: SMTP, ESMTP …
  kDate,           // b: RFC 5322 date
  kMtaName,        // j
  kMtaVersion,     // v: "Postfix 3.7.11", "8.17.1"
  kDaemonName,     // {daemon_name}
  kClientName,     // {client_name}: verified
  kClientResolve,  // {client_resolve}: OK, FAIL, FORGED, TEMP
  kClientPort,     // {client_port}
  kAuthType,       // {auth_type}: SASL mechanism
  kAuthSsf,        // {auth_ssf}: key bits
  kAuthAuthen,     // {auth_authen}: login
};
inline constexpr std::size_t kMacroCount = 12;

inline constexpr std::array<std::string_view, kMacroCount> kMacroNames = {"i",
                                                                          "r",
                                                                          "b",
                                                                          "j",
                                                                          "v",
                                                                          "daemon_name",
                                                                          "client_name",
                                                                          "client_resolve",
                                                                          "client_port",
                                                                          "auth_type",
                                                                          "auth_ssf",
                                                                          "auth_authen"};

constexpr std::optional<Macro> FindMacro(std::string_view name) noexcept {
  if (name.empty()) return std::nullopt;
  for (std::size_t i = 0; i < kMacroCount; ++i) {
    // The first letter first: it tells most names apart, without a call.
    if (kMacroNames[i].front() == name.front() && kMacroNames[i] == name)
      return static_cast<Macro>(i);
  }
  return std::nullopt;
}

}  // namespace relay

#endif  // MILLRACE_RELAY_MACRO_NAME_H_
