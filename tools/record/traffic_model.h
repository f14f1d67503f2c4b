// What made-up traffic looks like: sizes, recipients, header fields, arrivals, messages per
// session. docs/traffic-model.md has the same in words, with where the figures come from.
//
//   size     one of several classes by share; inside a class log-normal, Pareto (cut) or uniform
//   bodies   a pool: place i of n stands for the share from i/n to (i+1)/n of all sizes, so that
//            even a small pool has the percentiles of the model
//   arrivals of sessions: Poisson, or gaps by Weibull or Pareto (bursts), always with the same mean
//
// Everything is a function of the model and the seed.
#ifndef MILLRACE_TOOLS_RECORD_TRAFFIC_MODEL_H_
#define MILLRACE_TOOLS_RECORD_TRAFFIC_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/units.h"
#include "tools/record/random_stream.h"

namespace record {

enum class SizeShape : std::uint8_t {
  kLogNormal,  // a: median, b: sigma
  kPareto,     // a: smallest, b: alpha
  kUniform,    // from a to `cut`
};

struct SizeClass {
  double share = 1;
  SizeShape shape = SizeShape::kLogNormal;
  double a = 0;
  double b = 0;
  double cut = 50e6;  // none is larger
};

enum class Arrivals : std::uint8_t { kPoisson, kWeibull, kPareto };

struct TrafficModel {
  std::vector<SizeClass> sizes{};
  double one_recipient = 0.92;
  double very_many_recipients = 0.0001;  // kRecipientsVeryMany of them; the rest: Zipf
  double more_in_session = 0.2;  // after each message: the chance that the client has another one
  double null_sender = 0.03;
  double authenticated = 0.1;  // of the messages
  std::uint32_t fields_min = 15;
  std::uint32_t fields_max = 60;
};

inline constexpr std::uint32_t kRecipientsVeryMany = 1000;
inline constexpr std::uint32_t kRecipientsZipfMax = 100;
inline constexpr double kRecipientsZipfExponent = 1.5;
inline constexpr std::uint32_t kSessionMessagesMax = 50;
inline constexpr double kThinkSeconds = 1.0;  // mean of the pause between a session's messages
inline constexpr double kWeibullShape = 0.6;
inline constexpr double kParetoAlpha = 1.5;
inline constexpr double kGapMeansMax = 1000;  // a longer gap than this many means is cut to it

enum class ModelName : std::uint8_t { kMail, kSmall, kLarge };
TrafficModel ModelNamed(ModelName name);

// The size below which the share `p` (0..1) of the model's messages lies, in octets.
double SizeQuantile(const TrafficModel& model, double p);

struct PoolOptions {
  std::uint32_t bodies = 200;
  double scale = 1;
  std::uint64_t bytes_max = 50'000'000;
};
// The message sizes that the bodies of a pool are made for.
std::vector<std::uint64_t> PoolSizes(const TrafficModel& model,
                                     const PoolOptions& options,
                                     std::uint64_t seed);

// A gap between two arrivals whose mean is 1.
double ArrivalGap(Arrivals arrivals, RandomStream& random);

// How many recipients a message has; `zipf` from 2 to kRecipientsZipfMax.
std::uint32_t DrawRecipients(const TrafficModel& model,
                             const ZipfTable& zipf,
                             RandomStream& random);
// fields_min plus a share of the rest that is the product of two uniform numbers: few have many.
std::uint32_t DrawFields(const TrafficModel& model, RandomStream& random);
// How many messages a session has: geometric, at most kSessionMessagesMax.
std::uint32_t DrawMessages(const TrafficModel& model, RandomStream& random);
double MeanMessages(const TrafficModel& model);

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_TRAFFIC_MODEL_H_
