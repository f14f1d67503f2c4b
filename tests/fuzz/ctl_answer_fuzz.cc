// Fuzzes what millracectl makes of an answer.
//
// Input:  an answer of a control socket.
// Checks: whatever is accepted has a text; no control character but line ends is in it.
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "tools/ctl/answer_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ctl::TextOf(std::string(reinterpret_cast<const char*>(data), size));
  if (!text.ok()) return 0;
  ENGINE_CHECK(!text->text.empty());
  for (const char c : text->text)
    ENGINE_CHECK(c == '\n' || c < 0 || (c >= ' ' && c != '\x7f'));
  return 0;
}
