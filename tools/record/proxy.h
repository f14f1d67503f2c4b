// The recording proxy as a whole: sockets, signals, loop, recorder. What main() of millrace-record
// calls once its command line is read.
//
//   mail server --> listen        [ProxyRelay: one loop thread]  --> milter
//   AM.PDP client --> listen_ampdp          |                    --> amavisd
//                                           | copies of what passed (a bounded byte queue)
//                                           v
//                                 [Recorder: writer thread] --> RecordFilter --> trace file
//
// The mail comes first: what arrives is sent on before it is handed to the recorder, and nothing
// that happens to the trace file (full, slow, broken) touches a session. It ends the recording.
//
// End: SIGTERM or SIGINT closes the listeners; sessions that are open may go on for `drain`; what
// is open then, or at a second signal, is closed and recorded as Ending::kRecorderClosed. SIGUSR1
// prints the status line. SIGHUP is ignored.
// Not its work: the command line, users and pid files, several loops (one thread forwards all).
#ifndef MILLRACE_TOOLS_RECORD_PROXY_H_
#define MILLRACE_TOOLS_RECORD_PROXY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/units.h"
#include "engine/io/make_loop.h"
#include "engine/net/address.h"
#include "engine/net/listener.h"
#include "tools/record/record_filter.h"
#include "tools/trace/trace_writer.h"

namespace record {

// How octets get from one socket to the other. kAuto: by receive and send; a stream of large pieces
// by splice(2) and tee(2) where that was measured to be cheaper (README.md).
enum class ForwardMode : std::uint8_t { kAuto, kCopy, kSplice };

inline constexpr std::size_t kBufferBytesDefault = 64 * engine::kMiB;
inline constexpr std::size_t kBufferBytesMin = 1 * engine::kMiB;
inline constexpr std::size_t kBufferBytesMax = 4096 * engine::kMiB;
inline constexpr engine::Time kDrainDefault = std::chrono::seconds(30);
inline constexpr std::uint32_t kConnectionsMax = 100'000;  // accepted ones at once, at most

struct ProxyConfig {
  // At least one of the two pairs. Each may listen at several places (Acceptor::kListenersMax in
  // all).
  std::vector<engine::Address> listen{};
  std::optional<engine::Address> milter{};
  std::vector<engine::Address> listen_ampdp{};
  std::optional<engine::Address> amavisd{};
  engine::ListenOptions socket{};  // mode, owner and group of Unix sockets

  std::string trace_file{};
  trace::WriterOptions writer{};
  RecordFilter* filter = nullptr;           // used by the writer's thread alone; outlives RunProxy
  std::string program = "millrace-record";  // for the meta record: name and version

  ForwardMode forward = ForwardMode::kAuto;
  engine::IoChoice io = engine::IoChoice::kAuto;
  // What may wait for the writer. Full: the disk is too slow, and the recording ends.
  std::size_t buffer_bytes = kBufferBytesDefault;
  engine::Time drain = kDrainDefault;
  // Accepted connections at once; each needs two descriptors. 0: half of what RLIMIT_NOFILE leaves.
  // One more is closed as soon as it is accepted, and counted.
  std::uint32_t connections = 0;
  bool sync_every_second = false;  // fdatasync(2) while it runs; at the end in any case
  bool verbose = false;            // a status line on stderr every ten seconds
};

// Runs until it is told to end. Blocks the four signals of engine/io/signals.h: call it before any
// thread is started. Prints "ready on ADDRESS" for each listener on stdout, then the rest on
// stderr. Exit status: 0 all was recorded; 1 a socket or the loop could not be opened, or the
// recording ended early (the mail went on); 64 sockets that do not go together; 73 the trace file
// could not be opened.
int RunProxy(const ProxyConfig& config);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_PROXY_H_
