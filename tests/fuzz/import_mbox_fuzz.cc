// libFuzzer: any octets as an mbox file: cut anywhere the same messages come out, none over the
// limit.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tools/record/mbox_reader.h"

namespace {

constexpr std::size_t kBytesMax = 512;

std::vector<std::string> Split(std::string_view text, std::size_t piece, bool mboxo) {
  std::vector<std::string> all;
  record::MboxReader reader(mboxo ? record::MboxQuoting::kMboxo : record::MboxQuoting::kMboxrd,
                            kBytesMax);
  for (;;) {
    record::MboxMessage message;
    switch (reader.Next(&message)) {
      case record::MboxResult::kMessage:
        if (message.octets.size() > kBytesMax) std::abort();
        all.push_back(std::move(message.octets));
        break;
      case record::MboxResult::kTooLarge: all.emplace_back("too large"); break;
      case record::MboxResult::kNotMbox:
      case record::MboxResult::kEnd: return all;
      case record::MboxResult::kNeedMore:
        if (text.empty()) reader.End();
        reader.Feed(text.substr(0, piece));
        text.remove_prefix(std::min(piece, text.size()));
        break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool mboxo = (data[0] & 1) != 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<std::string> whole = Split(text, text.size() + 1, mboxo);
  if (Split(text, 1, mboxo) != whole) std::abort();
  if (Split(text, data[0] / 2 + 1U, mboxo) != whole) std::abort();
  return 0;
}
