// What may go wrong in a simulated world, and how often: chances in a million, drawn by the seed.
//
// All zero (the default): bytes come whole, in order, after delay_min .. delay_max, and nothing
// fails. Rough(): all of it happens, each often enough to meet every path within some thousand
// messages. May be changed while the world runs.
#ifndef MILLRACE_TESTS_SIM_SIM_FAULTS_H_
#define MILLRACE_TESTS_SIM_SIM_FAULTS_H_

#include <cstddef>
#include <cstdint>

#include "engine/base/units.h"

namespace sim {

using engine::Time;
using PerMillion = std::uint32_t;

struct SimFaults {
  // Streams. Delays are drawn for each piece that is sent; order within a stream is kept.
  Time delay_min = std::chrono::microseconds(1);
  Time delay_max = std::chrono::microseconds(50);
  Time accept_delay_max = std::chrono::microseconds(50);
  std::size_t buffer_min_bytes = 208 * engine::kKiB;  // room of one direction, drawn per stream
  std::size_t buffer_max_bytes = 208 * engine::kKiB;
  PerMillion short_receive = 0;  // per receive or splice: fewer bytes than are there
  PerMillion short_send = 0;     // per send: fewer bytes than have room
  PerMillion lending = 0;        // per loop: it receives into lent buffers
  PerMillion late_ready = 0;     // per socket and turn: served a turn later
  PerMillion cut = 0;  // per connection: ends, seen as end or reset, at a random moment ...
  Time cut_within = std::chrono::seconds(5);  // ... within this time
  PerMillion connect_refused = 0;
  PerMillion connect_again = 0;  // backlog full
  PerMillion mail_late = 0;      // per turn with mail: delivered later; order in a mailbox is kept
  Time mail_delay_max = std::chrono::milliseconds(2);

  PerMillion pipe_refused = 0;  // per pipe that is made

  // The disk, per call.
  PerMillion disk_full = 0;    // ENOSPC: MakeSlot, WriteV, SpliceFrom
  PerMillion disk_error = 0;   // EIO: all but CloseFile
  PerMillion short_write = 0;  // WriteV, SpliceFrom
  PerMillion no_splice = 0;    // per disk: SpliceFrom never works, EINVAL
  PerMillion disk_stall =
      0;  // the call takes up to stall_max of virtual time, and the shard with it
  Time stall_max = std::chrono::milliseconds(200);

  static SimFaults Rough() noexcept {
    SimFaults f;
    f.delay_max = std::chrono::milliseconds(3);
    f.accept_delay_max = std::chrono::milliseconds(5);
    f.buffer_min_bytes = 256;
    f.short_receive = 200'000;
    f.short_send = 100'000;
    f.lending = 500'000;
    f.late_ready = 100'000;
    f.cut = 20'000;
    f.connect_refused = 10'000;
    f.connect_again = 10'000;
    f.mail_late = 100'000;
    f.pipe_refused = 100'000;
    f.disk_full = 500;
    f.disk_error = 500;
    f.short_write = 20'000;
    f.no_splice = 300'000;
    f.disk_stall = 500;
    return f;
  }
};

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_FAULTS_H_
