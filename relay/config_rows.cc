// Readers and writers of the values of keys, by type.
//
// What is wrong is told as: what the value is, then in brackets what is allowed.
#include "relay/config_rows.h"

#include <algorithm>
#include <charconv>

#include "relay/client_key.h"
#include "relay/config_value.h"

namespace relay {
namespace {

constexpr std::size_t kTextMax = 1024;
constexpr std::size_t kNamesMax = 16;
constexpr std::size_t kNameMax = 64;
constexpr std::size_t kShownMax = 80;  // of a value in an error
constexpr std::uint32_t kModeMax = 0777;

std::string Shown(std::string_view text) {
  return QuotedText(text.substr(0, kShownMax)) + (text.size() > kShownMax ? "..." : "");
}

std::string ShownValue(const KeyValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return Shown(*text);
  if (std::holds_alternative<std::vector<std::string>>(value)) return "a list";
  return "this value";
}

std::string Allowed(const Key& key) {
  const std::string allowed = AllowedText(key);
  return allowed.empty() ? "" : " (allowed: " + allowed + ")";
}

std::string NotA(const Key& key, const KeyValue& value) {
  return ShownValue(value) + " is not " + std::string(TypeText(key.type)) + Allowed(key);
}

std::string OutOfRange(const Key& key, std::int64_t number) {
  return IntegerText(key, number) + (number < key.min ? " is too small" : " is too large") +
         Allowed(key);
}

bool IsNameText(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

bool IsPort(std::string_view text) {
  std::uint16_t port = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), port);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && port != 0;
}

}  // namespace

std::string ReadFlag(const Key& key, const KeyValue& value, bool* to) {
  const auto* flag = std::get_if<bool>(&value);
  if (flag == nullptr) return NotA(key, value);
  *to = *flag;
  return "";
}

std::string ReadInteger(const Key& key, const KeyValue& value, std::int64_t* to) {
  const auto* text = std::get_if<std::string>(&value);
  if (key.type == KeyType::kChoice) {
    const auto found = text == nullptr ? key.choices.end()
                                       : std::find(key.choices.begin(), key.choices.end(), *text);
    if (found == key.choices.end()) return NotA(key, value);
    *to = found - key.choices.begin();
    return "";
  }
  std::optional<std::int64_t> number;
  if (key.type == KeyType::kNumber) {
    if (const auto* plain = std::get_if<std::int64_t>(&value)) number = *plain;
  } else if (text != nullptr) {
    number = key.type == KeyType::kTime ? ParseTime(*text) : ParseSize(*text);
  }
  if (!number) return NotA(key, value);
  if (*number < key.min || *number > key.max) return OutOfRange(key, *number);
  *to = *number;
  return "";
}

std::string ReadTextValue(const Key& key, const KeyValue& value, std::string* to) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return NotA(key, value);
  if (text->size() > kTextMax) return "longer than " + std::to_string(kTextMax) + " bytes";
  // As the file itself: what is told of a value can be written into it again.
  const bool printable =
      std::all_of(text->begin(), text->end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable) return Shown(*text) + " is not printable ASCII";
  if (key.check != nullptr) {
    if (std::string error = key.check(*text); !error.empty()) return Shown(*text) + " " + error;
  }
  *to = *text;
  return "";
}

std::string ReadModeValue(const Key& key, const KeyValue& value, std::optional<std::uint32_t>* to) {
  const auto* text = std::get_if<std::string>(&value);
  std::uint32_t mode = 0;
  if (text != nullptr) {
    const auto result = std::from_chars(text->data(), text->data() + text->size(), mode, 8);
    if (result.ec != std::errc() || result.ptr != text->data() + text->size()) mode = 0;
  }
  if (mode == 0 || mode > kModeMax) return NotA(key, value);
  *to = mode;
  return "";
}

std::string ReadNames(const Key& key, const KeyValue& value, std::vector<std::string>* to) {
  const auto* names = std::get_if<std::vector<std::string>>(&value);
  if (names == nullptr) return NotA(key, value);
  if (names->size() > kNamesMax) return "more than " + std::to_string(kNamesMax) + " names";
  for (const std::string& name : *names) {
    if (key.check == nullptr) continue;
    if (std::string error = key.check(name); !error.empty()) return Shown(name) + " " + error;
  }
  *to = *names;
  return "";
}

std::string IntegerText(const Key& key, std::int64_t value) {
  switch (key.type) {
    case KeyType::kTime:
      return value < 0 ? std::to_string(value) + "s" : QuotedText(TimeText(value));
    case KeyType::kSize: return QuotedText(SizeText(value));
    case KeyType::kChoice: return QuotedText(key.choices[static_cast<std::size_t>(value)]);
    default: return std::to_string(value);
  }
}

std::string QuotedText(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      quoted += '?';
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string ModeText(const std::optional<std::uint32_t>& mode) {
  if (!mode) return "\"\"";
  std::string digits;
  for (std::uint32_t rest = *mode; rest != 0; rest /= 8)
    digits.insert(digits.begin(), static_cast<char>('0' + rest % 8));
  return "\"0" + digits + "\"";
}

std::string NamesText(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + QuotedText(name);
  return "[" + text + "]";
}

std::string CheckSocket(std::string_view text) {
  constexpr std::string_view kForms =
      "is not a socket (allowed: unix:/path, /path, inet:port@host, inet6:port@host)";
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.starts_with('/') ? "unix" : text.substr(0, colon);
  const std::string_view rest = text.starts_with('/') ? text : text.substr(text.find(':') + 1);
  if (scheme == "unix" || scheme == "local") {
    return rest.starts_with('/') && rest.size() > 1 ? "" : std::string(kForms);
  }
  if (colon == std::string_view::npos || (scheme != "inet" && scheme != "inet6")) {
    return std::string(kForms);
  }
  return IsPort(rest.substr(0, rest.find('@'))) && !rest.ends_with('@') ? "" : std::string(kForms);
}

std::string CheckPath(std::string_view text) {
  return text.starts_with('/') && text.size() > 1 ? "" : "is not an absolute path";
}

std::string CheckName(std::string_view text) {
  return IsNameText(text) ? "" : "is not a name (allowed: 1 to 64 of A-Z a-z 0-9 _ . -)";
}

std::string CheckBankName(std::string_view text) {
  return IsNameText(text) ? "" : "is not a policy bank (allowed: 1 to 64 of A-Z a-z 0-9 _ . -)";
}

std::string CheckNetwork(std::string_view text) {
  const absl::StatusOr<Network> network = ParseNetwork(text);
  return network.ok() ? "" : std::string(network.status().message());
}

std::string CheckNotEmpty(std::string_view text) {
  return text.empty() ? "is empty" : "";
}

}  // namespace relay
