// Which group of scanners a message goes to.
//
//   1. the first group of which a policy bank is among those that the message is sent with
//   2. the group with the longest network that the client's address is in
//   3. the group of its listener
//
// Sources: [[scanner_group]] and [[listener]] scanner_group of the configuration. Groups are known
// by name here; their numbers (relay/scanner_groups.h) are looked up where they are used.
#ifndef MILLRACE_RELAY_GROUP_CHOICE_H_
#define MILLRACE_RELAY_GROUP_CHOICE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/client_key.h"
#include "relay/config.h"

namespace relay {

class GroupChoice {
 public:
  // Once. The configuration's check has found every network to be one.
  void Fill(const std::vector<ScannerGroupConfig>& groups);

  bool empty() const noexcept { return banks_.empty() && networks_.empty(); }
  // `banks`: as they are sent, with commas between; `client`: nullopt, nobody knows; `otherwise`:
  // the listener's group. The answer lives as long as this, or as `otherwise`.
  std::string_view Choose(std::string_view banks,
                          const std::optional<IpAddress>& client,
                          std::string_view otherwise) const noexcept;

 private:
  struct Bank {
    std::string name;
    std::string group;
  };
  struct InNetwork {
    Network network;
    std::string group;
  };
  std::vector<Bank> banks_;
  std::vector<InNetwork> networks_;  // longest first
};

}  // namespace relay

#endif  // MILLRACE_RELAY_GROUP_CHOICE_H_
