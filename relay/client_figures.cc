// A heap of the busiest entries so far, with the least busy of them on top.
#include "relay/client_figures.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "relay/client_key.h"

namespace relay {
namespace {

using engine::KeyEntryView;

// The key last, so that equal counts are always listed in the same order.
auto Rank(const KeyEntryView& entry) noexcept {
  return std::make_tuple(
      ~entry.connections, ~entry.in_flight, entry.key.kind, entry.key.high, entry.key.low);
}

bool IsBusier(const KeyEntryView& one, const KeyEntryView& other) noexcept {
  return Rank(one) < Rank(other);
}

ClientFigures FiguresOf(const KeyEntryView& entry) {
  std::array<char, kKeyTextBytesMax> text{};
  return {.client = std::string(WriteKeyText(entry.key, text)),
          .is_network = IsNetworkKey(entry.key),
          .sessions = entry.connections,
          .messages = entry.in_flight};
}

}  // namespace

std::vector<ClientFigures> BusiestClients(const engine::KeyTable& table, std::size_t shown) {
  shown = std::min(shown, kClientsShownMax);
  std::vector<KeyEntryView> busiest;
  KeyEntryView entry;
  for (std::uint32_t i = 0; shown != 0 && i < table.entries(); ++i) {
    if (!table.Read(i, &entry)) continue;
    if (busiest.size() == shown) {
      if (!IsBusier(entry, busiest.front())) continue;
      std::pop_heap(busiest.begin(), busiest.end(), &IsBusier);
      busiest.pop_back();
    }
    busiest.push_back(entry);
    std::push_heap(busiest.begin(), busiest.end(), &IsBusier);
  }
  std::sort_heap(busiest.begin(), busiest.end(), &IsBusier);
  std::vector<ClientFigures> figures;
  figures.reserve(busiest.size());
  for (const KeyEntryView& each : busiest)
    figures.push_back(FiguresOf(each));
  return figures;
}

}  // namespace relay
