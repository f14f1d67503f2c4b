// A milter that does nothing: it accepts every message at its end, as fast as it can.
//
//   OPTNEG -> every NR bit that was offered, no edits    END OF MESSAGE -> CONTINUE    rest -> -
//
// For measuring the player itself, and what a mail server does at most. It reads all that it is
// sent and checks that it is MILTER (milter::FilterSession). What is not answered by agreement is
// answered by CONTINUE where a mail server did not offer the bit.
// Limits: `connections_max`; further ones are closed at once. One thread, the loop's.
#ifndef MILLRACE_TOOLS_REPLAY_NULL_MILTER_H_
#define MILLRACE_TOOLS_REPLAY_NULL_MILTER_H_

#include <cstdint>

#include "engine/base/block_pool.h"
#include "engine/base/slab.h"
#include "engine/io/loop.h"
#include "milter/session.h"

namespace replay {

class NullMilter {
 public:
  static constexpr std::size_t kPoolBytes = 256 * engine::kMiB;  // of half packets

  // `loop` outlives it.
  NullMilter(engine::Loop& loop, std::uint32_t connections_max);
  ~NullMilter();  // closes all connections
  NullMilter(const NullMilter&) = delete;
  NullMilter& operator=(const NullMilter&) = delete;

  // Serves what comes in on a listening descriptor, which stays the caller's and is to be stopped
  // before this ends.
  void Listen(int fd);

  std::uint64_t sessions() const noexcept { return sessions_; }
  std::uint64_t messages() const noexcept { return messages_; }
  std::uint64_t broken() const noexcept { return broken_; }
  std::size_t open() const noexcept { return connections_.in_use(); }

 private:
  class Connection;
  friend class Connection;

  void Accept(int fd);

  engine::Loop& loop_;
  const milter::FilterOptions options_;
  engine::BlockPool pool_{kPoolBytes};
  engine::Slab<Connection> connections_;
  std::uint64_t sessions_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t broken_ = 0;
};

}  // namespace replay

#endif  // MILLRACE_TOOLS_REPLAY_NULL_MILTER_H_
