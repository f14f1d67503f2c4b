// Turns the two byte streams of one milter connection into records, as they pass.
//
//   octets --> packets --> SessionRecord | TransactionRecord + body | CloseRecord --> RecordSink
//
// Sans-IO: the octets of each direction in order, cut anywhere, with their times. It never fails:
// what is no MILTER packet ends the recording of this session (Ending::kNotUnderstood), nothing
// else. Used by the recording proxy, and by importers, who feed what a played session says.
// Limits: kPacketsMax packets and kBodyBytesMax octets of body a transaction; beyond them the
// session is kNotUnderstood, or its body Captured::kTooLarge.
#ifndef MILLRACE_TOOLS_TRACE_SESSION_OBSERVER_H_
#define MILLRACE_TOOLS_TRACE_SESSION_OBSERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tools/trace/record.h"

namespace trace {

inline constexpr std::size_t kPacketsMax = 200'000;
inline constexpr std::size_t kBodyBytesMax = 256 * engine::kMiB;

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

  // `time_us` never goes back.
  void OnOctets(Direction direction, std::string_view octets, std::uint64_t time_us);
  // Gives the records that are still open; once. kQuit is told apart from kServerClosed here.
  void OnEnd(Ending ending, std::uint32_t error, std::uint64_t time_us);

  // Octets that it holds now.
  std::size_t held_bytes() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_SESSION_OBSERVER_H_
