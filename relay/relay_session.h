// One connection of a mail server: MILTER events in, replies out, its message handed to a scan.
//
//   OnBytes -> FilterSession events -> Message, SpoolWriter     OnTurnEnd: one pwritev, one send
//   end of message -> ScanJob -> OnScanReply / OnScanFailed -> edits and verdict in one write
//
// - Every refusal of a message is told at DATA, where all is known and nothing has been sent; what
//   fails where no reply is due sticks to the message and is told at end of message.
// - A problem with one message is an answer to that message, never a closed connection. Only a
// broken
//   protocol, a dead peer or a passed deadline close it.
// - Deadlines: idle 7210 s (libmilter's); a packet begun: -t, restarted by bytes, before the
// content,
//   120 s from the first HEADER on (Postfix flushes a full buffer in mid-packet, and the rest may
//   come minutes later); a reply not taken: 300 s. PROGRESS every 5 s from end of message on.
// An idle session costs this record and one text block. One shard.
#ifndef MILLRACE_RELAY_RELAY_SESSION_H_
#define MILLRACE_RELAY_RELAY_SESSION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ampdp/reply.h"
#include "engine/io/loop.h"
#include "milter/replies.h"
#include "milter/session.h"
#include "relay/client_key.h"
#include "relay/client_quota.h"
#include "relay/failure_policy.h"
#include "relay/message.h"
#include "relay/scan_job.h"
#include "relay/session_text.h"
#include "relay/verdict_map.h"

namespace relay {

class ShardApp;
struct ListenerSettings;
struct Settings;

inline constexpr engine::Time kIdleTimeout = std::chrono::seconds(7210);
inline constexpr engine::Time kContentTimeout = std::chrono::seconds(120);
inline constexpr engine::Time kWriteTimeout = std::chrono::seconds(300);
inline constexpr engine::Time kProgressEvery = std::chrono::seconds(5);
inline constexpr engine::Time kAnswerWithinPostfix = std::chrono::seconds(540);
inline constexpr engine::Time kAnswerWithinOthers = std::chrono::seconds(285);
// Replies that the mail server has not taken yet; above it the connection is given up.
inline constexpr std::size_t kUnsentBytesMax = 4 * engine::kMiB;

class RelaySession final : public engine::SocketEvents, public ScanOwner {
 public:
  // `listener`: whose connection it is. `refusing`: over the session limit;
  // CONNECT is answered 421.
  RelaySession(ShardApp& shard, const ListenerSettings& listener, bool refusing) noexcept;
  ~RelaySession();
  RelaySession(const RelaySession&) = delete;
  RelaySession& operator=(const RelaySession&) = delete;

  // May free the session: where the loop cannot take the descriptor.
  void Begin(int fd) noexcept;

  // What it holds of quotas: given back as the session is freed.
  SessionHold& hold() noexcept { return hold_; }

  const ListenerSettings& listener() const noexcept { return *listener_; }
  // The generation that the message under way is dealt with by; the shard may have a newer one.
  const Settings& settings() const noexcept;
  // Content is under way, or a verdict is awaited.
  bool in_work() const noexcept;
  // Shutdown: answers a message in work with a temporary failure, then closes. Frees the session.
  void EndNow() noexcept;

  void OnBytes(engine::SocketId id, engine::Bytes bytes) noexcept override;
  void OnTurnEnd(engine::SocketId id) noexcept override;
  engine::Drained OnDirect(engine::SocketId id, engine::DirectSocket& socket) noexcept override;
  void OnWritable(engine::SocketId id) noexcept override;
  void OnGone(engine::SocketId id, int error) noexcept override;

  ScanReplyRead OnScanReply(std::span<char> whole, const ScanTimes& times) noexcept override;
  engine::Bytes OnScanRetry(engine::SpoolSlot& copy, std::size_t* bytes) noexcept override;
  void OnScanFailed(const Refusal& refusal, const ScanTimes& times) noexcept override;
  engine::QueuePlace PlaceInQueue() noexcept override;

  // What the message waited for at the spool has come (spool_wait.h). May free the session.
  void OnSlot(engine::SpoolSlot* slot, engine::SpoolRefusal why) noexcept;
  void OnFileWork(int error) noexcept;

 private:
  struct SessionTimer : engine::Timer {
    RelaySession* session = nullptr;
  };

  // relay_session.cc: the connection. Those that answer bool: false when the session is gone.
  bool ReadEvents(engine::Bytes bytes) noexcept;
  bool OnEvent(const milter::Event& event) noexcept;
  void OnMacros(const milter::Event& event) noexcept;
  bool OnConnect(const milter::Event& event) noexcept;
  bool OnStray(const milter::Event& event) noexcept;
  bool ReplyNegotiation() noexcept;
  Message* MessageOfMacros(char stage) noexcept;
  void SetText(SessionText::Field field, std::string_view text) noexcept;
  void ForgetConnection() noexcept;
  void ForgetMailMacros() noexcept;
  void OnTimer(engine::Time now) noexcept;
  void SetDeadline() noexcept;
  void Close() noexcept;
  bool Broken(const milter::Event& event) noexcept;
  milter::ReplyWriter Writer() noexcept;
  bool Took(const milter::ReplyWriter& writer) noexcept;
  bool ReplyContinue() noexcept;
  bool ReplyRefusal(const Refusal& refusal) noexcept;
  bool SendOut() noexcept;
  bool Send(engine::Bytes bytes) noexcept;
  bool KeepUnsent(engine::Bytes bytes) noexcept;
  void HintReading() noexcept;

