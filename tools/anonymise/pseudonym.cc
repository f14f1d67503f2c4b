// The permutation of words; see the header.
#include "tools/anonymise/pseudonym.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"
#include "tools/anonymise/filler.h"

namespace anonymise {
namespace {

const unsigned char* Raw(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// A hash with the key, of pieces.
class KeyedHash {
 public:
  KeyedHash(const std::array<unsigned char, 32>& key, SeedKind kind) {
    const auto what = static_cast<unsigned char>(kind);
    crypto_generichash_init(&state_, key.data(), key.size(), crypto_generichash_BYTES);
    crypto_generichash_update(&state_, &what, 1);
  }
  void Add(std::string_view text) { crypto_generichash_update(&state_, Raw(text), text.size()); }
  std::uint64_t Seed() {
    std::array<unsigned char, crypto_generichash_BYTES> hash{};
    crypto_generichash_final(&state_, hash.data(), hash.size());
    std::uint64_t seed = 0;
    std::memcpy(&seed, hash.data(), sizeof seed);
    return seed;
  }

 private:
  crypto_generichash_state state_{};
};

constexpr int kRounds = 4;
constexpr std::uint8_t kLetters = 26;
constexpr std::uint8_t kHexLetters = 6;
constexpr std::uint8_t kDigits = 10;
// Shorter ones are more often words than numbers.
constexpr std::size_t kHexWordMin = 4;

// Letters a to f in one case, and digits.
bool IsHexWord(std::string_view word) noexcept {
  bool lower = false;
  bool upper = false;
  bool digit = false;
  for (const char c : word) {
    if (!IsHexDigit(c)) return false;
    lower |= IsLower(c);
    upper |= IsUpper(c);
    digit |= IsDigit(c);
  }
  return word.size() >= kHexWordMin && digit && lower != upper;
}

}  // namespace

// A word as numbers, each below its radix.
struct Pseudonyms::Symbols {
  std::uint8_t kind = 0;
  std::uint8_t count = 0;
  std::array<std::uint8_t, kPermutedMax> radix{};
  std::array<std::uint8_t, kPermutedMax> value{};

