// For the milter tests: both ends joined, byte for byte, with a filter that answers as told.
#ifndef MILLRACE_TESTS_MILTER_MTA_PROBE_H_
#define MILLRACE_TESTS_MILTER_MTA_PROBE_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "milter/mta_session.h"
#include "milter/replies.h"
#include "tests/milter/session_probe.h"

namespace milter {

// One transaction with two recipients, three headers, a body.
Transaction SampleTransaction();
MtaScript SampleScript(std::size_t transactions = 1);

// Plays a script against FilterSession. At end of message, and wherever `answer` says so, other
// replies than CONTINUE are written.
class MtaProbe {
 public:
  // Writes the reply to `event` and answers true, or false for CONTINUE.
  using Answerer = std::function<bool(const Event& event, ReplyWriter& writer)>;

  MtaProbe(const MtaOptions& mta, const MtaScript& script, const FilterOptions& filter);

  // Until both are done or wait for something that does not come. `chunk_bytes` cuts both
  // directions.
  void Run(const Answerer& answer = {}, std::size_t chunk_bytes = 4096);

  MtaSession& mta() { return mta_; }
  FilterSession& filter() { return filter_; }
  // Command letters in the order in which the filter got them, macros as their stage in lower case.
  const std::string& letters() const { return letters_; }
  const std::vector<std::string>& lines() const { return lines_; }
  const std::string& sent() const { return sent_; }
  const std::string& body() const { return body_; }

 private:
  void FeedFilter(std::string_view bytes, const Answerer& answer);
  void Answer(const Event& event, const Answerer& answer);

  MtaOptions mta_options_;
  MtaScript script_;
  FilterOptions filter_options_;
  engine::BlockPool pool_{std::size_t{8} << 20};
  MtaSession mta_;
  FilterSession filter_;
  std::string replies_;
  std::string letters_;
  std::vector<std::string> lines_;
  std::string sent_;
  std::string body_;
};

// The mail server's packets as text lines ("M <a@b>\0"), from bytes that it sent.
std::vector<std::string> PacketLines(std::string_view bytes);

}  // namespace milter

#endif  // MILLRACE_TESTS_MILTER_MTA_PROBE_H_
