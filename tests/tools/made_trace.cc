// MtaSession and FilterSession back to back, with an observer between them.
#include "tests/tools/made_trace.h"

#include <array>
#include <filesystem>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "engine/base/block_pool.h"
#include "milter/replies.h"
#include "milter/session.h"
#include "tools/replay/set_source.h"
#include "tools/trace/session_observer.h"
#include "tools/trace/trace_writer.h"

namespace replay {
namespace {

constexpr std::uint64_t kBeginUs = 1'790'000'000'000'000;
constexpr std::size_t kBytes = 65'536;

class Sink final : public trace::RecordSink {
 public:
  explicit Sink(trace::TraceWriter& writer) : writer_(writer) {}
  void OnSession(trace::SessionRecord&& record) override {
    EXPECT_TRUE(writer_.Write(record).ok());
  }
  void OnTransaction(trace::TransactionRecord&& record, std::string&& body) override {
    EXPECT_TRUE(writer_.Write(record, body).ok());
  }
  void OnClose(trace::CloseRecord&& record) override { EXPECT_TRUE(writer_.Write(record).ok()); }

 private:
  trace::TraceWriter& writer_;
};

class Recording {
 public:
  Recording(const MadeSession& session, std::uint64_t number, trace::RecordSink& sink)
      : session_(session),
        script_(ScriptOf(session)),
        mta_options_{.kind = session.kind, .paced = true},
        mta_(mta_options_, script_),
        now_us_(kBeginUs + Us(session.at)),
        observer_(sink, number, now_us_) {}

  void Run() {
    for (int idle = 0; idle < 2; ++idle) {
      while (Step())
        idle = 0;
      if (mta_.client_step() == milter::ClientStep::kNone) continue;
      if (mta_.client_step() == milter::ClientStep::kMail)
        now_us_ = std::max(now_us_, kBeginUs + Us(session_.messages[message_++].at));
      mta_.Advance();
      idle = -1;
    }
    observer_.OnEnd(trace::Ending::kServerClosed, 0, now_us_ + 1);
  }

 private:
  static std::uint64_t Us(engine::Time time) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  }
  static milter::MtaScript ScriptOf(const MadeSession& session) {
    milter::MtaScript script = ClientScript(Client(), session.kind);
    if (session.kind == milter::MtaKind::kSendmail) script.macros.push_back({"if_name", "mx"});
    for (const MadeMessage& message : session.messages) {
      milter::Transaction& transaction = script.transactions.emplace_back();
      transaction.sender.address = "<a@b>";
      transaction.recipients.emplace_back().address = message.recipient;
      transaction.headers.push_back({"Subject", " x"});
      transaction.body = message.body;
      transaction.queue_id = message.queue_id;
      transaction.stop = message.stop;
    }
    return script;
  }

  bool Step() {
    std::array<std::byte, kBytes> buffer{};
    const std::size_t filled = mta_.Fill(buffer);
    if (filled == 0) return false;
    const auto* text = reinterpret_cast<const char*>(buffer.data());
    observer_.OnOctets(trace::Direction::kToFilter, {text, filled}, ++now_us_);
    filter_.Feed(engine::Bytes(buffer).first(filled));
    for (milter::Event event = filter_.Next(); event.kind != milter::EventKind::kNeedMore;
         event = filter_.Next())
      OnEvent(event);
    return true;
  }

  void OnEvent(const milter::Event& event) {
    if (event.kind == milter::EventKind::kRcpt) recipient_ = event.name;
    if (!event.reply_due) return;
    std::array<std::byte, 256> reply{};
    milter::ReplyWriter writer(reply, filter_.leading_space(), filter_.actions());
    const bool end = event.kind == milter::EventKind::kEndOfMessage;
    if (event.kind == milter::EventKind::kNegotiated) {
      writer.Negotiate(filter_.answer());
    } else if (event.kind == milter::EventKind::kRcpt && recipient_.starts_with("<refused@")) {
      writer.Reject();
    } else if (end && recipient_.starts_with("<reject@")) {
      EXPECT_TRUE(writer.ReplyCode({.code = 554, .enhanced = "5.7.0", .text = "No"}));
    } else if (end && recipient_.starts_with("<tempfail@")) {
      writer.Tempfail();
    } else {
      const bool added = !end || writer.AddHeader("X-Seen", "yes");
      EXPECT_TRUE(added);
      writer.Continue();
    }
    const auto* text = reinterpret_cast<const char*>(reply.data());
    observer_.OnOctets(trace::Direction::kToServer, {text, writer.written()}, ++now_us_);
    if (end) filter_.VerdictSent();
    mta_.Feed(engine::ConstBytes(reply).first(writer.written()));
  }

  const MadeSession& session_;
  const milter::MtaScript script_;
  const milter::MtaOptions mta_options_;
  milter::MtaSession mta_;
  const milter::FilterOptions filter_options_{.actions = milter::kActAddHeaders,
                                              .required_actions = 0,
                                              .protocol = milter::kLeadingSpace,
                                              .macro_lists = nullptr};
  engine::BlockPool pool_{engine::kMiB};
  milter::FilterSession filter_{filter_options_, pool_};
  std::uint64_t now_us_;
  std::size_t message_ = 0;
  std::string recipient_;
  trace::SessionObserver observer_;
};

}  // namespace

void MakeTrace(const std::string& path, const std::vector<MadeSession>& sessions) {
  std::filesystem::remove(path);
  const absl::StatusOr<std::unique_ptr<trace::TraceWriter>> writer =
      trace::TraceWriter::Open(path, {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  Sink sink(**writer);
  std::uint64_t number = 0;
  for (const MadeSession& session : sessions)
    Recording(session, ++number, sink).Run();
}

}  // namespace replay
