// The texts of a connection in one block: fields are moved when one of them changes its length.
#include "relay/session_text.h"

#include <algorithm>
#include <cstring>

namespace relay {

static_assert(SessionText::kFieldBytesMax * 16 <= engine::BlockPool::kBlockMaxBytes);

void SessionText::ClearMacros() noexcept {
  // The macros come last in the block, so forgetting their lengths moves nothing.
  std::fill(lengths_.begin() + kPlainFields, lengths_.end(), std::uint16_t{0});
}

void SessionText::Clear() noexcept {
  lengths_.fill(0);
  pool_->Give(block_);
  block_ = {};
}

std::size_t SessionText::OffsetOf(std::size_t index) const noexcept {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < index; ++i)
    offset += lengths_[i];
  return offset;
}

std::string_view SessionText::GetAt(std::size_t index) const noexcept {
  if (lengths_[index] == 0) return {};
  return {reinterpret_cast<const char*>(block_.data()) + OffsetOf(index), lengths_[index]};
}

bool SessionText::SetAt(std::size_t index, std::string_view text) noexcept {
  text = text.substr(0, kFieldBytesMax);
  const std::size_t before = OffsetOf(index);
  const std::size_t after_from = before + lengths_[index];
  const std::size_t after = OffsetOf(kFields) - after_from;
  const std::size_t total = before + text.size() + after;
  if (total > block_.size()) {
    const engine::Bytes bigger = pool_->Take(total);
    if (bigger.empty()) return false;
    if (!block_.empty()) std::memcpy(bigger.data(), block_.data(), after_from + after);
    pool_->Give(block_);
    block_ = bigger;
  }
  if (after > 0) {
    std::memmove(block_.data() + before + text.size(), block_.data() + after_from, after);
  }
  if (!text.empty()) std::memcpy(block_.data() + before, text.data(), text.size());
  lengths_[index] = static_cast<std::uint16_t>(text.size());
  return true;
}

}  // namespace relay
