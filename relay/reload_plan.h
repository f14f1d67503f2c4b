// What a reload would do, decided whole before anything is done.
//
// A listener keeps its slot (its number towards the shards) and its descriptor while its socket
// stays. One that is gone, or moved, leaves a tombstone in its slot, so that its sessions
// find their settings; a slot is used again once it has been a tombstone for longest and no other
// is free. Keys that need a restart are errors, and so are scanners that what was set up at start
// has no room for: more connections than descriptors were kept for, or one on another host beside
// spool files that are used again (it may cache what it has read). Pure: nothing is opened here.
#ifndef MILLRACE_RELAY_RELOAD_PLAN_H_
#define MILLRACE_RELAY_RELOAD_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "relay/config_diff.h"
#include "relay/settings.h"

namespace relay {

struct ReloadPlan {
  // Of one listener of the new configuration, by its position there.
  struct Listener {
    std::uint32_t slot = 0;
    bool open = false;    // a new socket
    bool adjust = false;  // mode or backlog of the one that is there
  };
  std::vector<std::string> errors;  // not empty: nothing may be done
  std::vector<KeyChange> changes;
  std::vector<Listener> listeners;
  std::vector<std::uint32_t> removed;     // slots that stop listening
  std::vector<engine::Address> scanners;  // resolved, one per Config::scanners
  std::vector<std::string> scanners_added;
  std::vector<std::string> scanners_removed;
};

// `scanners`: the resolved addresses, one per Config::scanners of `wanted`.
ReloadPlan PlanReload(const Settings& running,
                      const Limits& limits,
                      const Config& wanted,
                      std::vector<engine::Address> scanners);

// The settings after it. `running` stays as it is; `*next` is new.
void FillNextSettings(const Settings& running,
                      const Limits& limits,
                      const Config& wanted,
                      const ReloadPlan& plan,
                      Settings* next);

}  // namespace relay

#endif  // MILLRACE_RELAY_RELOAD_PLAN_H_
