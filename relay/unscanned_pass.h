// What the mail server is told of a message that passes unscanned: no field that claims a scan
// stays, the operator's mark (if there is one) goes to the top, and it is held if that is asked
// for.
//
//   Prepare()   finds the fields that the sender wrote himself: X-Spam-*, X-Virus-Scanned, our mark
//   Write()     deletes them (of one name the highest index first, which every mail server takes
//               alike), inserts the mark, QUARANTINE, CONTINUE
//
// Linear but for the sorting of what was found. Memory: the message's arena. One shard.
#ifndef MILLRACE_RELAY_UNSCANNED_PASS_H_
#define MILLRACE_RELAY_UNSCANNED_PASS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "milter/replies.h"
#include "relay/message.h"

namespace relay {

class UnscannedPass {
 public:
  // All outlive the pass. An empty `mark_name`: no mark.
  struct Options {
    std::string_view mark_name;
    std::string_view mark_value;
    std::string_view quarantine;  // the reason to hold the message; empty: it goes on
  };
  UnscannedPass(Message& message, const Options& options) noexcept
      : message_(message), options_(options) {}

  // False: the arena has no room for what was found; the message must not pass.
  [[nodiscard]] bool Prepare() noexcept;

  // False: the mark could not be written. Run it once over a counting writer, then over a real one.
  bool Write(milter::ReplyWriter& out) const noexcept;

 private:
  struct Field {
    std::string_view name;
    std::uint32_t index = 0;  // among the fields of that name, from 1
  };

  bool Claims(std::string_view name) const noexcept;

  Message& message_;
  Options options_;
  std::span<Field> forged_;  // by name, then by index
};

}  // namespace relay

#endif  // MILLRACE_RELAY_UNSCANNED_PASS_H_
