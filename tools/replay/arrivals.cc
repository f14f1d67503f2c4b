// The area under the rate, and its inverse.
#include "tools/replay/arrivals.h"

#include <algorithm>
#include <cmath>

namespace replay {
namespace {

constexpr double kSecondsMax = 1e9;  // some thirty years: later is never
constexpr int kFractionBits = 53;

}  // namespace

std::uint64_t Draws::Next() noexcept {
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

double Draws::Fraction() noexcept {
  return std::ldexp(static_cast<double>(Next() >> (64 - kFractionBits)), -kFractionBits);
}

Arrivals::Arrivals(const ArrivalShape& shape, std::uint64_t seed) : shape_(shape), draws_(seed) {
  if (shape_.ramp <= engine::Time{}) shape_.rate_to = shape_.rate;
  if (shape_.burst > 0 && shape_.burst_every > engine::Time{}) {
    next_burst_ = shape_.burst_every;
    burst_left_ = shape_.burst;
  }
  Draw();
}

engine::Time Arrivals::Peek() const noexcept {
  return std::min(next_, next_burst_);
}

void Arrivals::Pop() {
  if (next_burst_ > next_) return Draw();
  if (next_burst_ == engine::kNever || --burst_left_ > 0) return;
  burst_left_ = shape_.burst;
  next_burst_ += shape_.burst_every;
}

void Arrivals::Draw() {
  area_ += shape_.kind == ArrivalKind::kEven ? 1 : -std::log1p(-draws_.Fraction());
  next_ = TimeOfArea(area_);
}

// In the ramp the area is a t + (b - a) t^2 / 2T: solved for t in the form that keeps its digits
// when b - a is small.
engine::Time Arrivals::TimeOfArea(double area) const {
  const double ramp = std::chrono::duration<double>(shape_.ramp).count();
  const double from = shape_.rate;
  const double to = shape_.rate_to;
  const double ramp_area = ramp * (from + to) / 2;
  double seconds = 0;
  if (area < ramp_area) {
    const double slope = (to - from) / ramp;
    const double root = std::sqrt(std::max(0.0, from * from + 2 * slope * area));
    seconds = 2 * area / (from + root);
  } else if (to > 0) {
    seconds = std::max(ramp, 0.0) + (area - ramp_area) / to;
  } else {
    return engine::kNever;
  }
  if (!(seconds < kSecondsMax)) return engine::kNever;
  return std::chrono::duration_cast<engine::Time>(std::chrono::duration<double>(seconds));
}

}  // namespace replay
