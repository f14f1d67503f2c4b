// What a message waits for while the spool works asynchronously (engine/spool/spool.h).
//
//   kSlot    the reply to DATA is due; commands that came with it are held     at most kStallWithin
//   kWrite   content is on its way into the file; reading pauses               at most kStallWithin
//            ... after end of message                                          until answer_within
//   kSeal    the file gets its exact length, then the scan begins              until answer_within
//
// kStallWithin: mail servers time our side out, Sendmail after 10 s. When a wait passes its limit
// the message is given up: what follows is read and dropped, and its end is answered 451 4.3.1. The
// session lives. One message waits for one thing at a time; the record is part of the message.
#ifndef MILLRACE_RELAY_SPOOL_WAIT_H_
#define MILLRACE_RELAY_SPOOL_WAIT_H_

#include <cstddef>
#include <cstdint>

#include "engine/base/units.h"
#include "engine/io/loop.h"
#include "engine/spool/spool.h"

namespace relay {

class RelaySession;

inline constexpr engine::Time kStallWithin = std::chrono::seconds(5);

// kLater: the message's SpoolWait is told.
enum class SlotTaken : std::uint8_t { kNow, kLater, kRefused };

class SpoolWait final : public engine::SpoolWaiter {
 public:
  enum class For : std::uint8_t { kNothing, kSlot, kWrite, kSeal };
  struct WaitTimer : engine::Timer {
    RelaySession* session = nullptr;
  };

  void OnSlot(engine::SpoolSlot* slot, engine::SpoolRefusal why) noexcept override;
  void OnFileWork(int error) noexcept override;

  For what = For::kNothing;
  WaitTimer timer;
  engine::Bytes held;          // kSlot: a block of the shard's pool, or empty ...
  std::size_t held_bytes = 0;  // ... with so many octets of commands
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SPOOL_WAIT_H_
