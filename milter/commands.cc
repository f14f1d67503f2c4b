// Payloads of the mail server's commands, decoded into views.
#include "milter/commands.h"

#include <algorithm>
#include <cstddef>

namespace milter {
namespace {

constexpr std::size_t kInet4TextMaxBytes = 15;
constexpr std::size_t kInet6TextMaxBytes = 64;  // with a scope
constexpr std::size_t kUnixPathMaxBytes = 108;  // sun_path

std::uint32_t ReadU32(std::string_view bytes, std::size_t at) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    value = (value << 8) | static_cast<std::uint8_t>(bytes[at + i]);
  }
  return value;
}

bool IsDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool IsHex(char c) noexcept {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool IsScope(char c) noexcept {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
         c == '-';
}

// Shape only: the characters of a dotted quad.
bool LooksLikeInet4(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kInet4TextMaxBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsDigit(c) || c == '.'; }) &&
         std::count(text.begin(), text.end(), '.') == 3;
}

bool LooksLikeInet6(std::string_view text) noexcept {
  const std::size_t percent = text.find('%');
  const std::string_view address = text.substr(0, percent);
  const std::string_view scope =
      percent == std::string_view::npos ? std::string_view() : text.substr(percent + 1);
  return text.size() <= kInet6TextMaxBytes &&
         std::count(address.begin(), address.end(), ':') >= 2 &&
         std::all_of(address.begin(),
                     address.end(),
                     [](char c) { return IsHex(c) || c == ':' || c == '.'; }) &&
         std::all_of(scope.begin(), scope.end(), IsScope);
}

bool HasInet6Prefix(std::string_view text) noexcept {
  constexpr std::string_view kPrefix = "ipv6:";
  return text.size() >= kPrefix.size() &&
         std::equal(kPrefix.begin(), kPrefix.end(), text.begin(), [](char want, char have) {
           return want == ((have >= 'A' && have <= 'Z') ? static_cast<char>(have + 32) : have);
         });
}

// Without brackets and "IPv6:", in either order.
std::string_view BareAddress(std::string_view text) noexcept {
  for (int pass = 0; pass < 2; ++pass) {
    if (HasInet6Prefix(text)) text.remove_prefix(5);
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
      text = text.substr(1, text.size() - 2);
    }
  }
  return text;
}

Client MakeClient(Family family, std::uint16_t port, std::string_view text) noexcept {
  if (family == Family::kUnix) {
    if (text.size() > kUnixPathMaxBytes) return {};
    return {.family = family, .port = 0, .address = text};
  }
  const std::string_view address = BareAddress(text);
  const bool sound = family == Family::kInet4 ? LooksLikeInet4(address) : LooksLikeInet6(address);
  if (!sound) return {.family = Family::kUnknown, .port = port, .address = {}};
  return {.family = family, .port = port, .address = address};
}

// Where the address inside the first string ends: after its '>' when a blank follows. A '>' inside
// a quoted local part does not count.
std::size_t AddressEnd(std::string_view text) noexcept {
  if (text.empty() || text.front() != '<') return text.size();
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == '>' && !quoted) {
      return i + 1 < text.size() && text[i + 1] == ' ' ? i + 1 : text.size();
    }
  }
  return text.size();
}

}  // namespace

bool DecodeOffer(std::string_view payload, Offer* offer) noexcept {
  if (payload.size() < kNegotiationBytes) return false;
  offer->version = ReadU32(payload, 0);
  offer->actions = ReadU32(payload, 4);
  offer->protocol = ReadU32(payload, 8);
  return true;
}

bool DecodeConnect(std::string_view payload, ConnectCommand* connect) noexcept {
  const std::size_t host_end = payload.find('\0');
  if (host_end == std::string_view::npos || host_end + 1 == payload.size()) return false;
  connect->host = payload.substr(0, host_end);
  connect->client = {};
  const char family = payload[host_end + 1];
  if (family == 'U') return true;
  if (family != 'L' && family != '4' && family != '6') return false;
  const std::string_view rest = payload.substr(host_end + 2);
  if (rest.size() < 3) return false;
  const auto port = static_cast<std::uint16_t>((static_cast<std::uint8_t>(rest[0]) << 8) |
                                               static_cast<std::uint8_t>(rest[1]));
  const std::size_t address_end = rest.find('\0', 2);
  if (address_end == std::string_view::npos) return false;
  const Family kind = family == 'L'   ? Family::kUnix
                      : family == '4' ? Family::kInet4
                                      : Family::kInet6;
  connect->client = MakeClient(kind, port, rest.substr(2, address_end - 2));
  return true;
}

bool DecodeAddress(std::string_view payload, AddressCommand* command) noexcept {
  const std::size_t end = payload.find('\0');
  if (end == std::string_view::npos) return false;
  const std::size_t address_end = AddressEnd(payload.substr(0, end));
  command->address = payload.substr(0, address_end);
  std::string_view rest = payload.substr(address_end + 1);
  if (rest.ends_with('\0')) rest.remove_suffix(1);
  command->arguments = rest;
  return true;
}

bool DecodeHeader(std::string_view payload, HeaderCommand* header) noexcept {
  const std::size_t name_end = payload.find('\0');
  if (name_end == std::string_view::npos || name_end == 0) return false;
  const std::size_t value_end = payload.find('\0', name_end + 1);
  if (value_end == std::string_view::npos || !payload.ends_with('\0')) return false;
  header->name = payload.substr(0, name_end);
  header->value = payload.substr(name_end + 1, value_end - name_end - 1);
  return true;
}

std::string_view DecodeText(std::string_view payload) noexcept {
  return payload.substr(0, payload.find('\0'));
}

bool EsmtpReader::Next(std::string_view* argument) noexcept {
  const auto separates = [](char c) noexcept { return c == '\0' || c == ' '; };
  const auto* const begin = std::find_if_not(rest_.begin(), rest_.end(), separates);
  const auto* const end = std::find_if(begin, rest_.end(), separates);
  *argument = std::string_view(begin, end);
  rest_ = std::string_view(end, rest_.end());
  return !argument->empty();
}

}  // namespace milter
