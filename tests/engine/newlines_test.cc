// NewlineConverter and its kernels against a loop over single octets.
//
// Method: every text of up to 7 octets over {CR, LF, 'x'} at every split into two pieces; random
// texts of many lengths, CR densities, alignments 0..63 and chunkings, with guard octets around, so
// that a store outside the piece shows.
#include "engine/spool/newlines.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace engine {
namespace {

std::string ExpectedLf(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i];
  }
  return out;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>(Next() % bound); }

 private:
  std::uint64_t state_;
};

std::string RandomText(Random& random, std::size_t size, std::size_t dense) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t pick = random.Below(dense);
    text += pick == 0 ? '\r' : pick == 1 ? '\n' : static_cast<char>(random.Below(256));
    if (pick == 0 && random.Below(2) == 0) text += '\n';
  }
  text.resize(size);
  return text;
}

// Converts `text` in pieces that end at `ends`, each from a buffer of its own at `alignment`.
std::string Convert(std::string_view text,
                    const std::vector<std::size_t>& ends,
                    std::size_t align,
                    NewlineKernel kernel = ChosenNewlineKernel()) {
  constexpr char kGuard = '\x5a';
  NewlineConverter converter;
  std::string out;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    const std::size_t size = end - begin;
    std::string buffer(64 + align + size + 64, kGuard);
    char* const at =
        buffer.data() + (64 - reinterpret_cast<std::uintptr_t>(buffer.data()) % 64) + align;
    text.copy(at, size, begin);
    const auto result = converter.Convert({reinterpret_cast<std::byte*>(at), size}, kernel);
    if (size > 0) {
      EXPECT_EQ(reinterpret_cast<char*>(result.rest.data()), at) << "in place";
    }
    if (result.leading_cr) out += NewlineConverter::kCarriageReturn;
    out.append(reinterpret_cast<const char*>(result.rest.data()), result.rest.size());
    for (const char* p = buffer.data(); p < at; ++p)
      EXPECT_EQ(*p, kGuard);
    for (const char* p = at + size; p < buffer.data() + buffer.size(); ++p)
      EXPECT_EQ(*p, kGuard);
    begin = end;
  }
  if (converter.Finish()) out += NewlineConverter::kCarriageReturn;
  return out;
}

using Kernel = std::size_t (*)(char*, std::size_t) noexcept;

std::vector<Kernel> Kernels() {
  std::vector<Kernel> kernels = {CompactPortable};
  if (HasSsse3()) kernels.push_back(CompactSsse3);
  if (HasVbmi2()) kernels.push_back(CompactVbmi2);
  return kernels;
}

std::vector<NewlineKernel> KernelNames() {
  std::vector<NewlineKernel> names = {NewlineKernel::kPortable};
  if (HasSsse3()) names.push_back(NewlineKernel::kSsse3);
  if (HasVbmi2()) names.push_back(NewlineKernel::kVbmi2);
  return names;
}

TEST(NewlineConverterTest, KeepsAllButTheCarriageReturnBeforeALineFeed) {
  EXPECT_EQ(Convert("a\r\nb\r\r\n\rc\n", {10}, 0), "a\nb\r\n\rc\n");
  EXPECT_EQ(Convert("", {0}, 0), "");
  EXPECT_EQ(Convert("\r", {1}, 0), "\r");
}

TEST(NewlineConverterTest, HoldsACarriageReturnOverEmptyPieces) {
  EXPECT_EQ(Convert("\r\n", {1, 1, 1, 2}, 0), "\n");
  EXPECT_EQ(Convert("\rx", {1, 1, 2}, 0), "\rx");
}

TEST(NewlineConverterTest, StartsAfreshAfterFinish) {
  NewlineConverter converter;
  char held[] = {'\r'};
  EXPECT_EQ(converter.Convert({reinterpret_cast<std::byte*>(held), 1}).rest.size(), 0U);
  EXPECT_TRUE(converter.carry());
  EXPECT_TRUE(converter.Finish());
  EXPECT_FALSE(converter.Finish());
  char next[] = {'\n'};
  const auto result = converter.Convert({reinterpret_cast<std::byte*>(next), 1});
  EXPECT_FALSE(result.leading_cr);
  EXPECT_EQ(result.rest.size(), 1U);
}

