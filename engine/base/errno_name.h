// Names and texts of errno values, for log lines and errors. Any thread: strerror(3) is not.
#ifndef MILLRACE_ENGINE_BASE_ERRNO_NAME_H_
#define MILLRACE_ENGINE_BASE_ERRNO_NAME_H_

#include <cstring>

namespace engine {

// "ECONNREFUSED"; "unknown" for what the C library does not know.
inline const char* ErrnoName(int error) noexcept {
  const char* name = ::strerrorname_np(error);
  return name == nullptr ? "unknown" : name;
}

// "Connection refused"
inline const char* ErrnoText(int error) noexcept {
  const char* text = ::strerrordesc_np(error);
  return text == nullptr ? "unknown error" : text;
}

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_ERRNO_NAME_H_
