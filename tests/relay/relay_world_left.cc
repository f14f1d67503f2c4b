// What must be left when a simulated relay has ended: no count above zero, no file, no descriptor.
#include <atomic>
#include <string>

#include "tests/relay/relay_world.h"

namespace relay_sim {

// Everything that was taken has been given back.
void RelayWorld::CheckQuotas() {
  if (shared_.sessions.value() != 0 || shared_.messages.value() != 0)
    world_.Broken("shared counts leaked");
  for (const relay::SharedCounts::Listener& listener : shared_.listeners) {
    if (listener.sessions.value() != 0 || listener.messages.value() != 0)
      world_.Broken("counts of a listener leaked");
  }
  const engine::KeyTableTotals totals = shared_.clients.Totals();
  if (totals.keys != 0 || totals.connections != 0 || totals.in_flight != 0)
    world_.Broken("counts of clients leaked");
  if (shared_.spool_bytes.load(std::memory_order_relaxed) != 0) world_.Broken("spool bytes leaked");
}

void RelayWorld::CheckSpool(std::size_t shard) {
  const std::string root = "/spool/" + std::to_string(shard);
  for (const std::string& name : world_.files().List(root)) {
    std::string what = "left behind: ";
    what.append(root).append("/").append(name);
    world_.Broken(what);
  }
  const sim::SimDisk& disk = loops_[shard]->sim_disk();
  if (disk.open_files() != 0) world_.Broken("files left open");
  if (governor_.work() == engine::FileWork::kAsync && disk.calls_in_shard() != 0)
    world_.Broken("file calls in a shard, although all are to be asynchronous");
}

}  // namespace relay_sim
