// Finds the end of a block of attribute lines (a reply or a request) in a buffer that grows.
//
//   name=value LF | name=value CR LF | ... | LF or CR LF        the empty line ends the block
//
// Source: amavisd 2.13 In/AMPDP.pm process_policy_request(): lines end in LF, one CR before it is
//         dropped, a line of nothing else ends the block; amavisd writes CR LF.
// Limits: BlockLimits; exceeded ones are final, the connection is of no more use.
// Does not look into the lines (reply.h, request_reader.h do) and keeps no bytes: the caller owns
// the buffer, may move it between calls, and each byte is looked at once.
#ifndef MILLRACE_AMPDP_FRAMING_H_
#define MILLRACE_AMPDP_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/units.h"

namespace ampdp {

inline constexpr std::size_t kBlockBytesMax = 1 * engine::kMiB;
inline constexpr std::size_t kLineBytesMax = 256 * engine::kKiB;
// The edits of a reply must fit one arena block: kAttributesMax * sizeof(Edit) < 2 MiB.
inline constexpr std::uint32_t kAttributesMax = 32768;

struct BlockLimits {
  std::size_t bytes_max = kBlockBytesMax;      // the whole block with its empty line
  std::size_t line_bytes_max = kLineBytesMax;  // one line without its line end
  std::uint32_t attributes_max = kAttributesMax;
};

enum class BlockStatus : std::uint8_t {
  kNeedMore,
  kComplete,
  kBlockTooLong,
  kLineTooLong,
  kTooManyAttributes,
};

class BlockReader {
 public:
  explicit BlockReader(const BlockLimits& limits = {}) noexcept : limits_(limits) {}

  // Looks at what is new in `whole`: everything received of this block so far, never shorter than
  // in the last call. kComplete: block_bytes() is known, bytes beyond it belong to no block of
  // ours (ParseReply() refuses them; a scanner finds its next request there). Any answer but
  // kNeedMore stays until Reset().
  [[nodiscard]] BlockStatus Scan(std::span<const char> whole) noexcept;

  // Ready for the next block.
  void Reset() noexcept;

  BlockStatus status() const noexcept { return status_; }
  // Bytes up to and with the empty line; 0 unless kComplete.
  std::size_t block_bytes() const noexcept;
  // The line that is being read, or that broke a limit, from 1.
  std::uint32_t line_number() const noexcept { return attributes_ + 1; }
  std::uint32_t attributes() const noexcept { return attributes_; }
  // True once a byte of this block has been seen.
  bool begun() const noexcept { return scanned_ > 0; }
  const BlockLimits& limits() const noexcept { return limits_; }

 private:
  BlockLimits limits_;
  std::size_t scanned_ = 0;     // bytes already looked at
  std::size_t line_start_ = 0;  // offset of the line being read
  std::uint32_t attributes_ = 0;
  BlockStatus status_ = BlockStatus::kNeedMore;
};

// "a line is longer than the limit" and the like, for logs. Static.
[[nodiscard]] const char* BlockStatusText(BlockStatus status) noexcept;

}  // namespace ampdp

#endif  // MILLRACE_AMPDP_FRAMING_H_
