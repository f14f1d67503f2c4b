// zstd around payloads.
#include "tools/trace/record_pack.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

namespace trace {
namespace {

// A buffer larger than this is not kept once a smaller one does.
constexpr std::size_t kKeptBytesMax = 4 * engine::kMiB;

}  // namespace

RecordPacker::RecordPacker(int level) {
  if (level == 0) return;
  context_ = ::ZSTD_createCCtx();
  ::ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, std::min(level, kLevelMax));
}

RecordPacker::~RecordPacker() {
  ::ZSTD_freeCCtx(context_);
}

// The room is one octet less than the payload: zstd gives up as soon as it would not be shorter.
std::size_t RecordPacker::Compress(std::string_view first, std::string_view second) {
  const std::size_t bytes = first.size() + second.size();
  if (context_ == nullptr || bytes < kCompressBytesMin) return 0;
  const bool wasteful = buffer_bytes_ > kKeptBytesMax && bytes <= kKeptBytesMax;
  if (buffer_bytes_ < bytes || wasteful) {
    buffer_.reset(new char[bytes]);
    buffer_bytes_ = bytes;
  }
  ::ZSTD_CCtx_reset(context_, ZSTD_reset_session_only);
  ::ZSTD_CCtx_setPledgedSrcSize(context_, bytes);
  ZSTD_outBuffer out{buffer_.get(), bytes - 1, 0};
  ZSTD_inBuffer in{first.data(), first.size(), 0};
  if (!second.empty()) {
    while (in.pos < in.size) {
      const std::size_t left = ::ZSTD_compressStream2(context_, &out, &in, ZSTD_e_continue);
      if (::ZSTD_isError(left) != 0 || out.pos == out.size) return 0;
    }
    in = {second.data(), second.size(), 0};
  }
  const std::size_t left = ::ZSTD_compressStream2(context_, &out, &in, ZSTD_e_end);
  return left == 0 ? out.pos : 0;
}

RecordPacker::Packed RecordPacker::Pack(RecordHead head,
                                        std::string_view first,
                                        std::string_view second) {
  head.raw_bytes = static_cast<std::uint32_t>(first.size() + second.size());
  const std::size_t stored = Compress(first, second);
  if (stored != 0) {
    head.encoding = Encoding::kZstd;
    first = {buffer_.get(), stored};
    second = {};
  } else {
    head.encoding = Encoding::kPlain;
  }
  head.stored_bytes = static_cast<std::uint32_t>(first.size() + second.size());
  head.payload_crc = Crc32(second, Crc32(first));
  head_ = EncodeRecordHead(head);
  return {.head = {head_.data(), head_.size()}, .first = first, .second = second};
}

RecordUnpacker::RecordUnpacker() : context_(::ZSTD_createDCtx()) {}

RecordUnpacker::~RecordUnpacker() {
  ::ZSTD_freeDCtx(context_);
}

bool RecordUnpacker::Unpack(const RecordHead& head, std::string stored, std::string* payload) {
  if (stored.size() != head.stored_bytes || Crc32(stored) != head.payload_crc) return false;
  if (head.encoding == Encoding::kPlain) {
    *payload = std::move(stored);
    return true;
  }
  if (::ZSTD_getFrameContentSize(stored.data(), stored.size()) != head.raw_bytes) return false;
  payload->resize(head.raw_bytes);
  const std::size_t bytes = ::ZSTD_decompressDCtx(
      context_, payload->data(), payload->size(), stored.data(), stored.size());
  return ::ZSTD_isError(bytes) == 0 && bytes == head.raw_bytes;
}

}  // namespace trace
