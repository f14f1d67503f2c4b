// See the header.
#include "engine/io/file_op.h"

#include "engine/base/check.h"

namespace engine {

IoResult Perform(Disk& disk, FileOp& op) noexcept {
  switch (op.kind) {
    case FileOpKind::kWriteV: return disk.WriteV(op.file, op.data, op.offset);
    case FileOpKind::kMakeSlot: return disk.MakeSlot(op.slot);
    case FileOpKind::kTruncate: return disk.Truncate(op.file, op.offset);
    case FileOpKind::kCleanSlot: return disk.CleanSlot(op.slot, op.file);
    case FileOpKind::kRemoveSlot: return disk.RemoveSlot(op.slot, op.file);
    case FileOpKind::kCloseFile: return disk.CloseFile(op.file, op.sync);
    case FileOpKind::kFreeSpace: return disk.FreeSpace(&op.bytes_free, &op.inodes_free);
  }
  ENGINE_CHECK(false);
  return {};
}

}  // namespace engine
