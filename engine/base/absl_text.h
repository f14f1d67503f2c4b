// The only crossing between std::string_view and absl::string_view.
//
// Debian 12 builds Abseil with ABSL_OPTION_USE_STD_STRING_VIEW 0 (absl/base/options.h): the two are
// different types there, and neither converts to the other.
#ifndef MILLRACE_ENGINE_BASE_ABSL_TEXT_H_
#define MILLRACE_ENGINE_BASE_ABSL_TEXT_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace engine {

inline absl::string_view ToAbsl(std::string_view text) noexcept {
  return absl::string_view(text.data(), text.size());
}
inline std::string_view ToStd(absl::string_view text) noexcept {
  return std::string_view(text.data(), text.size());
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_ABSL_TEXT_H_
