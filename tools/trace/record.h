// The records of a trace as they are in memory: what was seen of mail server and filter, and of
// client and scanner. The file format is in trace_file.h; transcript.h makes sense of packets.
//
//   connect                                                                       close
//     |-- OPTNEG, CONNECT, HELO --|-- MAIL .. verdict, ABORT --|-- MAIL .. --| ... --|
//     '------ SessionRecord ------'------ TransactionRecord ---'-------------'-- CloseRecord
//
// A session's records have its number, and come in that order; records of different sessions are
// interleaved as they ended. A session without a message has no TransactionRecord; every session
// that was seen to its end has a SessionRecord and a CloseRecord. MACRO packets belong to the
// command that they precede, an ABORT that follows a verdict to the transaction that it ends, and
// so does an ABORT or a QUIT in place of a verdict. What passes between two transactions leads the
// second one's packets: session_observer.h has it exactly.
// The octets of BODY packets (and of an end of message that carries some) are taken out of the
// packets and kept once per content: see BodyRef.
#ifndef MILLRACE_TOOLS_TRACE_RECORD_H_
#define MILLRACE_TOOLS_TRACE_RECORD_H_

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "milter/mta_session.h"

namespace trace {

enum class Direction : std::uint8_t { kToFilter, kToServer };

// One MILTER packet without its length.
struct Packet {
  std::uint64_t offset_us = 0;  // since the record's time_us; in a CloseRecord before it
  Direction direction = Direction::kToFilter;
  std::uint8_t code = 0;  // a milter::Command or milter::Reply, as it was on the wire
  // Of its payload, taken out: the next ones of the record's body, when that is kWhole.
  std::uint32_t body_bytes = 0;
  std::string payload;  // the rest: all but of BODY packets
};

// BLAKE2b-256 of the octets.
using ContentHash = std::array<std::uint8_t, 32>;

// Where a body is. bytes 0: there is none, and nothing else counts.
struct BodyRef {
  ContentHash hash{};
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  // in the file, of the body's record; the writer sets it
};

struct SessionRecord {
  std::uint64_t session = 0;  // from 1, in the order of connecting; never twice in a file
  std::uint64_t time_us = 0;  // since 1970 UTC, when the connection was accepted
  std::vector<Packet> packets;
};

enum class Captured : std::uint8_t {
  kWhole,       // the body is what was sent
  kNone,        // there was none to capture, or not an octet
  kLate,        // the other end was answered before the copy was done: it was thrown away
  kUnreadable,  // it could not be read
  kTooLarge,    // over the recorder's limit
};

struct TransactionRecord {
  std::uint64_t session = 0;
  std::uint64_t time_us = 0;  // of its first packet
  std::uint32_t index = 0;    // in its session, from 0
  // What became of the message. kNone with decided_at 0: no verdict was given (left, reset,
  // imported, made up).
  milter::Outcome outcome = milter::Outcome::kNone;
  std::uint8_t decided_at = 0;  // the milter::Command whose reply decided
  Captured captured = Captured::kNone;
  BodyRef body{};
  std::vector<Packet> packets;
};

enum class Ending : std::uint8_t {
  kQuit,            // QUIT, then closed
  kServerClosed,    // the mail server closed without QUIT
  kFilterClosed,    // the filter closed first
  kFilterRefused,   // the filter could not be reached
  kNotUnderstood,   // octets that are no MILTER packets: forwarded, not recorded any further
  kRecorderClosed,  // the recorder was stopped
};

struct CloseRecord {
  std::uint64_t session = 0;
  std::uint64_t time_us = 0;  // of the close
  Ending ending = Ending::kQuit;
  std::uint32_t transactions = 0;
  std::uint32_t error = 0;      // errno of a broken connection, 0 otherwise
  std::vector<Packet> packets;  // after the last transaction (without one: empty)
};

// One AM.PDP request with its reply; octets as on the wire.
struct ScanRecord {
  std::uint64_t time_us = 0;     // when the client had connected
  std::uint64_t request_us = 0;  // since then, when the request was whole
  std::uint64_t reply_us = 0;    // since then, when the reply was whole or the connection had ended
  Captured captured = Captured::kNone;
  BodyRef message{};  // what the request's tempdir held: header and body in one
  std::string request;
  std::string reply;  // cut off where the connection ended early
};

// The first record, and again where another recorder went on with the file: a JSON object. Keys:
// "program", "source" ("proxy", "import", "synthetic", "anonymised"), "started" (RFC 3339),
// and what the source adds.
struct MetaRecord {
  std::uint64_t time_us = 0;
  std::string json;
};

// The last record of a recording that was ended in order: a JSON object. Keys: "reason"
// ("stopped", "disk full", "too slow", ...), "sessions", "transactions", "dropped".
struct EndRecord {
  std::uint64_t time_us = 0;
  std::string json;
};

using Record =
    std::variant<SessionRecord, TransactionRecord, CloseRecord, ScanRecord, MetaRecord, EndRecord>;

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_RECORD_H_
