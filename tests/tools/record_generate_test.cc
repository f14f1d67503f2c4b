// Made-up traffic against its model, and that it is the same everywhere.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/record_scratch.h"
#include "tools/command_line/files.h"
#include "tools/record/generate.h"
#include "tools/record/made_text.h"
#include "tools/record/random_stream.h"
#include "tools/record/traffic_model.h"

namespace record {
namespace {

TEST(RandomStreamTest, NumbersAreTheSameEverywhere) {
  RandomStream random(1, 2);
  std::uint64_t mixed = 0;
  for (int i = 0; i < 1000; ++i)
    mixed = mixed * 31 + random.Next();
  RandomStream again(1, 2);
  EXPECT_EQ(again.Next(), RandomStream(1, 2).Next());
  EXPECT_NE(again.Next(), RandomStream(2, 2).Next());
  EXPECT_NE(RandomStream(1, 3).Next(), RandomStream(1, 2).Next());
  EXPECT_EQ(mixed, 5760079905387530387U);
}

TEST(RandomStreamTest, FunctionsAreCloseToTheLibrarys) {
  for (double x = 1e-9; x < 1e9; x *= 1.7) {
    EXPECT_NEAR(Logarithm(x), std::log(x), 1e-13 * (1 + std::abs(std::log(x))));
    EXPECT_NEAR(Power(x, 0.6) / std::pow(x, 0.6), 1, 1e-12);
  }
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-12);
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963985, 1e-8);
  EXPECT_NEAR(NormalQuantile(0.001), -3.090232306, 1e-8);
}

TEST(TrafficModelTest, QuantilesAreThoseOfTheModel) {
  const TrafficModel mail = ModelNamed(ModelName::kMail);
  EXPECT_NEAR(SizeQuantile(mail, 0.275), 8e3, 1);          // half of the first class
  EXPECT_NEAR(SizeQuantile(mail, 0.55 + 0.175), 45e3, 1);  // half of the second one
  EXPECT_NEAR(SizeQuantile(mail, 0.9), 100e3, 1);          // where the third begins
  EXPECT_NEAR(SizeQuantile(mail, 0.995), 30e6, 1);         // the middle of 10 to 50 million
  double before = 0;
  for (double p = 0.901; p < 0.99; p += 0.001) {
    EXPECT_GT(SizeQuantile(mail, p), before);
    before = SizeQuantile(mail, p);
  }
  EXPECT_LE(before, 30e6);
}

TEST(TrafficModelTest, ASmallPoolHasTheModelsPercentiles) {
  const TrafficModel mail = ModelNamed(ModelName::kMail);
  const std::vector<std::uint64_t> sizes = PoolSizes(mail, {}, 7);
  ASSERT_EQ(sizes.size(), 200U);
  for (const std::size_t i : {20U, 50U, 100U, 150U, 180U}) {
    const auto size = static_cast<double>(sizes[i]);
    EXPECT_GE(size, std::floor(SizeQuantile(mail, static_cast<double>(i) / 200)));
    EXPECT_LE(size, SizeQuantile(mail, static_cast<double>(i + 1) / 200));
  }
  for (const std::uint64_t size : PoolSizes(mail, {.bodies = 50, .scale = 2, .bytes_max = 9000}, 1))
    EXPECT_LE(size, 9000U);
}

TEST(TrafficModelTest, GapsHaveAMeanOfOne) {
  constexpr int kDraws = 200'000;
  for (const Arrivals arrivals : {Arrivals::kPoisson, Arrivals::kWeibull, Arrivals::kPareto}) {
    RandomStream random(3, 1);
    double sum = 0;
    for (int i = 0; i < kDraws; ++i)
      sum += ArrivalGap(arrivals, random);
    // The Pareto distribution's mean converges slowly, and its tail is cut.
    EXPECT_NEAR(sum / kDraws, 1, arrivals == Arrivals::kPareto ? 0.1 : 0.02);
  }
}