  // relay_session_content.cc: envelope and content.
  void TakeNewSettings() noexcept;
  void OnMail(const milter::Event& event) noexcept;
  void OnRcpt(const milter::Event& event) noexcept;
  bool OnData(const milter::Event& event) noexcept;
  void OnHeader(const milter::Event& event) noexcept;
  void OnEndOfHeaders() noexcept;
  void OnBody(const milter::Event& event) noexcept;
  bool OnEndOfMessage() noexcept;
  SlotTaken TakeSlot(bool may_wait, Refusal* refusal) noexcept;
  void UseSlot(engine::SpoolSlot& slot) noexcept;
  bool BeginContent() noexcept;
  void WriteReceivedField() noexcept;
  void WriteHeader(std::string_view name, std::string_view value) noexcept;
  void EndHeader() noexcept;
  std::string_view LineEnd(std::string_view text) const noexcept;
  void Check(int write_error) noexcept;
  void DropMessage(std::string_view why) noexcept;
  std::string_view MacroText(Macro macro) const noexcept;
  std::uint16_t ClientPort() const noexcept;

  // relay_session_quota.cc: limits per listener, client and network; sizes.
  bool AdmitClient(const milter::Client& client) noexcept;
  void LeaveClient() noexcept;
  void NoteDeclaredSize(std::string_view arguments) noexcept;
  bool TakeQuota(Refusal* refusal) noexcept;
  void CheckBytes() noexcept;

  // relay_session_queue.cc: the wait for a scanner.
  engine::QueuePlace Place() const noexcept;
  std::optional<IpAddress> ClientIp() const noexcept;
  bool WouldWaitTooLong() noexcept;
  engine::Time WaitAtMost() const noexcept;

  // body_splice.cc: bodies by splice(2).
  enum class SpliceStep : std::uint8_t { kMore, kDrained, kLeft, kGone };
  void ConsiderSplice() noexcept;
  SpliceStep SplicePayload(engine::DirectSocket& socket, std::size_t* moved) noexcept;
  SpliceStep ReadBetween(engine::DirectSocket& socket, std::size_t* moved) noexcept;
  bool DrainPipe() noexcept;
  void CopyPipe() noexcept;
  void LeaveSplice() noexcept;
  void DropPipe() noexcept;
  // relay_session_stall.cc: waits for the spool.
  void BeginWait(SpoolWait::For what) noexcept;
  SpoolWait::For EndWait() noexcept;
  void GiveUpWait() noexcept;
  bool waits_for_slot() const noexcept;
  bool waits_for_disk() const noexcept;
  void SetReading() noexcept;
  engine::Time AnswerWithin() const noexcept;
  engine::Time AnswerBy() const noexcept;
  bool WaitForSlot() noexcept;
  void AnswerData(const Refusal& refusal) noexcept;
  void EndWriting() noexcept;
  bool SealMessage() noexcept;
  bool Sealed(int error) noexcept;
  void OnStalled() noexcept;

  // relay_session_failure.cc: refusals, and what passes unscanned.
  FailureDecision Decide(const Refusal& refusal, FailureStage stage) const noexcept;
  const FailurePolicy& failure_policy() const noexcept;
  bool passes_unscanned() const noexcept;
  void Stick(const Refusal& refusal) noexcept;
  bool RefuseData(const Refusal& refusal) noexcept;
  void CountRefusal(const FailureDecision& decision) noexcept;
  void FailMessage(const Refusal& refusal, engine::SpoolFate fate) noexcept;
  bool AnswerRefusal(const Refusal& refusal, const ScanTimes& times) noexcept;
  bool PassUnscanned(const FailureDecision& decision, const ScanTimes& times) noexcept;

  // relay_session_verdict.cc: scan, verdict, summary.
  bool StartScan() noexcept;
  // Whose scanners the message goes to (relay/group_choice.h).
  ScannerGroup& Scanners() const noexcept;
  // As they are sent; `to`: kBankListBytesMax.
  std::string_view PolicyBanks(std::span<char> to) const noexcept;
  engine::Bytes WriteRequest(const engine::SpoolSlot& slot,
                             std::size_t* bytes,
                             Refusal* why) noexcept;
  bool AnswerWith(engine::Bytes block, std::size_t bytes) noexcept;
  void LogProblems(const ampdp::Reply& reply, const EditCounts& counts) noexcept;
  void EndMessage() noexcept;
  void Summarise(std::string_view verdict,
                 const ScanTimes& times,
                 const ampdp::Reply* reply,
                 const EditCounts& counts) noexcept;

  ShardApp& shard_;
  const ListenerSettings* listener_;  // of a generation of settings that it holds on to
  const bool awaits_connect_;         // the mail server is asked to wait for the answer to CONNECT
  milter::FilterSession filter_;
  SessionText text_;
  engine::SocketId id_{};
  SessionTimer timer_;
  Message* message_ = nullptr;    // the one in progress
  Message* next_ = nullptr;       // macros of the next MAIL, come while message_ is in progress
  engine::Pipe* pipe_ = nullptr;  // of the shard's pool: the socket is read in kDirect
  engine::Bytes unsent_;          // a block of the pool, or empty
  std::uint32_t unsent_from_ = 0;
  std::uint32_t unsent_to_ = 0;
  std::uint32_t out_used_ = 0;  // of the shard's out(), in this turn
  SessionHold hold_;
  std::uint16_t client_port_ = 0;
  QuotaLimit refused_by_ = QuotaLimit::kNone;  // its client is over a limit
  bool refusing_ = false;  // over the limit of all sessions, or of its listener's
  bool is_postfix_ = false;
  bool text_lost_ = false;  // the pool had no room for a text: messages are refused
  bool writing_ = false;    // the shard's SpoolWriter is open for message_, in this turn
};

}  // namespace relay

#endif  // MILLRACE_RELAY_RELAY_SESSION_H_
