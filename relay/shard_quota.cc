// The shard's share in quotas: takes from what all shards share, counts and logs what is refused.
#include <atomic>

#include "relay/shard_app.h"

namespace relay {
namespace {

Count CountOf(QuotaLimit limit) noexcept {
  switch (limit) {
    case QuotaLimit::kListenerSessions: return Count::kQuotaListenerSessions;
    case QuotaLimit::kListenerMessages: return Count::kQuotaListenerMessages;
    case QuotaLimit::kClientSessions: return Count::kQuotaClientSessions;
    case QuotaLimit::kClientMessages: return Count::kQuotaClientMessages;
    case QuotaLimit::kNetworkSessions: return Count::kQuotaNetworkSessions;
    case QuotaLimit::kNetworkMessages: return Count::kQuotaNetworkMessages;
    case QuotaLimit::kClientRate: return Count::kQuotaClientRate;
    case QuotaLimit::kTableFull:
    case QuotaLimit::kNone: break;
  }
  return Count::kQuotaTableFull;
}

}  // namespace

void ShardApp::CountQuota(QuotaLimit limit) noexcept {
  if (limit != QuotaLimit::kNone) counters_.Add(CountOf(limit));
}

// False: the listener has its limit; nothing was taken.
bool ShardApp::TakeListener(const ListenerSettings& listener, SessionHold* hold) noexcept {
  if (listener.sessions_max == 0) return true;
  if (!parts_.shared.listeners[listener.index].sessions.Take(listener.sessions_max)) {
    CountQuota(QuotaLimit::kListenerSessions);
    return false;
  }
  hold->listener = listener.index;
  return true;
}

bool ShardApp::AwaitsConnect() const noexcept {
  return settings().clients.at_connect() && parts_.shared.near_limit.IsNear(parts_.loop.now());
}

QuotaLimit ShardApp::AdmitSession(const milter::Client& client, SessionHold* hold) noexcept {
  const ClientLimits& limits = settings().clients;
  if (!limits.any()) return QuotaLimit::kNone;
  const engine::Time now = parts_.loop.now();
  const QuotaAnswer answer =
      TakeSession(parts_.shared.clients, limits, client, now, &hold->clients);
  if (answer.near_limit) parts_.shared.near_limit.Note(now);
  if (answer.table_full) NoteTableFull();
  CountQuota(answer.refused_by);
  if (answer.refused_by == QuotaLimit::kNone) return answer.refused_by;
  if (const auto suppressed = refused_clients_.Admit(now)) {
    Write(engine::Level::kWarning,
          Line("too many sessions of a client")
              .Field("client", client.address)
              .Field("limit", QuotaLimitName(answer.refused_by))
              .Field("suppressed", *suppressed)
              .Field("next", "421, or its messages are refused"));
  }
  return answer.refused_by;
}

void ShardApp::NoteTableFull() noexcept {
  const bool refuses = settings().clients.refuse_when_full;
  if (!refuses) counters_.Add(Count::kQuotaUncounted);
  if (const auto suppressed = table_full_.Admit(parts_.loop.now())) {
    Write(engine::Level::kWarning,
          Line("table of clients full")
              .Field("entries", parts_.shared.clients.entries())
              .Field("suppressed", *suppressed)
              .Field("next", refuses ? "421" : "let pass, not counted"));
  }
}

QuotaLimit ShardApp::AdmitMessage(const ListenerSettings& listener,
                                  const SessionHold& session,
                                  MessageHold* hold) noexcept {
  if (listener.messages_max != 0) {
    if (!parts_.shared.listeners[listener.index].messages.Take(listener.messages_max))
      return QuotaLimit::kListenerMessages;
    hold->listener = listener.index;
  }
  if (session.clients.empty()) return QuotaLimit::kNone;
  const QuotaAnswer answer = TakeMessage(parts_.shared.clients,
                                         settings().clients,
                                         session.clients,
                                         parts_.loop.now(),
                                         &hold->clients);
  if (answer.refused_by != QuotaLimit::kNone) GiveBack(*hold);
  return answer.refused_by;
}

void ShardApp::LeaveClients(SessionHold& hold) noexcept {
  if (!hold.clients.empty()) GiveSession(parts_.shared.clients, &hold.clients);
}

void ShardApp::GiveBack(SessionHold& hold) noexcept {
  LeaveClients(hold);
  if (hold.listener != SessionHold::kNoListener)
    parts_.shared.listeners[hold.listener].sessions.Give();
  hold.listener = SessionHold::kNoListener;
}

void ShardApp::GiveBack(MessageHold& hold) noexcept {
  if (!hold.clients.empty()) GiveMessage(parts_.shared.clients, &hold.clients);
  if (hold.listener != SessionHold::kNoListener)
    parts_.shared.listeners[hold.listener].messages.Give();
  hold.listener = SessionHold::kNoListener;
  ForgetSpoolBytes(hold);
}

bool ShardApp::CountSpoolBytes(MessageHold& hold, std::uint64_t bytes) noexcept {
  const std::uint64_t max = config().spool.bytes_used_max;
  if (max == 0) return true;
  const std::uint64_t more = bytes - hold.spool_bytes;
  const std::uint64_t before = parts_.shared.spool_bytes.fetch_add(more, std::memory_order_relaxed);
  hold.spool_bytes = bytes;
  if (before + more <= max) return true;
  ForgetSpoolBytes(hold);
  return false;
}

bool ShardApp::HasSpoolRoom(std::uint64_t bytes) const noexcept {
  const std::uint64_t max = config().spool.bytes_used_max;
  if (max == 0) return true;
  const std::uint64_t used = parts_.shared.spool_bytes.load(std::memory_order_relaxed);
  return used < max && bytes <= max - used;
}

void ShardApp::ForgetSpoolBytes(MessageHold& hold) noexcept {
  if (hold.spool_bytes == 0) return;
  parts_.shared.spool_bytes.fetch_sub(hold.spool_bytes, std::memory_order_relaxed);
  hold.spool_bytes = 0;
}

}  // namespace relay
