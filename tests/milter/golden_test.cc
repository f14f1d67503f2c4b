// Recorded sessions of real Postfix and Sendmail with amavisd-milter, both ways: their bytes
// through our filter end at many chunkings, the filter's replies through our parser and writer, and
// our mail server's end against the real ones, packet by packet.
#include "tests/milter/golden.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "milter/commands.h"
#include "milter/mta_session.h"
#include "milter/replies.h"
#include "tests/milter/session_probe.h"

namespace milter {
namespace {

// What amavisd-milter asks for, as libmilter sends it.
FilterOptions IncumbentOptions() {
  FilterOptions options;
  options.actions = kActAddHeaders | kActChangeHeaders | kActAddRcpt | kActDeleteRcpt;
  options.protocol = kNoUnknown | kNoData;
  options.macro_lists = nullptr;
  return options;
}

std::string MtaBytes(const GoldenConnection& connection) {
  std::string bytes;
  for (const GoldenPacket& packet : connection.packets) {
    if (packet.from_mta) bytes += Pack(packet.code, packet.payload);
  }
  return bytes;
}

TEST(GoldenTest, AllTranscriptsAreThere) {
  EXPECT_GE(GoldenConnections().size(), 57U);
}

TEST(GoldenTest, EventsAreTheSameAtEveryChunking) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    const std::string bytes = MtaBytes(connection);
    const FilterOptions options = IncumbentOptions();
    const std::vector<std::string> whole = EventsOf(options, bytes);
    ASSERT_TRUE(whole.back().starts_with("quit")) << connection.name;
    const std::size_t last = bytes.size() < 20000 ? 80 : 4;
    for (std::size_t chunk = 1; chunk <= last; ++chunk) {
      ASSERT_EQ(EventsOf(options, bytes, chunk), whole) << connection.name << " by " << chunk;
    }
    for (const std::size_t chunk : {std::size_t{4096}, std::size_t{65535}, std::size_t{65541}}) {
      ASSERT_EQ(EventsOf(options, bytes, chunk), whole) << connection.name << " by " << chunk;
    }
  }
}

TEST(GoldenTest, EveryPrefixLeavesTheSessionWaitingNotBroken) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    const std::string bytes = MtaBytes(connection);
    SessionProbe probe(IncumbentOptions());
    const std::size_t size = std::min<std::size_t>(bytes.size(), 20000);
    for (std::size_t at = 0; at < size; ++at) {
      probe.Feed(std::string_view(bytes).substr(at, 1));
      for (const std::string& line : probe.TakeLines()) {
        ASSERT_FALSE(line.starts_with("broken")) << connection.name << " at " << at;
        ASSERT_EQ(line.find("stray"), std::string::npos) << connection.name << " " << line;
      }
    }
  }
}

// The incumbent answered exactly where we say that a reply is due.
TEST(GoldenTest, RepliesAreDueWhereTheRecordedFilterReplied) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    SessionProbe probe(IncumbentOptions());
    std::size_t replies = 0;
    for (const GoldenPacket& packet : connection.packets) {
      if (packet.from_mta) {
        EXPECT_EQ(probe.replies_due(), replies) << connection.name;
        probe.Feed(Pack(packet.code, packet.payload));
      } else if (IsFinal(static_cast<Reply>(packet.code))) {
        ++replies;
      }
    }
    EXPECT_EQ(probe.replies_due(), replies) << connection.name;
  }
}

bool WriteAgain(const FilterReply& reply, ReplyWriter* writer) {
  switch (reply.kind) {
    case Reply::kContinue: writer->Continue(); return true;
    case Reply::kDiscard: writer->Discard(); return true;
    case Reply::kAddRcpt: return writer->AddRcpt(reply.name);
    case Reply::kDeleteRcpt: return writer->DelRcpt(reply.name);
    case Reply::kInsertHeader: return writer->InsertHeader(reply.index, reply.name, reply.value);
    case Reply::kChangeHeader: return writer->ChangeHeader(reply.index, reply.name, reply.value);
    case Reply::kReplyCode: {
      const auto code =
          static_cast<std::uint16_t>(std::stoi(std::string(reply.value.substr(0, 3))));
      return writer->ReplyCode({code, reply.value.substr(4, 5), reply.value.substr(10)});
    }
    default: return false;
  }
}

