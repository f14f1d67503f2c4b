// Levenshtein distance, and a bound on what still counts as similar.
#include "relay/nearest_name.h"

#include <algorithm>
#include <vector>

namespace relay {
namespace {

constexpr std::size_t kNameMax = 64;

std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view NearestName(std::string_view name, std::span<const std::string_view> names) {
  if (name.empty() || name.size() > kNameMax) return {};
  std::string_view nearest;
  std::size_t best = std::max<std::size_t>(3, name.size() / 3) + 1;
  for (const std::string_view candidate : names) {
    const std::size_t distance = candidate.starts_with(name) ? 1 : Distance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace relay
