// The filter's end of one milter connection: bytes in, events out.
//
//            O             M                 L N B              E
//   kStart ----> kIdle ----------> kEnvelope ------> kContent ------> kVerdict
//                ^ ^  ^  A C H K       |  A C H K       |               |
//                | |  +----------------+                |               |
//                | +------------------------------------+               |
//                +---- VerdictSent(), A C H K --------------------------+
//   M in kEnvelope, kContent or kVerdict ends that message (aborts_message) and begins the next.
//   Q: kEnded. Anything that breaks the protocol: kEnded after one kBroken.
//
// Unlike libmilter, no command that waits for a reply is dropped: one that makes no sense comes out
// as a stray with reply_due. The exception is a stray after end of message, before the verdict: any
// answer to it would be read as the verdict, so that is kBroken (kOutOfOrder).
//
// Source: libmilter/engine.c for what peers may rely on; milter8.c and sendmail/milter.c for what
// they send.
//
// Limits: FilterOptions::payload_bytes_max; one pool block per half packet.
// Deliberately absent: macro storage, timeouts, replies (replies.h), policy.
#ifndef MILLRACE_MILTER_SESSION_H_
#define MILLRACE_MILTER_SESSION_H_

#include <cstdint>
#include <string_view>

#include "engine/base/block_pool.h"
#include "engine/base/units.h"
#include "milter/commands.h"
#include "milter/negotiate.h"
#include "milter/packet_reader.h"
#include "milter/wire.h"

namespace milter {

enum class EventKind : std::uint8_t {
  kNeedMore,
  kNegotiated,
  kMacro,
  kConnect,
  kHelo,
  kMail,
  kRcpt,
  kData,
  kHeader,
  kEndOfHeaders,
  kBody,
  kEndOfMessage,
  kUnknown,
  kAbort,
  kQuit,
  kQuitNc,
  kBroken,
};

enum class BrokenReason : std::uint8_t {
  kNone,
  kLengthZero,
  kLengthTooLong,
  kUnknownCommand,
  kNotNegotiated,  // a command before OPTNEG
  kNegotiatedTwice,
  kNegotiationShort,  // less than twelve bytes
  kVersionTooOld,
  kActionsNotOffered,  // Event::missing_actions names them
  kMalformed,          // a payload that cannot be understood; Event::command tells of what
  kOutOfOrder,         // a command that waits for an answer, between end of message and verdict
  kNoMemory,           // ours, not the peer's: no pool block for a split packet
};

// Views are valid until the next call of Next() or Feed().
struct Event {
  EventKind kind = EventKind::kNeedMore;
  // The mail server waits for one final reply. Never for kMacro, kAbort, kQuit, kQuitNc; for kBody
  // only with the packet's last piece. kNegotiated: with ReplyWriter::Negotiate(session.answer()).
  bool reply_due = false;
  // A message was in progress and ends without a verdict by this event: handle that first.
  bool aborts_message = false;
  // The command makes no sense here (a recipient without MAIL, a header after the body). Use
  // nothing of it. If a reply is due: CONTINUE, but TEMPFAIL for kEndOfMessage. When in_message(),
  // the message can no longer be trusted and should be failed.
  bool stray = false;
  BrokenReason reason = BrokenReason::kNone;
  std::uint8_t command = 0;     // the raw command byte; for kBroken 0 when it has not come
  char stage = 0;               // kMacro: letter of the command that the macros belong to
  Actions missing_actions = 0;  // kBroken with kActionsNotOffered
  // CONNECT: host. HELO: argument. MAIL, RCPT: the address as given, with its brackets if it had
  // some; empty or "<>" is the null sender. HEADER: name. UNKNOWN: the line.
  std::string_view name;
  // HEADER: value as on the wire. MAIL, RCPT: ESMTP arguments, for EsmtpReader. MACRO: the pairs,
  // for MacroReader.
  std::string_view value;
  engine::Bytes body;  // kBody: a piece, mutable; empty only for an empty packet
  Client client;       // kConnect
  Offer offer;         // kNegotiated: what the mail server offered
};

// One per connection, in its owner's record. One thread.
class FilterSession {
 public:
  // Both outlive the session. Blocks taken from the pool go back at the latest in the destructor.
  FilterSession(const FilterOptions& options, engine::BlockPool& pool) noexcept;

