// The mail server's end against the filter's end, without sockets; what the former says is kept.
#include "bench/micro/recorded_session.h"

#include <array>

#include "engine/base/block_pool.h"
#include "engine/base/check.h"
#include "engine/base/units.h"
#include "milter/mta_session.h"
#include "milter/packet_reader.h"
#include "milter/replies.h"
#include "milter/session.h"

namespace bench {
namespace {

constexpr std::size_t kPoolBytes = 4 * engine::kMiB;
constexpr std::string_view kBodyLine =
    "The quick brown fox jumps over the lazy dog and back again, all day long.\r\n";
constexpr std::string_view kHeader =
    "Received: from relay.example.net (relay.example.net [192.0.2.7])\n"
    "\tby client.example.net (Postfix) with ESMTPS id 4RB0X12Y3Zz4w\n"
    "\tfor <bob@lab.test>; Sun, 22 Nov 2026 09:59:58 +0000 (UTC)\n"
    "Received: from desk.example.net (desk.example.net [198.51.100.23])\n"
    "\tby relay.example.net (Postfix) with ESMTPSA id 9F1A2B3C4D\n"
    "\tfor <bob@lab.test>; Sun, 22 Nov 2026 09:59:57 +0000 (UTC)\n"
    "Message-ID: <5f0d1c9e-7a31-4b7e-9a55-2c1f3c0f8e11@example.net>\n"
    "Date: Sun, 22 Nov 2026 10:59:57 +0100\n"
    "MIME-Version: 1.0\n"
    "User-Agent: Mozilla Thunderbird\n"
    "Subject: Re: minutes of the meeting on Thursday\n"
    "To: Bob <bob@lab.test>\n"
    "References: <20261121101112.1234@lab.test>\n"
    "In-Reply-To: <20261121101112.1234@lab.test>\n"
    "Content-Language: en-GB\n"
    "From: Alice <alice@example.net>\n"
    "Content-Type: text/plain; charset=UTF-8; format=flowed\n"
    "Content-Transfer-Encoding: 7bit\n"
    "\n";

milter::MtaScript MakeScript(std::size_t body_bytes) {
  milter::MtaScript script;
  script.macros = {{"j", "mx.lab.test"}, {"daemon_name", "mx.lab.test"}, {"v", "Postfix 3.7.11"}};
  milter::Transaction transaction;
  transaction.sender.address = "<alice@example.net>";
  transaction.recipients.emplace_back().address = "<bob@lab.test>";
  transaction.queue_id = "4RP0000000";
  milter::SplitMessage(kHeader, &transaction);
  while (transaction.body.size() < body_bytes)
    transaction.body += kBodyLine;
  script.transactions.push_back(std::move(transaction));
  return script;
}

// Reads `bytes` as the filter and answers what is due.
std::string Answer(milter::FilterSession& filter, engine::Bytes bytes) {
  std::array<std::byte, 4096> replies;
  std::string text;
  filter.Feed(bytes);
  for (;;) {
    const milter::Event event = filter.Next();
    ENGINE_CHECK(event.kind != milter::EventKind::kBroken);
    if (event.kind == milter::EventKind::kNeedMore) return text;
    if (!event.reply_due) continue;
    milter::ReplyWriter writer(replies, filter.leading_space());
    if (event.kind == milter::EventKind::kNegotiated) {
      writer.Negotiate(filter.answer());
    } else {
      writer.Continue();
    }
    if (filter.awaits_verdict()) filter.VerdictSent();
    text.append(reinterpret_cast<const char*>(replies.data()), writer.written());
  }
}

std::uint32_t CountPackets(const RecordedSession& session) {
  engine::BlockPool pool(kPoolBytes);
  milter::PacketReader reader(pool, milter::kPayloadMaxBytes);
  std::uint32_t packets = 0;
  for (std::string flight : session.flights) {
    reader.Feed(std::as_writable_bytes(std::span<char>(flight)));
    for (milter::Packet packet = reader.Next(); packet.result != milter::ReadResult::kNeedMore;
         packet = reader.Next()) {
      packets += packet.last ? 1 : 0;
    }
  }
  return packets;
}

}  // namespace

RecordedSession RecordSession(std::size_t body_bytes) {
  const milter::MtaScript script = MakeScript(body_bytes);
  const milter::MtaOptions mta_options;
  const milter::FilterOptions filter_options;
  milter::MtaSession mta(mta_options, script);
  engine::BlockPool pool(kPoolBytes);
  milter::FilterSession filter(filter_options, pool);
  RecordedSession session;
  std::vector<std::byte> buffer(64 * engine::kKiB);
  while (!mta.finished()) {
    std::string flight;
    for (std::size_t n = mta.Fill(buffer); n > 0; n = mta.Fill(buffer))
      flight.append(reinterpret_cast<const char*>(buffer.data()), n);
    ENGINE_CHECK(!flight.empty());
    session.bytes += flight.size();
    session.flights.push_back(flight);
    const std::string replies = Answer(filter, std::as_writable_bytes(std::span<char>(flight)));
    mta.Feed(std::as_bytes(std::span<const char>(replies)));
    ENGINE_CHECK(mta.error() == milter::MtaError::kNone);
  }
  session.packets = CountPackets(session);
  return session;
}

}  // namespace bench
