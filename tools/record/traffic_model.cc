// Distributions by their quantile functions: one random number, one value.
#include "tools/record/traffic_model.h"

#include <algorithm>

namespace record {
namespace {

// Lanes of the seed, so that a change of one draw does not move the others.
constexpr std::uint64_t kPoolLane = 1;
// Mean of a Weibull distribution of shape 0.6 and scale 1: Gamma(1 + 1 / 0.6).
constexpr double kWeibullMean = 1.50457548825155601882;

double QuantileOf(const SizeClass& size, double p) {
  switch (size.shape) {
    case SizeShape::kLogNormal: return size.a * Exponent(size.b * NormalQuantile(p));
    case SizeShape::kPareto: {
      // Of the distribution that ends at `cut`, not heaped up there.
      const double beyond = Power(size.a / size.cut, size.b);
      return size.a * Power(1 - p * (1 - beyond), -1 / size.b);
    }
    case SizeShape::kUniform: return size.a + p * (size.cut - size.a);
  }
  return size.a;
}

}  // namespace

TrafficModel ModelNamed(ModelName name) {
  TrafficModel model;
  switch (name) {
    case ModelName::kMail:
      model.sizes = {
          {.share = 0.55, .shape = SizeShape::kLogNormal, .a = 8e3, .b = 1.0},
          {.share = 0.35, .shape = SizeShape::kLogNormal, .a = 45e3, .b = 0.8},
          {.share = 0.09, .shape = SizeShape::kPareto, .a = 100e3, .b = 1.1, .cut = 30e6},
          {.share = 0.01, .shape = SizeShape::kUniform, .a = 10e6, .cut = 50e6}};
      break;
    case ModelName::kSmall:
      model.sizes = {{.share = 1, .shape = SizeShape::kLogNormal, .a = 4e3, .b = 0.5, .cut = 64e3}};
      model.one_recipient = 1;
      model.very_many_recipients = 0;
      model.fields_max = 20;
      break;
    case ModelName::kLarge:
      model.sizes = {{.share = 1, .shape = SizeShape::kUniform, .a = 1e6, .cut = 20e6}};
      break;
  }
  return model;
}

double SizeQuantile(const TrafficModel& model, double p) {
  double below = 0;
  for (const SizeClass& size : model.sizes) {
    if (p < below + size.share || &size == &model.sizes.back())
      return std::min(size.cut, QuantileOf(size, std::clamp((p - below) / size.share, 0.0, 1.0)));
    below += size.share;
  }
  return 0;
}

std::vector<std::uint64_t> PoolSizes(const TrafficModel& model,
                                     const PoolOptions& options,
                                     std::uint64_t seed) {
  RandomStream random(seed, kPoolLane);
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t i = 0; i < options.bodies; ++i) {
    const double p = (i + random.Unit()) / options.bodies;
    const auto bytes = static_cast<std::uint64_t>(SizeQuantile(model, p) * options.scale);
    sizes.push_back(std::min(bytes, options.bytes_max));
  }
  return sizes;
}

double ArrivalGap(Arrivals arrivals, RandomStream& random) {
  double gap = 0;
  switch (arrivals) {
    case Arrivals::kPoisson: gap = random.Exponential(); break;
    case Arrivals::kWeibull:
      gap = Power(std::max(random.Exponential(), 1e-12), 1 / kWeibullShape) / kWeibullMean;
      break;
    case Arrivals::kPareto: {
      const double smallest = (kParetoAlpha - 1) / kParetoAlpha;
      gap = smallest * Power(1 - random.Unit(), -1 / kParetoAlpha);
      break;
    }
  }
  return std::min(gap, kGapMeansMax);
}

std::uint32_t DrawRecipients(const TrafficModel& model,
                             const ZipfTable& zipf,
                             RandomStream& random) {
  const double u = random.Unit();
  if (u < model.one_recipient) return 1;
  return u >= 1 - model.very_many_recipients ? kRecipientsVeryMany : zipf.Draw(random);
}

std::uint32_t DrawFields(const TrafficModel& model, RandomStream& random) {
  const double share = random.Unit() * random.Unit();
  const double more = share * (model.fields_max - model.fields_min + 1);
  return model.fields_min + static_cast<std::uint32_t>(more);
}

std::uint32_t DrawMessages(const TrafficModel& model, RandomStream& random) {
  std::uint32_t messages = 1;
  while (messages < kSessionMessagesMax && random.Chance(model.more_in_session))
    ++messages;
  return messages;
}

double MeanMessages(const TrafficModel& model) {
  return 1 / (1 - model.more_in_session);
}

}  // namespace record
