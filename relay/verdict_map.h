// amavisd's reply, as the replies that a mail server gets at end of message.
//
//   Check(reply)   the whole reply against the message: nothing goes out unless all of it can
//   Write(reply)   edits and verdict as packets, in an order that every mail server applies alike:
//                    all DELRCPT, all ADDRCPT, header deletions and changes, insertions,
//                    QUARANTINE, then exactly one final reply
//
// What differs from the wire on purpose (source: amavisd-milter 1.7.2 and amavisd 2.13, measured):
// - A delrcpt that is no recipient that we sent makes the reply broken: Postfix would ignore it
//   without a word, and deliver.
// - An addrcpt right after a delrcpt is a changed address: it inherits NOTIFY= and ORCPT= where the
//   mail server offers ADDRCPT_PAR.
// - amavisd counts our synthesized Received as the first of its name; the mail server does not have
//   it: indexes of Received are lowered by one, and 0 is dropped.
// - chgheader keeps the spelling that the message has for the indexed field.
// - delheader of an X- field takes every occurrence, highest index first (DeleteHeader::kAll):
//   amavisd only ever names index 1, so a sender who adds the field twice would keep one.
// - addheader is an insertion at the end.
// - setreply is used only where its class and that of its enhanced code fit the verdict; 421
//   becomes 451, 521 becomes 554 (a mail server would end the session). amavisd's own "Failure:"
//   texts name local paths: they stay in our log.
// One shard; no allocation.
#ifndef MILLRACE_RELAY_VERDICT_MAP_H_
#define MILLRACE_RELAY_VERDICT_MAP_H_

#include <cstdint>
#include <string_view>

#include "ampdp/reply.h"
#include "milter/replies.h"
#include "relay/config.h"
#include "relay/message.h"

namespace relay {

// What went out, for the summary line and the counters.
struct EditCounts {
  std::uint32_t recipients_deleted = 0;
  std::uint32_t recipients_added = 0;
  std::uint32_t headers_deleted = 0;
  std::uint32_t headers_changed = 0;
  std::uint32_t headers_inserted = 0;
  std::uint32_t quarantined = 0;
  std::uint32_t dropped = 0;      // edits that the milter wire cannot carry, or of our Received
  std::uint32_t cut = 0;          // header values longer than one packet takes
  bool setreply_dropped = false;  // its class did not fit, or it is a local failure text
};

class VerdictMap {
 public:
  // `message` and `reply` outlive the map. `actions`: what the mail server granted (SMFIF bits).
  // `local_failure`: a temporary failure, told in place of amavisd's "Failure:" texts.
  VerdictMap(const Message& message,
             const ampdp::Reply& reply,
             std::uint32_t actions,
             DeleteHeader delete_header,
             const Refusal& local_failure = ScanFailedRefusal({})) noexcept
      : message_(message),
        reply_(reply),
        actions_(actions),
        delete_header_(delete_header),
        local_failure_(local_failure) {}

  // Empty: the reply can be carried out whole. Else a static text: a broken reply.
  std::string_view Check() noexcept;

  // Writes everything. Run it once over a counting writer to learn the room, then over a real one;
  // both count the same edits.
  EditCounts Write(milter::ReplyWriter& out) noexcept;

 private:
  const Recipient* FindRecipient(std::string_view address) noexcept;
  void WriteRecipients(milter::ReplyWriter& out, EditCounts& counts) noexcept;
  void WriteAddedRecipient(milter::ReplyWriter& out,
                           std::size_t index,
                           EditCounts& counts) noexcept;
  void WriteHeaderRemovals(milter::ReplyWriter& out, EditCounts& counts) const noexcept;
  void WriteHeaderInsertions(milter::ReplyWriter& out, EditCounts& counts) const noexcept;
  void WriteDelete(milter::ReplyWriter& out,
                   const ampdp::Edit& edit,
                   EditCounts& counts) const noexcept;
  void WriteChange(milter::ReplyWriter& out,
                   const ampdp::Edit& edit,
                   EditCounts& counts) const noexcept;
  void WriteFinal(milter::ReplyWriter& out, EditCounts& counts) const noexcept;
  bool WriteSetReply(milter::ReplyWriter& out,
                     std::uint16_t reply_class,
                     EditCounts& counts) const noexcept;

  const Message& message_;
  const ampdp::Reply& reply_;
  std::uint32_t actions_;
  DeleteHeader delete_header_;
  Refusal local_failure_;
  const Recipient* cursor_ = nullptr;  // amavisd answers in the order of the request
};

}  // namespace relay

#endif  // MILLRACE_RELAY_VERDICT_MAP_H_
