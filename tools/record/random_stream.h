// Random numbers that are the same on every machine: the generator and each distribution are
// written out here, because those of the C++ library differ from one library to another.
//
//   octets of the seed --> SplitMix64 --> 64 bits --> [0, 1) by 53 of them --> the distributions
//
// Logarithm and exponential are sums of basic operations too: those of libm may differ in the last
// digit, and a last digit decides a size. The file is compiled without fused operations.
// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (SplitMix64).
// Not for secrets.
#ifndef MILLRACE_TOOLS_RECORD_RANDOM_STREAM_H_
#define MILLRACE_TOOLS_RECORD_RANDOM_STREAM_H_

#include <cstdint>
#include <vector>

namespace record {

class RandomStream {
 public:
  // Streams of one seed with different `lane`s have nothing to do with each other.
  RandomStream(std::uint64_t seed, std::uint64_t lane) noexcept;

  std::uint64_t Next() noexcept;
  // In [0, 1).
  double Unit() noexcept;
  // 0 to count - 1; count at least 1, at most 2^32.
  std::uint64_t Below(std::uint64_t count) noexcept;
  bool Chance(double share) noexcept { return Unit() < share; }
  // Mean 1.
  double Exponential() noexcept;

 private:
  std::uint64_t state_;
};

// For x > 0. Within 1e-15 of the true value, relatively.
double Logarithm(double x) noexcept;
// For |x| < 700.
double Power(double base, double exponent) noexcept;
double Exponent(double x) noexcept;
// The x below which the share `p` (clamped to 1e-9 from either end) of the normal distribution
// lies.
double NormalQuantile(double p) noexcept;

// k from `from` to `to`, drawn with a weight of k to the power -exponent.
class ZipfTable {
 public:
  ZipfTable(std::uint32_t from, std::uint32_t to, double exponent);
  std::uint32_t Draw(RandomStream& random) const noexcept;

 private:
  std::uint32_t from_;
  std::vector<double> up_to_;  // shares, summed up
};

}  // namespace record

#endif  // MILLRACE_TOOLS_RECORD_RANDOM_STREAM_H_
