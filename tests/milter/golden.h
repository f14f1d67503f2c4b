// Golden transcripts for the milter tests (tests/golden/milter/*.milter; its make.py tells the
// form).
#ifndef MILLRACE_TESTS_MILTER_GOLDEN_H_
#define MILLRACE_TESTS_MILTER_GOLDEN_H_

#include <string>
#include <vector>

namespace milter {

struct GoldenPacket {
  bool from_mta = false;
  char code = 0;
  std::string payload;
};

struct GoldenConnection {
  std::string name;  // "clean_small/2"
  bool sendmail = false;
  std::vector<GoldenPacket> packets;
};

// Every connection of every transcript, sorted by file.
const std::vector<GoldenConnection>& GoldenConnections();

}  // namespace milter

#endif  // MILLRACE_TESTS_MILTER_GOLDEN_H_