TEST(NewlineConverterTest, AgreesWithTheOctetLoopOnEveryShortTextAtEverySplit) {
  constexpr char kOctets[] = {'\r', '\n', 'x'};
  for (std::size_t size = 0, count = 1; size <= 7; ++size, count *= 3) {
    for (std::size_t code = 0; code < count; ++code) {
      std::string text;
      for (std::size_t i = 0, rest = code; i < size; ++i, rest /= 3)
        text += kOctets[rest % 3];
      const std::string expected = ExpectedLf(text);
      for (std::size_t first = 0; first <= size; ++first) {
        for (std::size_t second = first; second <= size; ++second)
          ASSERT_EQ(Convert(text, {first, second, size}, 0), expected) << code << " of " << size;
      }
    }
  }
}

TEST(NewlineConverterTest, AgreesWithTheOctetLoopAtEverySplitOfALongText) {
  Random random(1);
  const std::string text = RandomText(random, 200, 4);
  const std::string expected = ExpectedLf(text);
  for (std::size_t split = 0; split <= text.size(); ++split)
    ASSERT_EQ(Convert(text, {split, text.size()}, split % 64), expected) << split;
}

// Line ends before, at and behind the edges of every vector that a kernel loads.
TEST(NewlineConverterTest, EveryKernelAgreesAtEverySplitAndAlignment) {
  std::string text;
  for (int i = 0; i < 12; ++i)
    text += std::string(static_cast<std::size_t>(i), 'x') + (i % 4 == 3 ? "\r\r\n\n" : "\r\n");
  text += std::string(70, 'y') + "\r\n\r\n\r";
  const std::string expected = ExpectedLf(text);
  for (const NewlineKernel kernel : KernelNames()) {
    for (std::size_t align = 0; align < 64; ++align) {
      for (std::size_t split = 0; split <= text.size(); ++split)
        ASSERT_EQ(Convert(text, {split, text.size()}, align, kernel), expected)
            << "kernel " << static_cast<int>(kernel) << " align " << align << " split " << split;
    }
  }
}

TEST(NewlineConverterTest, EveryKernelAgreesOnOctetsAtATime) {
  Random random(3);
  const std::string text = RandomText(random, 400, 3);
  std::vector<std::size_t> ends;
  for (std::size_t end = 1; end <= text.size(); ++end)
    ends.push_back(end);
  for (const NewlineKernel kernel : KernelNames())
    ASSERT_EQ(Convert(text, ends, 0, kernel), ExpectedLf(text));
}

TEST(NewlineConverterTest, AgreesWithTheOctetLoopOnRandomChunks) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const std::string text = RandomText(random, random.Below(5000), 2 + random.Below(80));
    std::vector<std::size_t> ends;
    for (std::size_t at = 0; at < text.size();) {
      at = std::min(text.size(), at + 1 + random.Below(1 + random.Below(600)));
      ends.push_back(at);
    }
    if (ends.empty()) ends.push_back(0);
    ASSERT_EQ(Convert(text, ends, seed % 64), ExpectedLf(text)) << "seed " << seed;
  }
}

TEST(NewlineKernelTest, AgreesWithTheOctetLoopAtEveryAlignmentAndLength) {
  for (const Kernel kernel : Kernels()) {
    for (std::size_t align = 0; align < 64; ++align) {
      for (std::size_t size = 0; size < 150; ++size) {
        Random random(align * 1000 + size);
        const std::string text = RandomText(random, size, 2 + random.Below(6));
        std::vector<char> buffer(64 + align + size);
        char* const at = buffer.data() + align;
        text.copy(at, size);
        const std::size_t kept = kernel(at, size);
        ASSERT_EQ(std::string_view(at, kept), ExpectedLf(text)) << align << " " << size;
      }
    }
  }
}

TEST(NewlineKernelTest, AgreesWithTheOctetLoopOnLargeTexts) {
  for (const Kernel kernel : Kernels()) {
    for (const std::size_t dense : {2U, 3U, 20U, 76U, 1000U, 1000000U}) {
      Random random(dense);
      std::string text = RandomText(random, 70000, dense);
      const std::string expected = ExpectedLf(text);
      text.resize(kernel(text.data(), text.size()));
      ASSERT_EQ(text, expected) << dense;
    }
  }
}

TEST(NewlineKernelTest, IsChosenByTheProcessor) {
  const NewlineKernel without_vbmi2 = HasSsse3() ? NewlineKernel::kSsse3 : NewlineKernel::kPortable;
  EXPECT_EQ(ChosenNewlineKernel(), HasVbmi2() ? NewlineKernel::kVbmi2 : without_vbmi2);
}

}  // namespace
}  // namespace engine
