// A payload to what stands in the file, and back: compression and checksums.
//
// Short payloads, and those that do not get shorter, stay plain. The zstd contexts are used again
// and again. Not thread-safe.
#ifndef MILLRACE_TOOLS_TRACE_RECORD_PACK_H_
#define MILLRACE_TOOLS_TRACE_RECORD_PACK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "tools/trace/trace_file.h"

// zstd's own, so that its header stays out of this one.
struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace trace {

inline constexpr std::size_t kCompressBytesMin = 128;
inline constexpr int kLevelMax = 19;

class RecordPacker {
 public:
  // `level` 0: everything stays plain.
  explicit RecordPacker(int level);
  ~RecordPacker();
  RecordPacker(const RecordPacker&) = delete;
  RecordPacker& operator=(const RecordPacker&) = delete;

  // The record's parts in the file, one after the other; views into the packer or the payload,
  // valid until the next call.
  struct Packed {
    std::string_view head;
    std::string_view first;
    std::string_view second;
    std::size_t bytes() const noexcept { return head.size() + first.size() + second.size(); }
  };
  // The payload is `first` and then `second`, together at most RecordBytesMax(kind). Fills in all
  // of `head` but kind, session and time.
  Packed Pack(RecordHead head, std::string_view first, std::string_view second);

 private:
  // The stored length, or 0: it would not be shorter.
  std::size_t Compress(std::string_view first, std::string_view second);

  ZSTD_CCtx_s* context_ = nullptr;
  RecordHeadBytes head_{};
  std::unique_ptr<char[]> buffer_;
  std::size_t buffer_bytes_ = 0;
};

class RecordUnpacker {
 public:
  RecordUnpacker();
  ~RecordUnpacker();
  RecordUnpacker(const RecordUnpacker&) = delete;
  RecordUnpacker& operator=(const RecordUnpacker&) = delete;

  // False: the payload's checksum is wrong, or it is no zstd frame of head.raw_bytes octets.
  [[nodiscard]] bool Unpack(const RecordHead& head, std::string stored, std::string* payload);

 private:
  ZSTD_DCtx_s* context_;
};

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_RECORD_PACK_H_
