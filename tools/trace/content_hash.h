// The hash by which bodies are known: BLAKE2b-256, by libsodium.
#ifndef MILLRACE_TOOLS_TRACE_CONTENT_HASH_H_
#define MILLRACE_TOOLS_TRACE_CONTENT_HASH_H_

#include <string>
#include <string_view>

#include "tools/trace/record.h"

namespace trace {

ContentHash HashOf(std::string_view octets) noexcept;
// 64 hexadecimal digits.
std::string HashText(const ContentHash& hash);

}  // namespace trace

#endif  // MILLRACE_TOOLS_TRACE_CONTENT_HASH_H_
