// A daemon's figures as tests make them up: every part is there, and no number twice.
#ifndef MILLRACE_TESTS_RELAY_MADE_SNAPSHOT_H_
#define MILLRACE_TESTS_RELAY_MADE_SNAPSHOT_H_

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "relay/snapshot.h"

namespace relay {

// Busy, and something is wrong with it.
Snapshot MadeSnapshot();

// Nothing has happened yet.
Snapshot QuietSnapshot();

class MadeSource final : public SnapshotSource {
 public:
  virtual ~MadeSource() = default;
  Snapshot TakeSnapshot() const override {
    asked.fetch_add(1);
    return MadeSnapshot();
  }
  std::vector<ClientFigures> TakeClients(std::size_t shown) const override {
    std::vector<ClientFigures> clients = MadeSnapshot().clients;
    clients.resize(std::min(shown, clients.size()));
    return clients;
  }
  bool stopping() const noexcept override { return stops.load(); }

  std::atomic<bool> stops{false};
  mutable std::atomic<int> asked{0};
};

// The file of tests/golden/control; MILLRACE_WRITE_GOLDEN in the environment: `text` becomes it.
std::string GoldenControl(const std::string& name, const std::string& text);

}  // namespace relay

#endif  // MILLRACE_TESTS_RELAY_MADE_SNAPSHOT_H_
