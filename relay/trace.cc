// Writes protocol traces.
#include "relay/trace.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "milter/macros.h"
#include "milter/wire.h"
#include "relay/shard_app.h"

namespace relay {
namespace {

constexpr std::size_t kShownBytesMax = 256;     // of a text
constexpr std::size_t kContentBytesMax = 64;    // of a body piece
constexpr std::uint32_t kShownLinesMax = 1000;  // of a request or reply

std::string_view EventName(milter::EventKind kind) noexcept {
  switch (kind) {
    case milter::EventKind::kNeedMore: return "-";
    case milter::EventKind::kNegotiated: return "OPTNEG";
    case milter::EventKind::kMacro: return "MACRO";
    case milter::EventKind::kConnect: return "CONNECT";
    case milter::EventKind::kHelo: return "HELO";
    case milter::EventKind::kMail: return "MAIL";
    case milter::EventKind::kRcpt: return "RCPT";
    case milter::EventKind::kData: return "DATA";
    case milter::EventKind::kHeader: return "HEADER";
    case milter::EventKind::kEndOfHeaders: return "EOH";
    case milter::EventKind::kBody: return "BODY";
    case milter::EventKind::kEndOfMessage: return "BODYEOB";
    case milter::EventKind::kUnknown: return "UNKNOWN";
    case milter::EventKind::kAbort: return "ABORT";
    case milter::EventKind::kQuit: return "QUIT";
    case milter::EventKind::kQuitNc: return "QUIT_NC";
    case milter::EventKind::kBroken: return "broken";
  }
  return "?";
}

engine::LogLine TraceLine(ShardApp& shard, engine::SocketId session) noexcept {
  engine::LogLine line = shard.Line("milter");
  line.Field("session", session.index);
  return line;
}

void TraceMacros(ShardApp& shard, engine::SocketId session, const milter::Event& event) noexcept {
  milter::MacroReader reader(event.value);
  for (milter::Macro macro; reader.Next(&macro);) {
    const std::string_view stage(&event.stage, 1);
    shard.Write(engine::Level::kDebug,
                TraceLine(shard, session)
                    .Field("macro", macro.name.substr(0, kShownBytesMax))
                    .Field("stage", stage)
                    .Field("value", macro.value.substr(0, kShownBytesMax)));
  }
}

}  // namespace

void TraceState(ShardApp& shard,
                std::string_view what,
                engine::SocketId session,
                std::string_view queue_id) noexcept {
  if (!shard.Debugs(kDebugStates)) return;
  shard.Write(engine::Level::kDebug,
              shard.Line(what).Field("session", session.index).Field("qid", queue_id));
}

void TraceSession(ShardApp& shard, std::string_view what, engine::SocketId session) noexcept {
  if (!shard.Debugs(kDebugAll)) return;
  shard.Write(engine::Level::kDebug, shard.Line(what).Field("session", session.index));
}

void TraceScan(ShardApp& shard, std::string_view state, std::string_view slot) noexcept {
  if (!shard.Debugs(kDebugStates)) return;
  shard.Write(engine::Level::kDebug, shard.Line("scan").Field("state", state).Field("slot", slot));
}

void TraceEvent(ShardApp& shard, engine::SocketId session, const milter::Event& event) noexcept {
  if (!shard.Debugs(kTraceCommands)) return;
  using milter::EventKind;
  if (event.kind == EventKind::kBody && !shard.Debugs(kTraceBodies)) return;
  if (event.kind == EventKind::kMacro) {
    if (shard.Debugs(kTraceTexts)) TraceMacros(shard, session, event);
    return;
  }
  engine::LogLine line = TraceLine(shard, session);
  line.Field("command", EventName(event.kind)).Field("reply", event.reply_due);
  if (event.aborts_message) line.Field("aborts", true);
  if (event.stray) line.Field("stray", true);
  if (event.kind == EventKind::kBody) {
    line.Field("bytes", event.body.size());
    if (shard.Debugs(kTraceContent)) {
      line.Field("octets",
                 std::string_view(reinterpret_cast<const char*>(event.body.data()),
                                  std::min(event.body.size(), kContentBytesMax)));
    }
  } else if (shard.Debugs(kTraceTexts)) {
    if (!event.name.empty()) line.Field("text", event.name.substr(0, kShownBytesMax));
    if (!event.value.empty()) line.Field("value", event.value.substr(0, kShownBytesMax));
    if (!event.client.address.empty()) line.Field("address", event.client.address);
  }
  shard.Write(engine::Level::kDebug, line);
}

void TraceReplies(ShardApp& shard, engine::SocketId session, engine::ConstBytes replies) noexcept {
  if (!shard.Debugs(kTraceCommands)) return;
  while (replies.size() >= milter::kPacketHeadBytes) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < milter::kLengthBytes; ++i) {
      length = length << 8U | std::to_integer<std::size_t>(replies[i]);
    }
    const std::size_t whole = milter::kLengthBytes + length;
    if (length == 0 || whole > replies.size()) return;
    const auto code = std::to_integer<std::uint8_t>(replies[milter::kLengthBytes]);
    engine::LogLine line = TraceLine(shard, session);
    line.Field("answer", milter::ReplyName(code));
    if (shard.Debugs(kTraceTexts) && length > 1) {
      line.Field(
          "text",
          std::string_view(reinterpret_cast<const char*>(replies.data()) + milter::kPacketHeadBytes,
                           std::min(length - 1, kShownBytesMax)));
    }
    shard.Write(engine::Level::kDebug, line);
    replies = replies.subspan(whole);
  }
}

void TraceLines(ShardApp& shard, std::string_view what, std::span<const char> lines) noexcept {
  if (!shard.Debugs(kTraceScanner)) return;
  std::string_view rest(lines.data(), lines.size());
  for (std::uint32_t shown = 0; !rest.empty() && shown < kShownLinesMax; ++shown) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    shard.Write(engine::Level::kDebug,
                shard.Line("ampdp").Field(what, text.substr(0, kShownBytesMax)));
  }
}

}  // namespace relay
