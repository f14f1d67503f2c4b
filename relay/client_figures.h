// What the table of clients holds at one moment: which clients and networks are counted, and the
// busiest of them, for listings.
//
// In the thread of whoever asks: entries are read one after the other with plain atomic loads; no
// shard is asked, held up or kept from an entry. Each entry is whole, all of them are not of one
// instant. It reads every entry of the table: 64 octets each. Bounds: kClientsShownMax.
// Addresses are for the control socket alone (mode 0600); no metric names them.
#ifndef MILLRACE_RELAY_CLIENT_FIGURES_H_
#define MILLRACE_RELAY_CLIENT_FIGURES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/quota/key_table.h"

namespace relay {

inline constexpr std::size_t kClientsShown = 20;  // unless asked for another number
inline constexpr std::size_t kClientsShownMax = 1000;

// One entry.
struct ClientFigures {
  std::string client{};  // "192.0.2.1"; of a network its first address; "unknown"
  bool is_network = false;
  std::uint32_t sessions = 0;
  std::uint32_t messages = 0;  // from DATA until their scan has ended
};

// The table as a whole, without addresses, and the limits as configured; 0: none.
struct ClientTableSnapshot {
  bool used = false;  // since the start; else the table has never been touched, nor read
  std::uint32_t capacity = 0;
  engine::KeyTableTotals totals{};
  std::uint32_t client_sessions_max = 0;
  std::uint32_t client_messages_max = 0;
  std::uint32_t network_sessions_max = 0;
  std::uint32_t network_messages_max = 0;
  std::uint32_t client_message_rate = 0;  // a minute
};

// At most `shown` (and kClientsShownMax) entries, most sessions first, then most messages.
std::vector<ClientFigures> BusiestClients(const engine::KeyTable& table, std::size_t shown);

}  // namespace relay

#endif  // MILLRACE_RELAY_CLIENT_FIGURES_H_