TEST(TrafficModelTest, RecipientsFieldsAndMessagesAreDrawnByTheModel) {
  constexpr int kDraws = 200'000;
  const TrafficModel mail = ModelNamed(ModelName::kMail);
  const ZipfTable zipf(2, kRecipientsZipfMax, kRecipientsZipfExponent);
  RandomStream random(5, 1);
  int one = 0;
  int very_many = 0;
  double fields = 0;
  double messages = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint32_t recipients = DrawRecipients(mail, zipf, random);
    one += recipients == 1 ? 1 : 0;
    very_many += recipients == kRecipientsVeryMany ? 1 : 0;
    EXPECT_TRUE(recipients <= kRecipientsZipfMax || recipients == kRecipientsVeryMany);
    const std::uint32_t count = DrawFields(mail, random);
    EXPECT_TRUE(count >= mail.fields_min && count <= mail.fields_max);
    fields += count;
    messages += DrawMessages(mail, random);
  }
  EXPECT_NEAR(one / static_cast<double>(kDraws), 0.92, 0.003);
  EXPECT_NEAR(very_many, 20, 15);
  EXPECT_NEAR(fields / kDraws, 15 + 46 / 4.0 - 0.5, 0.2);
  EXPECT_NEAR(messages / kDraws, 1.25, 0.01);
}

TEST(MadeTextTest, BodiesHaveTheirSizeAndWholeLines) {
  const BodyMaker maker(1);
  std::string body;
  for (const std::uint64_t bytes : {64U, 1000U, 32'767U, 32'768U, 100'000U, 3'000'000U}) {
    maker.Make(3, bytes, &body);
    EXPECT_EQ(body.size(), bytes);
    EXPECT_TRUE(body.ends_with("\r\n"));
    std::size_t longest = 0;
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t end = body.find("\r\n", at);
      ASSERT_NE(end, std::string::npos);
      longest = std::max(longest, end - at);
      at = end + 2;
    }
    EXPECT_LE(longest, 998U);
  }
  std::string other;
  maker.Make(3, 5000, &body);
  maker.Make(4, 5000, &other);
  EXPECT_NE(body, other);
}

TEST(GenerateTest, TheSameSeedGivesTheSameFile) {
  const RecordScratch scratch;
  GenerateOptions options{.messages = 200, .model = ModelName::kSmall};
  options.pool.bodies = 20;
  GenerateToTrace(scratch, "a", options);
  GenerateToTrace(scratch, "b", options);
  const std::string a = *command_line::ReadFile(scratch.Path("a"), 1 << 30);
  EXPECT_EQ(a, *command_line::ReadFile(scratch.Path("b"), 1 << 30));
  options.seed = 2;
  GenerateToTrace(scratch, "c", options);
  EXPECT_NE(a, *command_line::ReadFile(scratch.Path("c"), 1 << 30));
}

// FNV-1a over what the first messages are: a change here changes everybody's made-up traffic.
TEST(GenerateTest, TheFirstMessagesAreKnown) {
  GenerateOptions options{.messages = 100};
  options.pool.bodies = 10;
  Generator generator(options);
  PlayedSession session;
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 1'099'511'628'211U;
    }
  };
  std::uint64_t messages = 0;
  while (generator.Next(&session)) {
    add(std::to_string(session.connect_us) + session.script.client_address);
    for (const milter::Transaction& transaction : session.script.transactions) {
      ++messages;
      add(transaction.sender.address);
      for (const milter::EnvelopeAddress& recipient : transaction.recipients)
        add(recipient.address);
      for (const milter::HeaderField& field : transaction.headers)
        add(field.name + field.value);
      add(std::to_string(transaction.body.size()));
    }
  }
  EXPECT_EQ(messages, 100U);
  EXPECT_EQ(hash, 17689821388890493487U);
}

TEST(GenerateTest, ATraceHasWhatWasAskedFor) {
  const RecordScratch scratch;
  GenerateOptions options{.messages = 500, .model = ModelName::kSmall, .rate = 100};
  GenerateToTrace(scratch, "t", options);
  const Exported all = ReadTrace(scratch.Path("t"));
  EXPECT_TRUE(all.walk.sound());
  ASSERT_EQ(all.messages.size(), 500U);
  std::vector<std::uint64_t> times;
  for (const ExportedTransaction& each : all.messages) {
    EXPECT_FALSE(each.recorded.has_verdict);
    EXPECT_EQ(each.message.transaction.recipients.size(), 1U);
    EXPECT_GE(each.message.transaction.headers.size(), 15U);
    times.push_back(*each.message.time_us);
  }
  // 500 messages at 100 a second, and a fifth of them a second or so behind another one.
  std::sort(times.begin(), times.end());
  EXPECT_NEAR(static_cast<double>(times[250] - options.start_us) / 1e6, 2.7, 0.8);
}

}  // namespace
}  // namespace record
