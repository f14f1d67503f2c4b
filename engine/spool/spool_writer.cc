// See spool_writer.h.
#include "engine/spool/spool_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/check.h"

namespace engine {

void SpoolWriter::Open(SpoolSlot& slot, std::uint64_t bytes_max) noexcept {
  ENGINE_CHECK(pending_bytes_ == 0);
  ENGINE_CHECK(spilled_.empty());
  ENGINE_CHECK(slot.state() == SpoolSlot::State::kTaken);
  ENGINE_CHECK(!slot.op_in_flight());
  slot_ = &slot;
  generation_ = slot.generation();
  bytes_max_ = bytes_max;
  error_ = 0;
}

// 0, or what sticks.
int SpoolWriter::MayAdd(std::size_t bytes) noexcept {
  ENGINE_CHECK(slot_ != nullptr);
  if (error_ != 0) return error_;
  const std::uint64_t so_far = slot_->length() + pending_bytes_;
  if (so_far > bytes_max_ || bytes > bytes_max_ - so_far) {
    Clear();
    error_ = EFBIG;
  }
  return error_;
}

int SpoolWriter::AddCopy(std::string_view text) noexcept {
  if (MayAdd(text.size()) != 0) return error_;
  while (!text.empty()) {
    if (text_used_ == kTextBytes || pieces_count_ == kPiecesMax) {
      if (MakeRoom() != 0) return error_;
    }
    const std::size_t part = std::min(text.size(), kTextBytes - text_used_);
    char* const at = text_.data() + text_used_;
    std::memcpy(at, text.data(), part);
    text_used_ += part;
    pending_bytes_ += part;
    text.remove_prefix(part);
    iovec* last = pieces_count_ == 0 ? nullptr : &pieces_[pieces_count_ - 1];
    if (last != nullptr && static_cast<char*>(last->iov_base) + last->iov_len == at) {
      last->iov_len += part;  // copies in a row are one piece
    } else {
      pieces_[pieces_count_++] = {at, part};
    }
  }
  return 0;
}

int SpoolWriter::AddRef(ConstBytes bytes) noexcept {
  if (MayAdd(bytes.size()) != 0) return error_;
  if (bytes.empty()) return 0;
  if (pieces_count_ == kPiecesMax && MakeRoom() != 0) return error_;
  // pwritev only reads; iovec has no const.
  pieces_[pieces_count_++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  pending_bytes_ += bytes.size();
  return 0;
}

int SpoolWriter::MakeRoom() noexcept {
  return !spilled_.empty() || spool_->async() ? Spill() : Flush();
}

int SpoolWriter::FlushOrSubmit(SpoolWaiter& waiter) noexcept {
  return !spilled_.empty() || spool_->async() ? SubmitSpilled(waiter) : Flush();
}

// What is pending goes behind what the turn has spilled before.
int SpoolWriter::Spill() noexcept {
  if (error_ != 0 || pending_bytes_ == 0) return error_;
  ENGINE_CHECK(slot_->generation() == generation_);
  SpoolWork& work = *spool_->work();
  const std::size_t needed = spilled_bytes_ + pending_bytes_;
  if (spilled_.empty()) spilled_at_ = slot_->length();
  if (needed > spilled_.size()) {
    const Bytes block = work.TakeBlock(needed);
    if (block.empty()) {
      Clear();
      error_ = ENOBUFS;
      return error_;
    }
    if (spilled_bytes_ > 0) std::memcpy(block.data(), spilled_.data(), spilled_bytes_);
    work.GiveBlock(spilled_);
    spilled_ = block;
  }
  spilled_bytes_ += Drain(spilled_.subspan(spilled_bytes_));
  return error_;
}

int SpoolWriter::SubmitSpilled(SpoolWaiter& waiter) noexcept {
  if (Spill() == 0 && spilled_bytes_ > 0) {
    const Bytes block = spilled_;
    const std::size_t bytes = spilled_bytes_;
    spilled_ = {};
    spilled_bytes_ = 0;
    spool_->WriteLater(*slot_, block, bytes, spilled_at_, waiter);
    return EINPROGRESS;
  }
  DropSpilled();
  return error_;
}

void SpoolWriter::DropSpilled() noexcept {
  if (spilled_.empty()) return;
  spool_->work()->GiveBlock(spilled_);
  spilled_ = {};
  spilled_bytes_ = 0;
}

int SpoolWriter::Flush() noexcept {
  ENGINE_CHECK(spilled_.empty());
  if (error_ != 0 || pending_bytes_ == 0) return error_;
  ENGINE_CHECK(slot_->generation() == generation_);
  ENGINE_CHECK(slot_->file() >= 0);
  error_ = spool_->budget().Spend(pending_bytes_) ? WriteAll() : ENOSPC;
  Clear();
  return error_;
}

int SpoolWriter::WriteAll() noexcept {
  constexpr int kInterruptsMax = 100;
  int interrupts = 0;
  std::size_t first = 0;
  while (pending_bytes_ > 0) {
    const std::span<const iovec> rest(pieces_.data() + first, pieces_count_ - first);
    const IoResult result = spool_->disk().WriteV(slot_->file(), rest, slot_->length());
    if (result.error == EINTR && ++interrupts <= kInterruptsMax) continue;
    if (!result.ok()) return result.error;
    auto written = static_cast<std::size_t>(result.value);
    if (written == 0 || written > pending_bytes_) return EIO;
    slot_->Advance(written);
    pending_bytes_ -= written;
    for (; written > 0 && written >= pieces_[first].iov_len; ++first)
      written -= pieces_[first].iov_len;
    if (written > 0) {
      pieces_[first].iov_base = static_cast<char*>(pieces_[first].iov_base) + written;
      pieces_[first].iov_len -= written;
    }
  }
  return 0;
}

std::size_t SpoolWriter::Drain(Bytes to) noexcept {
  if (error_ != 0) return 0;
  ENGINE_CHECK(to.size() >= pending_bytes_);
  if (!spool_->budget().Spend(pending_bytes_)) {
    Clear();
    error_ = ENOSPC;
    return 0;
  }
  std::byte* at = to.data();
  for (std::size_t i = 0; i < pieces_count_; ++i) {
    std::memcpy(at, pieces_[i].iov_base, pieces_[i].iov_len);
    at += pieces_[i].iov_len;
  }
  const std::size_t bytes = pending_bytes_;
  if (bytes > 0) slot_->Advance(bytes);
  Clear();
  return bytes;
}

void SpoolWriter::Abandon() noexcept {
  Clear();
  DropSpilled();
  slot_ = nullptr;
}

void SpoolWriter::Clear() noexcept {
  pending_bytes_ = 0;
  pieces_count_ = 0;
  text_used_ = 0;
}

}  // namespace engine
