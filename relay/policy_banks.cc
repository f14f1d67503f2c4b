// Writes the comma-separated list of policy banks.
#include "relay/policy_banks.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "engine/base/check.h"

namespace relay {
namespace {

bool IsBankOctet(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

bool IsBankName(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kBankNameBytesMax &&
         std::all_of(name.begin(), name.end(), IsBankOctet);
}

// Appends one name made of `parts`, after a comma where it is not the first.
std::size_t Append(std::span<char> to,
                   std::size_t used,
                   std::initializer_list<std::string_view> parts) noexcept {
  if (used > 0) to[used++] = ',';
  for (const std::string_view part : parts) {
    ENGINE_CHECK(part.size() < to.size() - used);
    std::memcpy(to.data() + used, part.data(), part.size());
    used += part.size();
  }
  return used;
}

}  // namespace

std::string_view WritePolicyBanks(const BankFacts& facts, std::span<char> to) noexcept {
  std::size_t used = 0;
  if (!facts.of_listener.empty()) used = Append(to, used, {facts.of_listener});
  if (IsBankName(facts.daemon_name)) used = Append(to, used, {facts.daemon_name});
  if (!facts.auth_type.empty()) {
    used = Append(to, used, {"SMTP_AUTH"});
    if (IsBankName(facts.auth_type)) {
      used = Append(to, used, {"SMTP_AUTH_", facts.auth_type});
      if (IsBankName(facts.auth_ssf)) {
        used = Append(to, used, {"SMTP_AUTH_", facts.auth_type, "_", facts.auth_ssf});
      }
    }
  }
  return {to.data(), used};
}

}  // namespace relay