TEST(GoldenTest, RecordedRepliesParseAndAreWrittenAlike) {
  std::size_t replies = 0;
  for (const GoldenConnection& connection : GoldenConnections()) {
    for (const GoldenPacket& packet : connection.packets) {
      if (packet.from_mta || packet.code == 'O') continue;
      FilterReply reply;
      ASSERT_EQ(ParseReply(static_cast<std::uint8_t>(packet.code), packet.payload, &reply),
                MtaError::kNone)
          << connection.name << " " << Escape(packet.payload);
      std::array<std::byte, 4096> buffer{};
      ReplyWriter writer(buffer, false);
      ASSERT_TRUE(WriteAgain(reply, &writer)) << connection.name << " " << packet.code;
      const std::string written(reinterpret_cast<const char*>(buffer.data()), writer.written());
      EXPECT_EQ(Escape(written), Escape(Pack(packet.code, packet.payload))) << connection.name;
      ++replies;
    }
  }
  EXPECT_GT(replies, 900U);
}

TEST(GoldenTest, OurAnswerToTheRecordedOfferIsTheRecordedAnswer) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    SessionProbe probe(IncumbentOptions());
    ASSERT_GE(connection.packets.size(), 2U);
    probe.Feed(Pack('O', connection.packets[0].payload));
    std::array<std::byte, 64> buffer{};
    ReplyWriter writer(buffer, false);
    writer.Negotiate(probe.session().answer());
    const std::string written(reinterpret_cast<const char*>(buffer.data()), writer.written());
    EXPECT_EQ(Escape(written), Escape(Pack('O', connection.packets[1].payload))) << connection.name;
  }
}

// --- our mail server's end against the real ones ---

// The recording Sendmail's settings; Postfix ran with its defaults.
constexpr MacroLists kSendmailLists = {
    "j _ {daemon_name} {if_name} {if_addr} {client_resolve}",
    "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_mailer} {mail_host} {mail_addr} r "
    "b",
    "{rcpt_mailer} {rcpt_host} {rcpt_addr}",
    "",
    "{msg_id}",
    "",
};

void AddMacros(std::string_view pairs, std::vector<MacroValue>* macros, std::string* queue_id) {
  MacroReader reader(pairs);
  Macro macro;
  while (reader.Next(&macro)) {
    if (macro.name == "i") {
      *queue_id = macro.value;
    } else {
      macros->push_back({std::string(macro.name), std::string(macro.value)});
    }
  }
}

// Reads a script out of the mail server's packets.
class ScriptReader {
 public:
  MtaScript Read(const GoldenConnection& connection) {
    script_.helo_count = 0;
    for (const GoldenPacket& packet : connection.packets) {
      if (!packet.from_mta) continue;
      OnPacket(packet);
      previous_ = packet.code;
    }
    return script_;
  }

 private:
  Transaction& current() { return script_.transactions.back(); }

  void OnPacket(const GoldenPacket& packet) {
    switch (packet.code) {
      case 'D': OnMacro(packet.payload); break;
      case 'C': OnConnect(packet.payload); break;
      case 'H': OnHelo(packet.payload); break;
      case 'M':
        OnAddress(packet.payload, &current().sender);
        open_ = true;
        Last(Command::kMail);
        break;
      case 'R': {
        OnAddress(packet.payload, &current().recipients.back());
        Last(Command::kRcpt);
        break;
      }
      case 'L': {
        HeaderCommand header;
        ASSERT_TRUE(DecodeHeader(packet.payload, &header));
        current().headers.push_back({std::string(header.name), " " + std::string(header.value)});
        break;
      }
      case 'B': current().body += packet.payload; break;
      case 'E': open_ = false; break;
      case 'A':
        // An ABORT after the first HELO, and with more to come, tells of XCLIENT.
        script_.after_xclient |= previous_ == 'H' && script_.transactions.empty();
        Close(StopHow::kReset);
        break;
      case 'Q':
        script_.before_xclient = previous_ == 'H';
        script_.after_xclient &= !script_.transactions.empty();
        Close(StopHow::kQuit);
        break;
      default: break;
    }
  }

