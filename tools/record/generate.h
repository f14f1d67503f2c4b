// Made-up sessions by a traffic model, one after the other.
//
//   Generator generator(options);
//   while (generator.Next(&session)) PlaySession(session, ++number, sink, nullptr);
//
// Each session's own stream of random numbers comes from the seed and its number: sessions do not
// depend on each other but for the time at which they begin.
// Limits: kGenerateMax messages, kBodiesMax bodies. Memory: one session, and the sizes of the pool.
#ifndef MILLRACE_TOOLS_RECORD_GENERATE_H_
#define MILLRACE_TOOLS_RECORD_GENERATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/record/made_text.h"
#include "tools/record/played_session.h"
#include "tools/record/traffic_model.h"

namespace record {

inline constexpr std::uint64_t kGenerateMax = 1'000'000'000;
inline constexpr std::uint32_t kBodiesMax = 100'000;
inline constexpr std::uint64_t kMadeBytesMax = 250'000'000;
inline constexpr double kRateMax = 1e6;
// 2026-01-01T00:00:00Z, so that the same options give the same file.
inline constexpr std::uint64_t kGenerateStartUs = 1'767'225'600'000'000;

struct GenerateOptions {
  std::uint64_t messages = 0;
  std::uint64_t seed = 1;
  ModelName model = ModelName::kMail;
  double rate = 10;  // messages a second, on average
  Arrivals arrivals = Arrivals::kPoisson;
  PoolOptions pool{};
  std::uint64_t start_us = kGenerateStartUs;
};

class Generator {
 public:
  explicit Generator(const GenerateOptions& options);

  // False: all messages have been made. Reuses what `session` holds.
  bool Next(PlayedSession* session);
  std::uint64_t made() const noexcept { return made_; }

 private:
  void SetClient(RandomStream& random, milter::MtaScript* script) const;
  void SetTransaction(RandomStream& random, std::uint64_t time_us, milter::Transaction* to);
  void SetEnvelope(RandomStream& random, milter::Transaction* to) const;
  void SetFields(RandomStream& random, std::uint64_t time_us, milter::Transaction* to) const;
  void AddFiller(RandomStream& random, std::uint32_t index, milter::Transaction* to) const;

  GenerateOptions options_;
  TrafficModel model_;
  BodyMaker maker_;
  std::vector<std::uint64_t> sizes_;
  ZipfTable recipients_;
  ZipfTable users_;
  ZipfTable clients_;
  RandomStream arrivals_;
  std::uint64_t sessions_ = 0;
  std::uint64_t made_ = 0;
  double seconds_ = 0;  // since the start: when the last session began
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_GENERATE_H_
