// Debug lines: states (2, 3) and readable protocol traces (4 to 9). Each function answers at once
// below its level.
//
//   4  milter commands and replies by name      5  also their texts and the macros
//   6  also AM.PDP requests and replies         7  also body pieces by size
//   8  also the first octets of body pieces     (9: as 8)
//
// Levels 5 and above write parts of mail into the log: for a bad day, not for every day.
#ifndef MILLRACE_RELAY_TRACE_H_
#define MILLRACE_RELAY_TRACE_H_

#include <span>
#include <string_view>

#include "engine/base/units.h"
#include "engine/io/loop.h"
#include "milter/session.h"

namespace relay {

class ShardApp;

inline constexpr int kTraceCommands = 4;
inline constexpr int kTraceTexts = 5;
inline constexpr int kTraceScanner = 6;
inline constexpr int kTraceBodies = 7;
inline constexpr int kTraceContent = 8;

// 2: the main states of a message.  3: everything else of our own.
inline constexpr int kDebugStates = 2;
inline constexpr int kDebugAll = 3;

// One debug line "what session=N qid=…" at kDebugStates, or at kDebugAll without a queue id.
void TraceState(ShardApp& shard,
                std::string_view what,
                engine::SocketId session,
                std::string_view queue_id) noexcept;
void TraceSession(ShardApp& shard, std::string_view what, engine::SocketId session) noexcept;
// A scan's state by name, with its slot.
void TraceScan(ShardApp& shard, std::string_view state, std::string_view slot) noexcept;

void TraceEvent(ShardApp& shard, engine::SocketId session, const milter::Event& event) noexcept;
// `replies`: whole packets, as they are sent.
void TraceReplies(ShardApp& shard, engine::SocketId session, engine::ConstBytes replies) noexcept;
// `lines`: a request or a reply of AM.PDP, a log line for each of its lines.
void TraceLines(ShardApp& shard, std::string_view what, std::span<const char> lines) noexcept;

}  // namespace relay

#endif  // MILLRACE_RELAY_TRACE_H_
