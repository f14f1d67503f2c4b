// What two keys say that cannot both hold.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "relay/config.h"
#include "relay/config_rows.h"
#include "relay/failure_keys.h"

namespace relay {
namespace {

using Lines = std::vector<std::string>;

bool IsTcp(const std::string& socket) {
  return socket.starts_with("inet:") || socket.starts_with("inet6:");
}

void CheckSockets(const Config& config, Lines* lines) {
  for (const ListenerConfig& listener : config.listeners) {
    if (IsTcp(listener.socket) && (listener.socket_mode || !listener.socket_owner.empty() ||
                                   !listener.socket_group.empty())) {
      lines->push_back(
          "--socket-mode, --socket-owner and --socket-group are for Unix sockets, not for " +
          listener.socket);
    }
  }
}

template <typename Each>
void CheckNames(const std::vector<Each>& each, std::string_view section, Lines* lines) {
  std::map<std::string, int> names;
  std::map<std::string, int> sockets;
  for (const Each& one : each) {
    const std::string& name = one.name.empty() ? one.socket : one.name;
    if (++sockets[one.socket] == 2) {
      lines->push_back("two of [[" + std::string(section) + "]] have the socket " + one.socket);
    } else if (++names[name] == 2) {
      lines->push_back("two of [[" + std::string(section) + "]] have the name " + name);
    }
  }
}

void CheckGroups(const Config& config, Lines* lines) {
  for (const ListenerConfig& listener : config.listeners) {
    const bool there = std::any_of(
        config.scanners.begin(), config.scanners.end(), [&listener](const ScannerConfig& scanner) {
          return scanner.group == listener.scanner_group;
        });
    if (there) continue;
    const std::string name = listener.name.empty() ? listener.socket : listener.name;
    lines->push_back(listener.scanner_group.empty()
                         ? "[[listener]] " + name +
                               " names no scanner_group, and every [[scanner]] has a group"
                         : "scanner_group " + QuotedText(listener.scanner_group) +
                               " of [[listener]] " + name + " has no [[scanner]]");
  }
}

// Each bank and each network leads to one group, and that has scanners.
void CheckGroupChoice(const Config& config, Lines* lines) {
  std::map<std::string, std::string> groups;  // by what leads there
  const auto add = [&](const std::string& what, const std::string& group) {
    const auto [at, is_new] = groups.emplace(what, group);
    if (!is_new)
      lines->push_back(absl::StrCat(
          "[[scanner_group]] ", at->second, " and [[scanner_group]] ", group, " both have ", what));
  };
  std::set<std::string> names;
  for (const ScannerConfig& scanner : config.scanners)
    names.insert(scanner.group);
  if (names.size() > kScannerGroupsMax) {
    lines->push_back(absl::StrCat(
        "[[scanner]]s name ", names.size(), " groups; at most ", kScannerGroupsMax, " are served"));
  }
  for (const ScannerGroupConfig& group : config.scanner_groups) {
    add("the name " + group.name, group.name);
    for (const std::string& bank : group.policy_banks)
      add("the policy bank " + bank, group.name);
    for (const std::string& network : group.client_networks)
      add("the network " + network, group.name);
    if (!names.contains(group.name)) {
      lines->push_back(absl::StrCat("[[scanner_group]] ", group.name, " has no [[scanner]]"));
    } else if (group.policy_banks.empty() && group.client_networks.empty()) {
      lines->push_back(absl::StrCat("[[scanner_group]] ",
                                    group.name,
                                    " has neither policy_banks nor client_networks: nothing "
                                    "would go there by it"));
    }
  }
}

void CheckFailureRules(const Config& config, Lines* lines) {
  for (const ListenerConfig& listener : config.listeners) {
    const std::string fault = FailureRulesFault(listener);
    if (fault.empty()) continue;
    const std::string name = listener.name.empty() ? listener.socket : listener.name;
    lines->push_back(absl::StrCat("[[listener]] ", name, ": ", fault));
  }
}

void CheckSpool(const Config& config, Lines* lines) {
  const SpoolConfig& spool = config.spool;
  const bool amavisd =
      std::any_of(config.scanners.begin(), config.scanners.end(), [](const ScannerConfig& scanner) {
        return scanner.kind == ScannerKind::kAmavisd;
      });
  if (spool.newlines == Newlines::kCrlf && amavisd) {
    lines->push_back(
        "--spool-newlines=crlf is not for amavisd: it reads files of LF lines, with CRLF DKIM "
        "verification fails and large spam passes; leave the option out, or say "
        "--scanner-kind=other for a scanner that wants CRLF");
  }
  if (spool.splice == SpliceChoice::kOn && spool.newlines != Newlines::kCrlf) {
    lines->push_back(
        "--spool-splice=on needs --spool-newlines=crlf: line ends cannot be changed in octets "
        "that are moved without being looked at");
  }
  if (spool.splice == SpliceChoice::kOn && spool.writes == engine::FileWork::kAsync) {
    lines->push_back(
        "--spool-splice=on contradicts --spool-writes=async: splice(2) into a file waits for the "
        "disk; leave one of them out");
  }
}

}  // namespace

std::vector<std::string> Contradictions(const Config& config) {
  Lines lines;
  CheckSockets(config, &lines);
  if (config.quota.sessions_max != 0 && config.quota.messages_max > config.quota.sessions_max) {
    lines.push_back("--max-messages " + std::to_string(config.quota.messages_max) +
                    " exceeds --max-sessions " + std::to_string(config.quota.sessions_max) +
                    " (a session has one message at a time)");
  }
  CheckSpool(config, &lines);
  CheckNames(config.listeners, "listener", &lines);
  CheckNames(config.scanners, "scanner", &lines);
  CheckGroups(config, &lines);
  CheckGroupChoice(config, &lines);
  CheckFailureRules(config, &lines);
  return lines;
}

}  // namespace relay
