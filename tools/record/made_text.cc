// The words are the project's own list: short, neutral, ASCII.
#include "tools/record/made_text.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace record {
namespace {

constexpr std::array<const char*, 128> kWords = {
    "amber",  "anchor", "apple",   "arch",   "ash",     "autumn",  "bank",   "barley", "basin",
    "beach",  "bell",   "birch",   "boat",   "bridge",  "bright",  "brook",  "button", "cabin",
    "calm",   "candle", "canvas",  "cedar",  "chalk",   "chart",   "clay",   "clear",  "cliff",
    "clock",  "cloud",  "clover",  "coast",  "copper",  "corner",  "cotton", "crane",  "creek",
    "dawn",   "delta",  "desk",    "dew",    "drift",   "early",   "east",   "elm",    "ember",
    "even",   "fable",  "fern",    "ferry",  "field",   "flint",   "flour",  "forest", "fox",
    "garden", "gate",   "glass",   "grain",  "granite", "green",   "grove",  "harbor", "harvest",
    "hazel",  "heath",  "hedge",   "hill",   "honey",   "island",  "ivory",  "jar",    "kettle",
    "lake",   "lamp",   "lark",    "leaf",   "lilac",   "linen",   "loom",   "maple",  "marble",
    "market", "meadow", "mill",    "mint",   "mist",    "moor",    "moss",   "north",  "oak",
    "oat",    "olive",  "orchard", "otter",  "paper",   "path",    "pear",   "pebble", "pine",
    "plain",  "pond",   "quiet",   "rain",   "reed",    "ridge",   "river",  "rowan",  "sail",
    "salt",   "sand",   "shade",   "shore",  "slate",   "sparrow", "spring", "stone",  "stream",
    "summer", "table",  "thyme",   "timber", "valley",  "violet",  "wheel",  "willow", "winter",
    "wool",   "yarrow"};
constexpr std::size_t kWordRingBytes = 256 * 1024;
constexpr std::size_t kBase64RingBytes = 64 * 1024;
constexpr std::size_t kLineBytes = 72;
constexpr std::size_t kBase64LineBytes = 76;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kToken =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr std::string_view kBoundary = "=_made-up-boundary";
constexpr std::uint64_t kTextPartBytes = 2048;
constexpr std::uint64_t kWordLane = 2;
constexpr std::uint64_t kBase64Lane = 3;
constexpr std::array<const char*, 3> kDomains = {"example.com", "example.net", "example.org"};
constexpr std::array<const char*, 3> kInet4 = {"192.0.2.", "198.51.100.", "203.0.113."};

const char* WordOf(std::uint64_t k) {
  return kWords[k % kWords.size()];
}

}  // namespace

BodyMaker::BodyMaker(std::uint64_t seed) {
  RandomStream random(seed, kWordLane);
  std::size_t line = 0;
  while (words_.size() < kWordRingBytes) {
    const std::string_view word = WordOf(random.Next() >> 32);
    if (line + word.size() + 1 > kLineBytes) {
      words_.append(random.Chance(0.1) ? ".\r\n\r\n" : "\r\n");
      line = 0;
    }
    if (line != 0) words_.append(" ");
    words_.append(word);
    line += word.size() + 1;
  }
  words_.append(".\r\n");
  RandomStream bits(seed, kBase64Lane);
  while (base64_.size() < kBase64RingBytes) {
    for (std::size_t i = 0; i < kBase64LineBytes; ++i)
      base64_.push_back(kBase64[bits.Below(kBase64.size())]);
    base64_.append("\r\n");
  }
}

void BodyMaker::AppendLines(std::string_view ring,
                            std::uint64_t place,
                            std::uint64_t bytes,
                            std::string* body) {
  const std::size_t end = body->size() + bytes;
  std::size_t at = ring.find('\n', place % (ring.size() - kLineBytes * 2)) + 1;
  while (body->size() < end) {
    const std::size_t room = end - body->size();
    const std::string_view rest = ring.substr(at, room);
    body->append(rest);
    at = 0;
  }
  // Ends with a line's end, whatever was cut.
  if (bytes >= 2) body->replace(body->size() - 2, 2, "\r\n");
}

void BodyMaker::Make(std::uint32_t index, std::uint64_t bytes, std::string* body) const {
  body->clear();
  const std::uint64_t place = std::uint64_t{index} * 7919;
  const std::string first = absl::StrCat("Body ", index, " of this set.\r\n");
  if (bytes < kAttachmentFromBytes) {
    body->append(first);
    if (bytes > first.size()) AppendLines(words_, place, bytes - first.size(), body);
    return;
  }
  const std::string boundary(kBoundary);
  const std::string head = absl::StrCat("\r\n--",
                                        boundary,
                                        "\r\nContent-Type: application/octet-stream; name=\"file",
                                        index,
                                        ".bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n");
  const std::string tail = absl::StrCat("\r\n--", boundary, "--\r\n");
  body->reserve(bytes);
  absl::StrAppend(body, "--", boundary, "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n");
  body->append(first);
  AppendLines(words_, place, kTextPartBytes, body);
  body->append(head);
  AppendLines(base64_, place, bytes - body->size() - tail.size(), body);
  body->append(tail);
}

std::string_view BodyMaker::ContentType(std::uint64_t bytes) {
  return bytes < kAttachmentFromBytes ? " text/plain; charset=us-ascii"
                                      : " multipart/mixed;\n boundary=\"=_made-up-boundary\"";
}

std::string Words(RandomStream& random, std::uint32_t count) {
  std::string text;
  for (std::uint32_t i = 0; i < count; ++i)
    absl::StrAppend(&text, i == 0 ? "" : " ", WordOf(random.Below(kWords.size())));
  return text;
}

std::string Token(RandomStream& random, std::uint32_t count) {
  std::string text;
  for (std::uint32_t i = 0; i < count; ++i)
    text.push_back(kToken[random.Below(kToken.size())]);
  return text;
}

std::string MadeQueueId(RandomStream& random) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::uint32_t kQueueIdBytes = 12;
  std::string id;
  for (std::uint32_t i = 0; i < kQueueIdBytes; ++i)
    id.push_back(kHex[random.Below(kHex.size())]);
  return id;
}

std::string UserName(std::uint64_t k) {
  return absl::StrCat(WordOf(k * 31 + 7), ".", WordOf(k * 17 + 3), k);
}

std::string DomainName(std::uint64_t k) {
  const char* domain = kDomains[k % kDomains.size()];
  return k < kDomains.size() ? domain : absl::StrCat(WordOf(k * 13), k, ".", domain);
}

MadeClient ClientOf(std::uint64_t k) {
  MadeClient client;
  if (k % 8 == 7) {
    client.family = '6';
    client.address = absl::StrCat("2001:db8::", absl::Hex(k / 8 % 0xffff + 1));
  } else {
    client.address = absl::StrCat(kInet4[k % kInet4.size()], k / kInet4.size() % 254 + 1);
  }
  client.helo = absl::StrCat("mx", k % 4 + 1, ".", DomainName(k));
  client.name = k % 10 == 9 ? "unknown" : client.helo;
  return client;
}

}  // namespace record
