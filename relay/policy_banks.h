// The names of amavisd's policy banks that one message asks for.
//
//   [[listener]] policy_banks , {daemon_name} (with -B) , SMTP_AUTH , SMTP_AUTH_<auth_type> ,
//   SMTP_AUTH_<auth_type>_<auth_ssf>
//
// The SMTP_AUTH names when {auth_type} is set, the last one when {auth_ssf} is too. Source:
// amavisd-milter 1.7.2 mlfi.c. Macros come from outside: a name with an octet outside
// [A-Za-z0-9_.-] is left out (a comma in it would name another bank).
#ifndef MILLRACE_RELAY_POLICY_BANKS_H_
#define MILLRACE_RELAY_POLICY_BANKS_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace relay {

inline constexpr std::size_t kBankNameBytesMax = 128;  // a longer name is left out
inline constexpr std::size_t kListenerBanksMax = 16;
inline constexpr std::size_t kListenerBanksBytesMax = kListenerBanksMax * 65;
inline constexpr std::size_t kBankListBytesMax = 6 * kBankNameBytesMax + kListenerBanksBytesMax;

struct BankFacts {
  std::string_view of_listener{};  // a list, checked and at most kListenerBanksBytesMax
  std::string_view daemon_name{};  // empty unless -B
  std::string_view auth_type{};
  std::string_view auth_ssf{};
};

// Writes the list into `to` (kBankListBytesMax is always enough) and returns it; empty: nothing is
// to be sent.
std::string_view WritePolicyBanks(const BankFacts& facts, std::span<char> to) noexcept;

}  // namespace relay

#endif  // MILLRACE_RELAY_POLICY_BANKS_H_
