// See spool_work.h.
#include "engine/spool/spool_work.h"

#include <cerrno>

#include "engine/base/check.h"
#include "engine/io/file_ops.h"

namespace engine {

static_assert(SpoolWork::kInFlightMax <= FileOps::kFileOpsMax, "more is a bug of the loop's owner");

SpoolWork::~SpoolWork() {
  ENGINE_CHECK(in_flight_ == 0);
  ENGINE_CHECK(block_bytes_ == 0);
}

void SpoolWork::Submit(SpoolOp& op) noexcept {
  ENGINE_CHECK(op.ended != nullptr);
  op.work = this;
  op.interrupts = 0;
  op.done = &OnDone;
  ++submitted_;
  if (in_flight_ == kInFlightMax) {
    waiting_.PushBack(op);
  } else {
    ++in_flight_;
    Begin(op);
  }
}

void SpoolWork::Begin(SpoolOp& op) noexcept {
  op.result = {};
  loop_.Submit(op);
}

void SpoolWork::OnDone(FileOp& op) noexcept {
  auto& mine = static_cast<SpoolOp&>(op);
  mine.work->Finish(mine);
}

void SpoolWork::Finish(SpoolOp& op) noexcept {
  // A descriptor that such a call was given is gone in any case, and may be somebody else's by now.
  const bool again = op.kind != FileOpKind::kCloseFile;
  if (op.kind == FileOpKind::kRemoveSlot) op.file = -1;
  if (op.result.error == EINTR && again && ++op.interrupts <= kInterruptsMax) {
    Begin(op);
    return;
  }
  --in_flight_;
  if (!waiting_.empty()) {
    ++in_flight_;
    Begin(waiting_.PopFront());
  }
  op.ended(op);
}

Bytes SpoolWork::TakeBlock(std::size_t bytes) noexcept {
  if (bytes > block_bytes_max_ - block_bytes_) return {};
  const Bytes block = blocks_.Take(bytes);
  // The pool rounds up.
  if (block.size() > block_bytes_max_ - block_bytes_) {
    blocks_.Give(block);
    return {};
  }
  block_bytes_ += block.size();
  return block;
}

void SpoolWork::GiveBlock(Bytes block) noexcept {
  ENGINE_CHECK(block.size() <= block_bytes_);
  block_bytes_ -= block.size();
  blocks_.Give(block);
}

}  // namespace engine
