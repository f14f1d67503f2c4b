// Macros: walking the pairs of a packet.
#include "milter/macros.h"

namespace milter {

std::string_view MacroName(std::string_view name) noexcept {
  if (name.size() >= 2 && name.front() == '{' && name.back() == '}') {
    return name.substr(1, name.size() - 2);
  }
  return name;
}

bool MacroReader::Next(Macro* macro) noexcept {
  while (!rest_.empty()) {
    const std::size_t name_end = rest_.find('\0');
    if (name_end == std::string_view::npos || name_end + 1 == rest_.size()) {
      rest_ = {};  // a name without a value
      return false;
    }
    macro->name = MacroName(rest_.substr(0, name_end));
    rest_.remove_prefix(name_end + 1);
    const std::size_t value_end = rest_.find('\0');
    macro->value = rest_.substr(0, value_end);
    rest_ = value_end == std::string_view::npos ? std::string_view() : rest_.substr(value_end + 1);
    if (!macro->name.empty()) return true;
  }
  return false;
}

}  // namespace milter
