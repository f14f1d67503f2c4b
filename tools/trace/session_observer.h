// Turns the two byte streams of one milter connection into records, as they pass.
//
//   octets --> packets --> SessionRecord | TransactionRecord + body | CloseRecord --> RecordSink
//
//   kSession --message packet--> kOpen --verdict--> kHeld --ABORT, or any other packet--> kBetween
//      ^ OPTNEG                    ^ |                                                       |
//                                  | '--ABORT, QUIT, MAIL again: no verdict------------------|
//                                  '-------------------- message packet ---------------------'
// A message packet is MAIL, RCPT, DATA, HEADER, EOH, BODY, EOM, or a MACRO for one of them: with
// NOMAIL negotiated a message begins with what comes first. What passes between two messages (HELO
// again, an UNKNOWN command, also before the first MAIL) leads the next transaction's packets; when
// none follows it is the CloseRecord's, or without any transaction the SessionRecord's.
// One ABORT behind a verdict is the transaction's own: the record waits for the next packet.
// An ABORT or a QUIT that ends a message without a verdict is its last packet. QUIT_NC goes on with
// the same session: its new CONNECT leads the next transaction (neither Postfix nor Sendmail do
// this).
// Sans-IO: the octets of each direction in order, cut anywhere, with their times; a packet's time
// is when it was whole. A packet that was not whole at the end is not recorded. It never fails:
// what is no MILTER packet (first command no OPTNEG, length 0 or over the limit) ends the recording
// of this session (Ending::kNotUnderstood), nothing else; unknown codes are recorded. Used by the
// recording proxy, and by importers, who feed what a played session says.
// Limits: per record kPacketsMax packets and kPayloadBytesMax octets in them, kBodyBytesMax octets
// of body, kPacketBytesMax octets a packet; beyond them the session is kNotUnderstood, or its body
// Captured::kTooLarge.
#ifndef MILLRACE_TOOLS_TRACE_SESSION_OBSERVER_H_
#define MILLRACE_TOOLS_TRACE_SESSION_OBSERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/units.h"
#include "tools/trace/record.h"

namespace trace {

inline constexpr std::size_t kPacketsMax = 200'000;
inline constexpr std::size_t kBodyBytesMax = 256 * engine::kMiB;
inline constexpr std::size_t kPayloadBytesMax = 48 * engine::kMiB;
// The largest that the protocol's extensions negotiate (SMFIP_MDS_1M).
inline constexpr std::size_t kPacketBytesMax = engine::kMiB;

// Where records go, in the order of record.h.
class RecordSink {
 public:
  virtual void OnSession(SessionRecord&& record) = 0;
  virtual void OnTransaction(TransactionRecord&& record, std::string&& body) = 0;
  virtual void OnClose(CloseRecord&& record) = 0;

 protected:
  ~RecordSink() = default;
};

class SessionObserver {
 public:
  // `sink` outlives it.
  SessionObserver(RecordSink& sink, std::uint64_t session, std::uint64_t time_us);
  ~SessionObserver();
  SessionObserver(const SessionObserver&) = delete;
  SessionObserver& operator=(const SessionObserver&) = delete;

  // `time_us` (since 1970) never goes back; one that does is taken for the last one.
  void OnOctets(Direction direction, std::string_view octets, std::uint64_t time_us);
  // Gives the records that are still open; once, the last call. kQuit is told apart from
  // kServerClosed (and kFilterClosed) here.
  void OnEnd(Ending ending, std::uint32_t error, std::uint64_t time_us);

  // Octets that it holds now: packets, body, and what came of a packet that is not whole.
  std::size_t held_bytes() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_SESSION_OBSERVER_H_
