// Series are summed to where a double does not change any more.
#include "tools/record/random_stream.h"

#include <algorithm>
#include <cmath>

namespace record {
namespace {

constexpr double kLn2 = 0.693147180559945309417;
constexpr double kSqrtHalf = 0.707106781186547524401;
constexpr double kSqrtTwoPi = 2.50662827463100050242;

std::uint64_t Mix(std::uint64_t mixed) noexcept {
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31);
}

// The share of the normal distribution below x, |x| <= 7: its density times a series.
double NormalShare(double x) noexcept {
  double term = x;
  double sum = x;
  for (int k = 3; k < 400; k += 2) {
    term = term * x * x / k;
    const double next = sum + term;
    if (next == sum) break;
    sum = next;
  }
  return 0.5 + sum * Exponent(-x * x / 2) / kSqrtTwoPi;
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::uint64_t lane) noexcept
    : state_(Mix(Mix(seed + 0x9e3779b97f4a7c15U) + lane * 0x9e3779b97f4a7c15U)) {}

std::uint64_t RandomStream::Next() noexcept {
  state_ += 0x9e3779b97f4a7c15U;
  return Mix(state_);
}

double RandomStream::Unit() noexcept {
  return static_cast<double>(Next() >> 11) * 0x1p-53;
}

std::uint64_t RandomStream::Below(std::uint64_t count) noexcept {
  return ((Next() >> 32) * count) >> 32;
}

double RandomStream::Exponential() noexcept {
  return -Logarithm(1.0 - Unit());
}

double Logarithm(double x) noexcept {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // exact: in [0.5, 1)
  if (mantissa < kSqrtHalf) {
    mantissa *= 2;
    --exponent;
  }
  const double s = (mantissa - 1) / (mantissa + 1);
  double power = s;
  double sum = s;
  for (int k = 3; k < 41; k += 2) {
    power = power * s * s;
    sum += power / k;
  }
  return 2 * sum + exponent * kLn2;
}

double Exponent(double x) noexcept {
  const double halves = std::floor(x / kLn2 + 0.5);
  const double rest = x - halves * kLn2;
  double term = 1;
  double sum = 1;
  for (int k = 1; k < 24; ++k) {
    term = term * rest / k;
    sum += term;
  }
  return std::ldexp(sum, static_cast<int>(halves));  // exact
}

double Power(double base, double exponent) noexcept {
  return Exponent(exponent * Logarithm(base));
}

double NormalQuantile(double p) noexcept {
  constexpr double kEnd = 1e-9;
  p = std::clamp(p, kEnd, 1 - kEnd);
  double low = -7;
  double high = 7;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (NormalShare(middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

ZipfTable::ZipfTable(std::uint32_t from, std::uint32_t to, double exponent) : from_(from) {
  double sum = 0;
  for (std::uint32_t k = from; k <= to; ++k) {
    sum += Power(k, -exponent);
    up_to_.push_back(sum);
  }
  for (double& share : up_to_)
    share /= sum;
}

std::uint32_t ZipfTable::Draw(RandomStream& random) const noexcept {
  const auto found = std::upper_bound(up_to_.begin(), up_to_.end(), random.Unit());
  const auto place = static_cast<std::uint32_t>(found - up_to_.begin());
  return from_ + std::min(place, static_cast<std::uint32_t>(up_to_.size()) - 1);
}

}  // namespace record