  std::size_t half() const noexcept { return count / 2U; }
};

Pseudonyms::Pseudonyms(std::string_view key) {
  ENGINE_CHECK(sodium_init() >= 0);
  constexpr std::string_view kFor = "millrace anonymise 1";
  ENGINE_CHECK(crypto_generichash(
                   key_.data(), key_.size(), Raw(key), key.size(), Raw(kFor), kFor.size()) == 0);
}

Pseudonyms::~Pseudonyms() {
  sodium_memzero(key_.data(), key_.size());
}

void Pseudonyms::KeepDomains(const std::vector<std::string>& domains) {
  for (std::string domain : domains) {
    std::transform(domain.begin(), domain.end(), domain.begin(), ToLower);
    kept_domains_.push_back(std::move(domain));
  }
}

std::size_t Pseudonyms::KeptFrom(std::string_view host) const noexcept {
  if (host.ends_with('.')) host.remove_suffix(1);
  for (const std::string& domain : kept_domains_) {
    if (host.size() < domain.size()) continue;
    const std::size_t from = host.size() - domain.size();
    const bool whole_labels = from == 0 || host[from - 1] == '.';
    if (whole_labels && EqualsFolded(host.substr(from), domain)) return from;
  }
  return host.size();
}

std::uint64_t Pseudonyms::Seed(SeedKind kind, std::string_view text) const {
  KeyedHash hash(key_, kind);
  hash.Add(text);
  return hash.Seed();
}

std::uint64_t Pseudonyms::LinesSeed(std::string_view text) const {
  KeyedHash hash(key_, SeedKind::kBody);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\r\n"), text.size());
    hash.Add(text.substr(0, end));
    text.remove_prefix(end == text.size() ? end : end + 1);
  }
  return hash.Seed();
}

std::size_t Pseudonyms::PlaceOf(std::size_t index,
                                std::size_t count,
                                std::string_view context) const {
  ENGINE_CHECK(index < count && count <= 256);
  std::array<std::uint8_t, 256> places{};
  for (std::size_t i = 0; i < count; ++i)
    places[i] = static_cast<std::uint8_t>(i);
  // Sattolo's shuffle: one cycle through all.
  Stream stream(Seed(SeedKind::kOctet, context));
  for (std::size_t i = count - 1; i > 0; --i)
    std::swap(places[i], places[stream.Below(static_cast<std::uint32_t>(i))]);
  return places[index];
}

void Pseudonyms::Round(Symbols* symbols, int round, bool add) const {
  // kind, round, count, all radices, the half that stays.
  std::array<unsigned char, 3 + 2 * kPermutedMax> text{};
  std::array<unsigned char, crypto_generichash_BYTES_MAX> hash{};
  static_assert(kPermutedMax / 2 + 1 <= crypto_generichash_BYTES_MAX);
  const std::size_t count = symbols->count;
  const bool left_stays = round % 2 == 0;
  const std::size_t from = left_stays ? 0 : symbols->half();
  const std::size_t stays = left_stays ? symbols->half() : count - symbols->half();
  text[0] = symbols->kind;
  text[1] = static_cast<unsigned char>(round);
  text[2] = static_cast<unsigned char>(count);
  std::copy_n(symbols->radix.begin(), count, &text[3]);
  std::copy_n(&symbols->value[from], stays, &text[3 + count]);
  crypto_generichash(
      hash.data(), hash.size(), text.data(), 3 + count + stays, key_.data(), key_.size());
  const std::size_t to = left_stays ? symbols->half() : 0;
  for (std::size_t i = 0; i < count - stays; ++i) {
    const unsigned radix = symbols->radix[to + i];
    const unsigned step = hash[i] % radix;
    const unsigned value = symbols->value[to + i];
    symbols->value[to + i] =
        static_cast<std::uint8_t>((add ? value + step : value + radix - step) % radix);
  }
}

// Moves the last symbol by 1 to radix - 1, depending on the others.
void Pseudonyms::Shift(Symbols* symbols) const {
  const std::size_t last = symbols->count - 1U;
  std::string others{static_cast<char>(symbols->kind)};
  others.append(symbols->radix.begin(), symbols->radix.begin() + symbols->count);
  others.append(symbols->value.begin(), symbols->value.begin() + symbols->count - 1);
  const std::uint64_t seed = Seed(SeedKind::kShift, others);
  const unsigned radix = symbols->radix[last];
  symbols->value[last] =
      static_cast<std::uint8_t>((symbols->value[last] + 1 + seed % (radix - 1)) % radix);
}

void Pseudonyms::Permute(Symbols* symbols) const {
  if (symbols->count == 1) {
    const std::array<char, 3> context = {
        'c', static_cast<char>(symbols->kind), static_cast<char>(symbols->radix[0])};
    symbols->value[0] = static_cast<std::uint8_t>(PlaceOf(
        symbols->value[0], symbols->radix[0], std::string_view(context.data(), context.size())));
    return;
  }
  for (int round = 0; round < kRounds; ++round)
    Round(symbols, round, true);
  Shift(symbols);
  for (int round = kRounds - 1; round >= 0; --round)
    Round(symbols, round, false);
}

void Pseudonyms::ReplaceLongWord(WordKind kind, Octets word) const {
  std::string folded{static_cast<char>(kind)};
  for (const char c : word)
    folded.push_back(ToLower(c));
  Stream stream(Seed(SeedKind::kLongWord, folded));
  // The case must not decide what is drawn first.
  Octets lower = Octets(folded).subspan(1);
  FillShape(lower, stream);
  for (std::size_t i = 0; i < word.size(); ++i)
    word[i] = IsUpper(word[i]) ? static_cast<char>(lower[i] - ('a' - 'A')) : lower[i];
}

std::string Pseudonyms::MakeWord(std::uint8_t variant, std::string_view word, bool hex) const {
  Symbols symbols;
  // Words of hexadecimal digits permute among themselves; others may become such by chance.
  symbols.kind = variant;
  symbols.count = static_cast<std::uint8_t>(word.size());
  const std::uint8_t letters = hex ? kHexLetters : kLetters;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool digit = IsDigit(word[i]);
    symbols.radix[i] = digit ? kDigits : letters;
    symbols.value[i] = static_cast<std::uint8_t>(word[i] - (digit ? '0' : 'a'));
  }
  Permute(&symbols);
  std::string made;
  for (std::size_t i = 0; i < word.size(); ++i)
    made.push_back(static_cast<char>((IsDigit(word[i]) ? '0' : 'a') + symbols.value[i]));
  return made;
}

void Pseudonyms::ReplaceWord(WordKind kind, Octets word) const {
  if (word.empty()) return;
  if (word.size() > kPermutedMax || std::any_of(word.begin(), word.end(), IsHigh))
    return ReplaceLongWord(kind, word);
  // What it is known by: its kind, and the word in lower case.
  std::array<char, kPermutedMax + 1> name{};
  const bool hex = kind == WordKind::kHexGroup || IsHexWord(View(word));
  const auto variant = static_cast<std::uint8_t>(static_cast<unsigned>(kind) * 2 + (hex ? 1 : 0));
  name[0] = static_cast<char>(variant);
  std::transform(word.begin(), word.end(), name.begin() + 1, ToLower);
  const std::string_view text(name.data(), word.size() + 1);
  auto found = kept_.find(text);
  if (found == kept_.end()) {
    if (kept_.size() >= kKeptMax) kept_.clear();
    found = kept_.emplace(text, MakeWord(variant, text.substr(1), hex)).first;
  }
  const std::string& made = found->second;
  for (std::size_t i = 0; i < word.size(); ++i)
    word[i] = IsUpper(word[i]) ? static_cast<char>(made[i] - ('a' - 'A')) : made[i];
}

void Pseudonyms::ReplaceWords(WordKind kind, Octets text) const {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = WordEnd(View(text), at);
    if (end > at) ReplaceWord(kind, text.subspan(at, end - at));
    at = end + 1;
  }
}

}  // namespace anonymise
