// The keys of the configuration file that say what is done about failures: rows of [[listener]],
// for each class an action and a reply (failure_rules.h).
//
//   on_scanner_unreachable = "quarantine"      scanner_unreachable_reply = "451 4.7.1 Our words"
//
// "default" is what an action is that is not written: -P's word, or the default of the class.
#ifndef MILLRACE_RELAY_FAILURE_KEYS_H_
#define MILLRACE_RELAY_FAILURE_KEYS_H_

#include <span>
#include <string>
#include <string_view>

#include "relay/config_keys.h"
#include "relay/failure_rules.h"

namespace relay {

std::span<const Key> FailureKeys();

// "on_overload"
std::string_view ActionKeyName(FailureClass failure) noexcept;

// What is wrong with the listener's rules, with the name of the key; empty: nothing.
std::string FailureRulesFault(const ListenerConfig& listener);

}  // namespace relay

#endif  // MILLRACE_RELAY_FAILURE_KEYS_H_
