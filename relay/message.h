// Everything about one mail between its MAIL macros and its verdict.
//
//   kEnvelope --DATA, first HEADER, EOH, BODY--> kContent --end of message--> kScanning --> freed
//       |                                            |                            |   verdict
//       '------ ABORT, new MAIL, HELO, close --------'----------------------------'--> freed
//                                                             (its scan job ends alone)
//
// Texts live in the arena and end with it. The spool slot is the message's until the scan job takes
// it over. A refusal that could not be told yet is kept (`sticky`): what follows is read and
// dropped, and end of message answers it. So is one that the operator lets pass (`sticky_passes`);
// the names of its fields are kept. One shard.
#ifndef MILLRACE_RELAY_MESSAGE_H_
#define MILLRACE_RELAY_MESSAGE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/spool/newlines.h"
#include "engine/spool/spool.h"
#include "relay/client_quota.h"
#include "relay/failure.h"
#include "relay/macro_name.h"
#include "relay/spool_wait.h"

namespace relay {

class ScanJob;

// In the arena. `args`: the ESMTP parameters as they came, for milter::EsmtpReader.
struct Recipient {
  std::string_view address;
  std::string_view args;
  Recipient* next = nullptr;
};

// In the arena: the spelling of each field's name, in order.
struct HeaderName {
  std::string_view name;
  HeaderName* next = nullptr;
};

enum class MessageState : std::uint8_t { kEnvelope, kContent, kScanning };

struct Message {
  // Deleting one of many fields of a name costs a mail server the square of their number.
  static constexpr std::uint32_t kHeaderFieldsMax = 20'000;
  // Of its file. The mail server has its own limit; this one keeps lengths far from overflow.
  static constexpr std::uint64_t kFileBytesMax = std::uint64_t{1} << 40;
  static constexpr std::size_t kArenaBytesMax = 32 * engine::kMiB;

  explicit Message(engine::BlockPool& pool) noexcept : arena(pool, kArenaBytesMax) {}

  // Each answers false when the arena is full: the caller refuses the message.
  bool SetMacro(Macro macro, std::string_view value) noexcept;
  // As SetMacro; an equal value costs nothing (some mail servers send `i` before every packet), and
  // a full arena refuses the message.
  void KeepMacro(Macro macro, std::string_view value) noexcept;
  bool SetSender(std::string_view address) noexcept;
  bool AddRecipient(std::string_view address, std::string_view args) noexcept;
  bool AddHeaderName(std::string_view name) noexcept;
  // What to answer then. `limit`: the message has used up its arena, and would again. While there
  // is room in that, it is the shard's memory that is short, which passes. `bytes`: wanted in one
  // piece.
  Refusal NoRoomRefusal(std::size_t bytes, const Refusal& limit) const noexcept;
  Refusal EnvelopeNoRoomRefusal() const noexcept;

  std::string_view Get(Macro macro) const noexcept {
    return macros[static_cast<std::size_t>(macro)];
  }
  // The first refusal stays, but for one that lets the message pass: any that does not comes first.
  void Refuse(const Refusal& refusal, bool passes = false) noexcept {
    if (sticky && (passes || !sticky_passes)) return;
    sticky = refusal;
    sticky_passes = passes;
  }

  engine::Arena arena;
  std::array<std::string_view, kMacroCount> macros{};
  std::string_view sender;
  std::string_view received_queue_id;  // macro i as it was at MAIL
  Recipient* recipients = nullptr;
  Recipient* last_recipient = nullptr;
  HeaderName* headers = nullptr;
  HeaderName* last_header = nullptr;
  std::optional<Refusal> sticky;
  engine::SpoolSlot* slot = nullptr;
  std::string_view slot_name;  // of the slot while this message or its scan job has it
  SpoolWait spool_wait;
  MessageHold hold;  // of quotas; its scan job's once that has begun
  ScanJob* job = nullptr;
  engine::Time began_at{};
  engine::Time content_end_at{};     // end of message
  std::uint64_t declared_bytes = 0;  // SIZE of MAIL, where a limit asks for it
  std::uint64_t wire_bytes = 0;      // header and body as the mail server sent them
  std::uint32_t recipient_count = 0;
  std::uint32_t header_bytes = 0;
  std::uint32_t header_fields = 0;
  MessageState state = MessageState::kEnvelope;
  bool sticky_passes = false;  // decided by the failure policy; no field has gone unseen
  bool mail_seen = false;      // false: only its macros have come
  bool content_begun = false;  // the synthesized Received is in the spool
  bool header_ended = false;   // so is the empty line
  bool splice_asked = false;   // a pipe has been asked for its body, with or without success
  engine::NewlineConverter newlines;
};

}  // namespace relay

#endif  // MILLRACE_RELAY_MESSAGE_H_