  // Counts from the next negotiation on; `options` outlives the session, or the next call of this.
  void set_options(const FilterOptions& options) noexcept { options_ = &options; }

  // `bytes` must stay valid and untouched (but for body pieces that came out) until Next() answers
  // kNeedMore or TakeUnread() is called; only then may more be fed.
  void Feed(engine::Bytes bytes) noexcept { reader_.Feed(bytes); }

  // The next event; kNeedMore when all bytes are read. After kQuit and kBroken: always kNeedMore,
  // and all further bytes are dropped.
  [[nodiscard]] Event Next() noexcept;

  // Gives back what was fed and not read yet, for a caller that must stop in the middle.
  engine::Bytes TakeUnread() noexcept { return reader_.TakeUnread(); }

  // For a caller that moves body octets past this session (splice(2)), after kNeedMore. What comes
  // next on the stream: octets of a packet's head, of the body of the message in progress, of
  // macros (some mail servers send a packet of them before each of the body). All 0: something
  // else. All but the body has to be fed.
  std::uint32_t head_bytes_ahead() const noexcept;
  std::uint32_t macro_bytes_ahead() const noexcept;
  std::uint32_t body_bytes_ahead() const noexcept;
  // 1 .. body_bytes_ahead() octets of the stream went elsewhere: what Next() would have answered to
  // them, but for the octets (Event::body is empty).
  [[nodiscard]] Event BodyTaken(std::uint32_t bytes) noexcept;

  // The final reply to end of message has been written: the message is over. No effect when none
  // was awaited.
  void VerdictSent() noexcept;

  // What was agreed on; zeros before kNegotiated.
  Answer answer() const noexcept;
  std::uint32_t version() const noexcept { return version_; }
  Actions actions() const noexcept { return actions_; }
  Protocol protocol() const noexcept { return protocol_; }
  bool leading_space() const noexcept { return (protocol_ & kLeadingSpace) != 0; }
  // True when `command` is answered under the agreed mask.
  bool replies_to(Command command) const noexcept { return (protocol_ & NoReplyBit(command)) == 0; }

  // Between MAIL and VerdictSent() or an abort.
  bool in_message() const noexcept;
  // Between end of message and VerdictSent().
  bool awaits_verdict() const noexcept { return state_ == State::kVerdict; }
  // Content has begun (HEADER, EOH or BODY, be it the first bytes of one) and not ended.
  bool content_phase() const noexcept;
  // A packet has begun and not ended.
  bool half_packet() const noexcept { return reader_.half_packet(); }

 private:
  enum class State : std::uint8_t { kStart, kIdle, kEnvelope, kContent, kVerdict, kEnded };
  // What has been seen of the content: a header field after the headers' end is a stray.
  enum class Part : std::uint8_t { kHeaders, kBody };

  Event Decode(const Packet& packet) noexcept;
  Event OnNegotiate(const Packet& packet) noexcept;
  Event OnMacro(const Packet& packet) noexcept;
  Event OnConnection(const Packet& packet) noexcept;
  Event OnMail(const Packet& packet) noexcept;
  Event OnRcptOrData(const Packet& packet) noexcept;
  Event OnHeader(const Packet& packet) noexcept;
  Event OnEndOfHeaders(const Packet& packet) noexcept;
  Event OnBody(const Packet& packet) noexcept;
  Event OnEndOfMessage(const Packet& packet) noexcept;
  Event OnEnd(const Packet& packet) noexcept;
  Event OnUnknown(const Packet& packet) noexcept;
  Event Broken(BrokenReason reason, std::uint8_t command) noexcept;
  Event Make(EventKind kind, const Packet& packet) const noexcept;
  void BeginWithoutMail() noexcept;
  void Enter(State state) noexcept { state_ = state; }

  const FilterOptions* options_;
  PacketReader reader_;
  Actions actions_ = 0;
  Protocol protocol_ = 0;
  std::uint8_t version_ = 0;
  State state_ = State::kStart;
  Part part_ = Part::kHeaders;
  bool eom_piece_given_ = false;  // data of an end-of-message packet came out; its end is still due
};
static_assert(sizeof(FilterSession) <= 128, "part of the 448 bytes that an idle session may take");

// "kLengthTooLong" -> "packet longer than the limit": for the line that tells why a connection is
// closed.
std::string_view BrokenReasonText(BrokenReason reason) noexcept;

}  // namespace milter

#endif  // MILLRACE_MILTER_SESSION_H_
