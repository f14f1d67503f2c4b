// Addresses by parts, names by labels; see the header.
#include "tools/anonymise/host_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "tools/anonymise/known_words.h"

namespace anonymise {
namespace {

constexpr std::size_t kInet4Parts = 4;
constexpr std::size_t kInet6Groups = 8;

struct Inet4 {
  std::array<unsigned, kInet4Parts> octet{};
  std::array<std::size_t, kInet4Parts> begin{};
  std::array<std::size_t, kInet4Parts> digits{};
};

bool ParseInet4(std::string_view text, Inet4* address) noexcept {
  std::size_t at = 0;
  for (std::size_t part = 0; part < kInet4Parts; ++part) {
    if (part > 0 && (at >= text.size() || text[at++] != '.')) return false;
    const std::size_t begin = at;
    unsigned value = 0;
    while (at < text.size() && IsDigit(text[at]) && at - begin < 3)
      value = value * 10 + static_cast<unsigned>(text[at++] - '0');
    if (at == begin || value > 255 || (at - begin > 1 && text[begin] == '0')) return false;
    address->octet[part] = value;
    address->begin[part] = begin;
    address->digits[part] = at - begin;
  }
  return at == text.size();
}

std::size_t DigitsOf(unsigned value) noexcept {
  return value < 10 ? 1 : value < 100 ? 2 : 3;
}

// Where the first octet of an address may go: addresses of a kind stay of that kind.
enum class FirstOctet : std::uint8_t { kFixed, kPublic, kMulticast };
FirstOctet KindOf(unsigned first) noexcept {
  if (first == 0 || first == 10 || first == 127 || first == 169 || first == 172 || first == 192)
    return FirstOctet::kFixed;
  return first < 224 ? FirstOctet::kPublic : FirstOctet::kMulticast;
}

// True when the second octet belongs to what makes the address a private or link-local one.
bool IsSpecialSecond(unsigned first, unsigned second) noexcept {
  return (first == 172 && second >= 16 && second < 32) || (first == 192 && second == 168) ||
         (first == 169 && second == 254);
}

// The octets that `octet` at `part` may become: itself among them.
std::string Candidates(const Inet4& address, std::size_t part) {
  const unsigned first = address.octet[0];
  const unsigned octet = address.octet[part];
  std::string all;
  for (unsigned value = 0; value < 256; ++value) {
    if (DigitsOf(value) != DigitsOf(octet)) continue;
    if (part == 0 && KindOf(value) != KindOf(first)) continue;
    if (part == 1 && IsSpecialSecond(first, value)) continue;
    all.push_back(static_cast<char>(static_cast<unsigned char>(value)));
  }
  return all;
}

void ReplaceInet4(const Pseudonyms& pseudonyms, Octets text, const Inet4& address) {
  if (address.octet[0] == 127 || View(text) == "0.0.0.0" || View(text) == "255.255.255.255") return;
  std::string context = "4";
  for (std::size_t part = 0; part < kInet4Parts; ++part) {
    const unsigned octet = address.octet[part];
    const auto self = static_cast<char>(static_cast<unsigned char>(octet));
    const bool stays = (part == 0 && KindOf(octet) == FirstOctet::kFixed) ||
                       (part == 1 && IsSpecialSecond(address.octet[0], octet));
    unsigned made = octet;
    if (!stays) {
      context.push_back(static_cast<char>(address.digits[part]));
      const std::string all = Candidates(address, part);
      made =
          static_cast<unsigned char>(all[pseudonyms.PlaceOf(all.find(self), all.size(), context)]);
      context.pop_back();
    }
    context.push_back(self);
    for (std::size_t i = address.digits[part]; i > 0; --i, made /= 10)
      text[address.begin[part] + i - 1] = static_cast<char>('0' + static_cast<char>(made % 10));
  }
}

// Where the groups end: at an IPv4 tail, a scope, or the end.
struct Inet6 {
  std::size_t groups_end = 0;  // in octets of text
  std::size_t scope = 0;       // the "%", or the text's size
};

bool ParseInet6(std::string_view text, Inet6* address) noexcept {
  address->scope = std::min(text.find('%'), text.size());
  address->groups_end = address->scope;
  const std::string_view whole = text.substr(0, address->scope);
  if (std::count(whole.begin(), whole.end(), ':') < 2 || whole.size() > 45) return false;
  std::size_t groups = 0;
  std::size_t gap_count = 0;
  std::size_t at = 0;
  if (whole.starts_with(':')) at = 1;
  if (at == 1 && whole[1] != ':') return false;
  while (at < whole.size()) {
    if (whole[at] == ':') {
      gap_count += 1;
      ++at;
      continue;
    }
    const std::size_t end = std::min(whole.find(':', at), whole.size());
    const std::string_view group = whole.substr(at, end - at);
    Inet4 tail;
    if (end == whole.size() && ParseInet4(group, &tail)) {
      address->groups_end = at;
      groups += 1;  // two, counted once here and once below
    } else if (group.size() > 4 || !std::all_of(group.begin(), group.end(), IsHexDigit)) {
      return false;
    }
    groups += 1;
    at = end + 1;
    if (end + 1 == whole.size()) return false;  // ends in a single colon
  }
  return gap_count == 0 ? groups == kInet6Groups : gap_count == 1 && groups < kInet6Groups;
}

// The first group tells the kind of address: what of it may change.
std::size_t FixedDigits(std::string_view group) noexcept {
  if (group.size() < 4) return group.size();  // "::1", "64:ff9b::": few have one
  const char first = ToLower(group[0]);
  if (first == '2' || first == '3') return 1;
  return first == 'f' ? 4 : 0;
}

void ReplaceInet6(const Pseudonyms& pseudonyms, Octets text, const Inet6& address) {
  const std::string_view whole = View(text.first(address.scope));
  if (whole == "::1" || whole == "::") return;
  bool first = true;
  for (std::size_t at = 0; at < address.groups_end; ++at) {
    const std::size_t end = WordEnd(View(text), at);
    if (end == at) continue;
    const std::size_t fixed = first ? FixedDigits(View(text.subspan(at, end - at))) : 0;
    pseudonyms.ReplaceWord(WordKind::kHexGroup, text.subspan(at + fixed, end - at - fixed));
    first = false;
    at = end;
  }
  Inet4 tail;
  const Octets rest = text.subspan(address.groups_end, address.scope - address.groups_end);
  if (ParseInet4(View(rest), &tail)) ReplaceInet4(pseudonyms, rest, tail);
  pseudonyms.ReplaceWords(WordKind::kLabel, text.subspan(address.scope));
}

constexpr std::string_view kInet6Prefix = "ipv6:";

// False: no address.
bool TryReplaceIp(const Pseudonyms& pseudonyms, Octets text) {
  if (StartsFolded(View(text), kInet6Prefix)) text = text.subspan(kInet6Prefix.size());
  Inet4 inet4;
  if (ParseInet4(View(text), &inet4)) {
    ReplaceInet4(pseudonyms, text, inet4);
    return true;
  }
  Inet6 inet6;
  if (!ParseInet6(View(text), &inet6)) return false;
  ReplaceInet6(pseudonyms, text, inet6);
  return true;
}

}  // namespace

bool IsInet4(std::string_view text) noexcept {
  Inet4 address;
  return ParseInet4(text, &address);
}

bool IsInet6(std::string_view text) noexcept {
  Inet6 address;
  return ParseInet6(text, &address);
}

void ReplaceIp(const Pseudonyms& pseudonyms, Octets text) {
  if (!TryReplaceIp(pseudonyms, text)) pseudonyms.ReplaceWords(WordKind::kLabel, text);
}

void ReplaceHost(const Pseudonyms& pseudonyms, Octets text) {
  const std::size_t close = View(text).find(']');
  if (!text.empty() && text[0] == '[' && close != std::string_view::npos) {
    const Octets inside = text.subspan(1, close - 1);
    if (!TryReplaceIp(pseudonyms, inside)) pseudonyms.ReplaceWords(WordKind::kLabel, inside);
    // A port may follow; it says nothing about anybody.
    const std::string_view rest = View(text.subspan(close + 1));
    const bool port = rest.size() <= 6 && rest.starts_with(':') &&
                      std::all_of(rest.begin() + 1, rest.end(), IsDigit);
    if (!port) pseudonyms.ReplaceWords(WordKind::kLabel, text.subspan(close + 1));
    return;
  }
  if (TryReplaceIp(pseudonyms, text)) return;
  text = text.first(pseudonyms.KeptFrom(View(text)));
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dot = std::min(View(text).find('.', at), text.size());
    const bool last = dot == text.size() || dot + 1 == text.size();
    const std::string_view label = View(text.subspan(at, dot - at));
    std::size_t begin = at;
    if (StartsFolded(label, "xn--")) begin += 4;
    if (!(last && IsTopLabel(label)))
      pseudonyms.ReplaceWords(WordKind::kLabel, text.subspan(begin, dot - begin));
    at = dot + 1;
  }
}

}  // namespace anonymise
