// What a connection said of itself, kept in one block of 64 to 4096 bytes: an idle session must
// cost little.
//
//   block:  | host | address | helo | macro i | macro r | ... |     lengths live in the record,
//   texts follow each other
//
// Limits: a field is cut at kFieldBytesMax. One thread. The views of Get() live until the next
// Set() or Clear().
#ifndef MILLRACE_RELAY_SESSION_TEXT_H_
#define MILLRACE_RELAY_SESSION_TEXT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/block_pool.h"
#include "relay/macro_name.h"

namespace relay {

class SessionText {
 public:
  static constexpr std::size_t kFieldBytesMax = 1024;
  enum class Field : std::uint8_t { kHost, kAddress, kHelo };

  explicit SessionText(engine::BlockPool& pool) noexcept : pool_(&pool) {}
  ~SessionText() { Clear(); }
  SessionText(const SessionText&) = delete;
  SessionText& operator=(const SessionText&) = delete;

  // false: the pool is at its limit, and the field kept its old value.
  bool Set(Field field, std::string_view text) noexcept { return SetAt(IndexOf(field), text); }
  bool Set(Macro macro, std::string_view text) noexcept { return SetAt(IndexOf(macro), text); }
  std::string_view Get(Field field) const noexcept { return GetAt(IndexOf(field)); }
  std::string_view Get(Macro macro) const noexcept { return GetAt(IndexOf(macro)); }

  void ClearMacros() noexcept;
  void Clear() noexcept;

 private:
  static constexpr std::size_t kPlainFields = 3;
  static constexpr std::size_t kFields = kPlainFields + kMacroCount;

  static std::size_t IndexOf(Field field) noexcept { return static_cast<std::size_t>(field); }
  static std::size_t IndexOf(Macro macro) noexcept {
    return kPlainFields + static_cast<std::size_t>(macro);
  }
  std::size_t OffsetOf(std::size_t index) const noexcept;
  bool SetAt(std::size_t index, std::string_view text) noexcept;
  std::string_view GetAt(std::size_t index) const noexcept;

  engine::BlockPool* pool_;
  engine::Bytes block_;
  std::array<std::uint16_t, kFields> lengths_{};
};

}  // namespace relay

#endif  // MILLRACE_RELAY_SESSION_TEXT_H_
