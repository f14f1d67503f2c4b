// Records to scripts: what is decoded plays again, packet by packet.
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "milter/mta_reply.h"
#include "tests/milter/session_probe.h"
#include "tests/tools/trace_samples.h"
#include "tools/trace/transcript.h"

namespace trace {
namespace {

using milter::Escape;
using milter::GoldenConnection;
using milter::GoldenConnections;
using milter::MtaKind;
using milter::Outcome;
using milter::Pack;

// The recording Sendmail's settings, which no packet tells; Postfix ran with its defaults.
constexpr milter::MacroLists kSendmailLists = {
    "j _ {daemon_name} {if_name} {if_addr} {client_resolve}",
    "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_mailer} {mail_host} {mail_addr} r "
    "b",
    "{rcpt_mailer} {rcpt_host} {rcpt_addr}",
    "",
    "{msg_id}",
    "",
};

struct Decoded {
  RecordedSession session{};
  std::vector<RecordedTransaction> transactions{};
};

Decoded Decode(const GoldenConnection& connection) {
  Kept kept;
  Observe(connection, 0, Ending::kServerClosed, kept);
  Decoded decoded{.session = DecodeSession(kept.sessions.at(0))};
  const bool leading_space = (decoded.session.answer.protocol & milter::kLeadingSpace) != 0;
  for (std::size_t i = 0; i < kept.transactions.size(); ++i) {
    decoded.transactions.push_back(
        DecodeTransaction(kept.transactions[i], kept.bodies[i], leading_space));
  }
  return decoded;
}

std::vector<std::string> Sent(const GoldenConnection& connection) {
  std::vector<std::string> lines;
  for (const milter::GoldenPacket& packet : connection.packets) {
    if (packet.from_mta) lines.push_back(packet.code + (" " + Escape(packet.payload)));
  }
  return lines;
}

// The packets that a script gives when the filter answers as recorded.
std::vector<std::string> Played(const GoldenConnection& connection,
                                const milter::MtaOptions& options,
                                const milter::MtaScript& script,
                                std::vector<milter::TransactionResult>* results) {
  milter::MtaSession mta(options, script);
  std::string sent;
  std::array<std::byte, 3000> buffer{};
  std::size_t at = 0;
  for (;;) {
    const std::size_t filled = mta.Fill(buffer);
    sent.append(reinterpret_cast<const char*>(buffer.data()), filled);
    if (filled != 0) continue;
    while (at < connection.packets.size() && connection.packets[at].from_mta)
      ++at;
    if (mta.finished() || at == connection.packets.size()) break;
    const std::string reply = Pack(connection.packets[at].code, connection.packets[at].payload);
    mta.Feed(std::as_bytes(std::span(reply)));
    ++at;
  }
  *results = mta.results();
  std::vector<std::string> lines;
  std::string_view rest = sent;
  while (!rest.empty()) {
    const milter::Frame frame = milter::NextFrame(rest);
    if (frame.result != milter::FrameResult::kFrame) break;
    lines.push_back(static_cast<char>(frame.code) + (" " + Escape(frame.payload)));
    rest.remove_prefix(frame.bytes);
  }
  return lines;
}

// What was recorded is what the mail server's end made of the same replies.
void ExpectSame(const RecordedTransaction& recorded, const milter::TransactionResult& played) {
  EXPECT_EQ(recorded.result.outcome, played.outcome);
  EXPECT_EQ(recorded.has_verdict, played.outcome != Outcome::kNone);
  EXPECT_EQ(recorded.result.decided_at, played.decided_at);
  EXPECT_EQ(recorded.result.reply_text, played.reply_text);
  EXPECT_EQ(recorded.result.replies.size(), played.replies.size());
  EXPECT_EQ(recorded.result.edits.size(), played.edits.size());
  EXPECT_EQ(recorded.result.recipients_accepted, played.recipients_accepted);
}

TEST(TraceTranscriptGoldenTest, ADecodedSessionPlaysTheSamePackets) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    SCOPED_TRACE(connection.name);
    const Decoded decoded = Decode(connection);
    EXPECT_EQ(decoded.session.not_understood, 0U);
    milter::MtaScript script = decoded.session.script;
    for (const RecordedTransaction& one : decoded.transactions) {
      EXPECT_EQ(one.not_understood, 0U);
      script.transactions.push_back(one.transaction);
    }
    milter::MtaOptions options;
    options.kind = decoded.session.kind;
    options.offer = decoded.session.offer;
    if (connection.sendmail) options.macro_lists = &kSendmailLists;
    std::vector<milter::TransactionResult> results;
    EXPECT_EQ(Played(connection, options, script, &results), Sent(connection));
    ASSERT_EQ(results.size(), decoded.transactions.size());
    for (std::size_t i = 0; i < results.size(); ++i)
      ExpectSame(decoded.transactions[i], results[i]);
  }
}

TEST(TraceTranscriptGoldenTest, TheKindOfMailServerIsGuessed) {
  std::size_t sendmails = 0;
  for (const GoldenConnection& connection : GoldenConnections()) {
    const MtaKind kind = connection.sendmail ? MtaKind::kSendmail : MtaKind::kPostfix;
    EXPECT_EQ(Decode(connection).session.kind, kind) << connection.name;
    sendmails += connection.sendmail ? 1 : 0;
  }
  EXPECT_GT(sendmails, 5U);
  EXPECT_GT(GoldenConnections().size(), 50U);
}

}  // namespace
}  // namespace trace
