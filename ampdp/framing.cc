// Looks for line ends only; see the header.
#include "ampdp/framing.h"

#include <cstring>

#include "engine/base/check.h"

namespace ampdp {

BlockStatus BlockReader::Scan(std::span<const char> whole) noexcept {
  ENGINE_CHECK(whole.size() >= scanned_);
  while (status_ == BlockStatus::kNeedMore && scanned_ < whole.size()) {
    const char* from = whole.data() + scanned_;
    const void* found = std::memchr(from, '\n', whole.size() - scanned_);
    const std::size_t line_end =
        found == nullptr ? whole.size()
                         : static_cast<std::size_t>(static_cast<const char*>(found) - whole.data());
    std::size_t line_bytes = line_end - line_start_;
    // A CR at the end of what is there may be half a line end: it counts only once more follows.
    if (line_bytes > 0 && whole[line_end - 1] == '\r') --line_bytes;
    scanned_ = found == nullptr ? line_end : line_end + 1;
    // Which limit is named depends on the bytes alone, not on how they were cut into reads.
    const bool line_limit_first = line_start_ + limits_.line_bytes_max + 1 < limits_.bytes_max;
    if (line_bytes > limits_.line_bytes_max && line_limit_first) {
      status_ = BlockStatus::kLineTooLong;
    } else if (line_end >= limits_.bytes_max) {  // even an end right here would be beyond it
      status_ = BlockStatus::kBlockTooLong;
    } else if (found != nullptr && line_bytes == 0) {
      status_ = BlockStatus::kComplete;
      line_start_ = scanned_;
    } else if (found != nullptr) {
      line_start_ = scanned_;
      if (++attributes_ > limits_.attributes_max) status_ = BlockStatus::kTooManyAttributes;
    }
  }
  return status_;
}

void BlockReader::Reset() noexcept {
  scanned_ = 0;
  line_start_ = 0;
  attributes_ = 0;
  status_ = BlockStatus::kNeedMore;
}

std::size_t BlockReader::block_bytes() const noexcept {
  return status_ == BlockStatus::kComplete ? line_start_ : 0;
}

const char* BlockStatusText(BlockStatus status) noexcept {
  switch (status) {
    case BlockStatus::kNeedMore: return "incomplete";
    case BlockStatus::kComplete: return "complete";
    case BlockStatus::kBlockTooLong: return "longer than the limit";
    case BlockStatus::kLineTooLong: return "a line is longer than the limit";
    case BlockStatus::kTooManyAttributes: return "more attributes than the limit";
  }
  return "";
}

}  // namespace ampdp