  void OnMacro(std::string_view payload) {
    std::string queue_id;
    const std::string_view pairs = payload.substr(1);
    switch (payload[0]) {
      case 'C':
      case 'H': AddMacros(pairs, &script_.macros, &queue_id); break;
      case 'U': next_unknown_ = "NOSUCH"; break;
      case 'M':
        script_.transactions.emplace_back();
        current().helo = std::exchange(next_helo_, "");
        current().unknown_line = std::exchange(next_unknown_, "");
        AddMacros(pairs, &current().macros, &current().queue_id);
        break;
      case 'R':
        current().recipients.emplace_back();
        AddMacros(pairs, &current().recipients.back().macros, &current().queue_id);
        break;
      case 'T': Last(Command::kData); [[fallthrough]];
      default: AddMacros(pairs, &current().macros, &current().queue_id); break;
    }
  }

  void OnConnect(std::string_view payload) {
    ConnectCommand connect;
    ASSERT_TRUE(DecodeConnect(payload, &connect));
    script_.client_name = connect.host;
    script_.client_family = "UL46"[static_cast<std::size_t>(connect.client.family)];
    script_.client_port = connect.client.port;
    script_.client_address = connect.client.address;
  }

  void OnHelo(std::string_view payload) {
    if (script_.helo_count++ == 0) {
      script_.helo = DecodeText(payload);
    } else {
      --script_.helo_count;
      next_helo_ = DecodeText(payload);
    }
  }

  static void OnAddress(std::string_view payload, EnvelopeAddress* address) {
    AddressCommand command;
    ASSERT_TRUE(DecodeAddress(payload, &command));
    address->address = command.address;
    EsmtpReader reader(command.arguments);
    std::string_view argument;
    while (reader.Next(&argument))
      address->arguments.emplace_back(argument);
  }

  void Last(Command command) {
    last_count_ = last_ == command ? last_count_ + 1 : 1;
    last_ = command;
  }

  void Close(StopHow how) {
    if (open_) current().stop = {how, last_, last_count_};
    open_ = false;
  }

  MtaScript script_;
  std::string next_helo_;
  std::string next_unknown_;
  char previous_ = 0;
  bool open_ = false;
  Command last_ = Command::kConnect;
  std::uint32_t last_count_ = 0;
};

std::vector<std::string> Expected(const GoldenConnection& connection) {
  std::vector<std::string> lines;
  for (const GoldenPacket& packet : connection.packets) {
    if (packet.from_mta) lines.push_back(packet.code + (" " + Escape(packet.payload)));
  }
  return lines;
}

// The packets that our mail server's end sends when it gets the recorded replies.
std::vector<std::string> Played(const GoldenConnection& connection,
                                const MtaOptions& options,
                                const MtaScript& script) {
  MtaSession mta(options, script);
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
  EXPECT_EQ(mta.error(), MtaError::kNone) << connection.name << " " << MtaErrorText(mta.error());
  EXPECT_TRUE(mta.finished()) << connection.name;
  std::vector<std::string> lines;
  std::string_view rest = sent;
  while (!rest.empty()) {
    const Frame frame = NextFrame(rest);
    if (frame.result != FrameResult::kFrame) break;
    lines.push_back(static_cast<char>(frame.code) + (" " + Escape(frame.payload)));
    rest.remove_prefix(frame.bytes);
  }
  return lines;
}

TEST(GoldenTest, OurMailServersEndSendsWhatTheRealOnesSent) {
  for (const GoldenConnection& connection : GoldenConnections()) {
    MtaOptions options;
    options.kind = connection.sendmail ? MtaKind::kSendmail : MtaKind::kPostfix;
    if (connection.sendmail) options.macro_lists = &kSendmailLists;
    const MtaScript script = ScriptReader().Read(connection);
    EXPECT_EQ(Played(connection, options, script), Expected(connection)) << connection.name;
  }
}

}  // namespace
}  // namespace milter
