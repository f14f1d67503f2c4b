// What the floor sends, each made once by millrace's own code and kept.
//
//   OPTNEG       millrace's answer to the offer, kept while offers have the same octets
//   verdict      millrace's packets for the scanner's first reply, sent for all later ones too
//   request      millrace's request with one recipient; the tempdir is all that differs
//
// So nothing of it costs anything in a measurement, as it would not in a program that cannot do
// with less. Not here: replies that differ (a benchmark's scanner has one), mail servers that do
// not offer all that millrace asks for (they would want more answers).
// One thread.
#ifndef MILLRACE_BENCH_FLOOR_ANSWERS_H_
#define MILLRACE_BENCH_FLOOR_ANSWERS_H_

#include <span>
#include <string>
#include <string_view>

#include "milter/negotiate.h"

namespace millrace_floor {

class Answers {
 public:
  // The answer to an OPTNEG payload; empty: the mail server does not offer all that is needed.
  std::string_view ToOffer(std::string_view offer);

  // The packets that end a message: edits and verdict. `reply`: the scanner's, whole; decoded in
  // place the first time. A reply that millrace would not carry out becomes a temporary failure.
  std::string_view ToReply(std::span<char> reply);

 private:
  std::string offer_{};
  std::string offer_answer_{};
  milter::Answer agreed_{};
  std::string verdict_{};
};

// The scanner's request about the message `mail_file` in `directory`.
std::string MakeRequest(const std::string& directory, const std::string& mail_file);

}  // namespace millrace_floor

#endif  // MILLRACE_BENCH_FLOOR_ANSWERS_H_
