// A trace played: its sessions and their times, verdicts compared, damage, loops, memory.
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/made_trace.h"
#include "tests/tools/player_world.h"
#include "tests/tools/trace_samples.h"
#include "tools/replay/trace_source.h"

namespace replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<MadeSession>& SomeSessions() {
  static const std::vector<MadeSession> kSessions = {
      {.at = seconds(0),
       .messages = {{.at = seconds(0), .queue_id = "4AA1"},
                    {.at = seconds(7), .queue_id = "4AA2"}}},
      {.at = seconds(3), .messages = {{.at = seconds(3), .recipient = "<reject@x>"}}},
      {.at = seconds(2),
       .messages = {{.at = seconds(2), .recipient = "<tempfail@x>", .queue_id = "4AA1"}},
       .kind = milter::MtaKind::kSendmail},
  };
  return kSessions;
}

class TraceSourceTest : public testing::Test {
 protected:
  std::unique_ptr<TraceSource> Open(const TraceOptions& options = {}) {
    absl::StatusOr<std::unique_ptr<TraceSource>> source = TraceSource::Open(path_, options);
    EXPECT_TRUE(source.ok()) << source.status();
    return source.ok() ? *std::move(source) : nullptr;
  }
  const RunResults& Play(PlayerConfig config, const TraceOptions& options = {}) {
    source_ = Open(options);
    return world_.Play(std::move(config), source_.get());
  }

  trace::Folder folder_;
  std::string path_ = folder_.File("trace");
  PlayerWorld world_;
  std::unique_ptr<TraceSource> source_;
};

TEST_F(TraceSourceTest, PlaysItsSessionsAtTheirTimes) {
  MakeTrace(path_, SomeSessions());
  const RunResults& results =
      Play({.mode = RunMode::kOpen, .sessions = 10, .recorded_times = true});
  EXPECT_EQ(results.finished, 4U);
  EXPECT_EQ(results.scheduled, 4U);
  EXPECT_EQ(results.sessions_finished, 3U);
  const std::vector<engine::Time> opened = world_.milter.TimesOf('O');
  ASSERT_EQ(opened.size(), 3U);
  EXPECT_LT(world_.SinceStart(opened[1]) - seconds(2), milliseconds(2));
  EXPECT_LT(world_.SinceStart(opened[2]) - seconds(3), milliseconds(2));
  const std::vector<engine::Time> mails = world_.milter.TimesOf('M');
  EXPECT_GE(world_.SinceStart(mails[3]), seconds(7));
  EXPECT_EQ(world_.Count(milter::Outcome::kAccepted), 2U);
  EXPECT_EQ(world_.Count(milter::Outcome::kRejected), 1U);
  EXPECT_EQ(world_.Count(milter::Outcome::kTempfailed), 1U);
}

TEST_F(TraceSourceTest, ComparesVerdictsWithTheRecordedOnes) {
  MakeTrace(path_, SomeSessions());
  const RunResults& same = Play({.sessions = 2});
  EXPECT_TRUE(same.compared);
  EXPECT_EQ(same.verdicts_same, 4U);
  EXPECT_EQ(same.verdicts_changed, 0U);
}

TEST_F(TraceSourceTest, TellsWhichVerdictsChanged) {
  MakeTrace(path_, SomeSessions());
  world_.milter.rejects_all = true;
  const RunResults& results = Play({.sessions = 2});
  EXPECT_EQ(results.verdicts_same, 1U);
  EXPECT_EQ(results.verdicts_changed, 3U);
  std::set<std::pair<std::uint64_t, std::uint32_t>> changed;
  for (const VerdictChange& change : results.changes) {
    changed.emplace(change.session, change.message);
    EXPECT_TRUE(change.played.starts_with("rejected 554 5.7.0")) << change.played;
    EXPECT_TRUE(change.difference.starts_with("outcome")) << change.difference;
  }
  EXPECT_EQ(changed, (std::set<std::pair<std::uint64_t, std::uint32_t>>{{1, 0}, {1, 1}, {3, 0}}));
}

TEST_F(TraceSourceTest, RefusingAllRecipientsIsAnotherVerdict) {
  MakeTrace(path_, SomeSessions());
  world_.milter.refuses_recipients = true;
  const RunResults& results = Play({.sessions = 2});
  EXPECT_EQ(results.errors_count, 0U);
  EXPECT_EQ(results.verdicts_same, 0U);
  EXPECT_EQ(results.verdicts_changed, 4U);
  for (const VerdictChange& change : results.changes) {
    EXPECT_EQ(change.played, "none");
    EXPECT_TRUE(change.difference.starts_with("outcome; recipients refused: none / 1"))
        << change.difference;
  }
}

TEST_F(TraceSourceTest, RecipientsThatWereRefusedAreComparedToo) {
  MakeTrace(path_, {{.at = seconds(0), .messages = {{.recipient = "<refused@x>"}, {}}}});
  const RunResults& taken = Play({.sessions = 1});
  EXPECT_EQ(taken.verdicts_same, 1U);
  ASSERT_EQ(taken.verdicts_changed, 1U);
  EXPECT_EQ(taken.changes[0].difference, "recipients refused: 1 / none");
  PlayerWorld world;
  world.milter.refuses_recipients = true;
  const RunResults& refused = world.Play({.sessions = 1}, Open({.limit = 1}).get());
  EXPECT_EQ(refused.verdicts_same, 1U);
  EXPECT_EQ(refused.verdicts_changed, 0U);
}

TEST_F(TraceSourceTest, AMilterThatRefusesSessionsChangesVerdicts) {
  MakeTrace(path_, SomeSessions());
  world_.milter.refuses_sessions = true;
  const RunResults& results = Play({.sessions = 2});
  EXPECT_EQ(results.verdicts_same, 0U);
  EXPECT_EQ(results.verdicts_changed, 3U);  // of those that were begun
  EXPECT_EQ(results.errors_count, 1U);
  EXPECT_EQ(results.errors.count("session over before all its messages"), 1U);
}

TEST_F(TraceSourceTest, PlaysAsRecordedUnlessToldOtherwise) {
  MakeTrace(path_, SomeSessions());
  const auto kinds = [&](const TraceOptions& options) {
    std::multiset<milter::MtaKind> found;
    const std::unique_ptr<TraceSource> source = Open(options);
    for (SessionPlan plan; source->Next(UINT64_MAX, &plan); plan = {}) {
      EXPECT_TRUE(source->Begin(&plan).ok());
      found.insert(plan.kind);
    }
    return found;
  };
  EXPECT_EQ(kinds({}).count(milter::MtaKind::kSendmail), 1U);
  EXPECT_EQ(kinds({.kind = milter::MtaKind::kSendmail}).count(milter::MtaKind::kSendmail), 3U);
}

TEST_F(TraceSourceTest, LoopsWithTimesShiftedAndQueueIdsOfTheirOwn) {
  MakeTrace(path_, SomeSessions());
  const RunResults& results =
      Play({.mode = RunMode::kOpen, .sessions = 10, .messages = 12, .recorded_times = true},
           {.rounds = 0});
  EXPECT_EQ(results.finished, 12U);
  EXPECT_EQ(results.verdicts_same, 12U);
  const std::vector<std::string>& ids = world_.milter.queue_ids;
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 12U);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "4AA1"), 1);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "4AA2"), 1);
  const std::vector<engine::Time> opened = world_.milter.TimesOf('O');
  ASSERT_EQ(opened.size(), 9U);
  // Beginnings at 0, 2, 3 and, a mean distance of 1.5 on, 4.5, 6.5, 7.5 ...
  EXPECT_LT(world_.SinceStart(opened[3]) - milliseconds(4500), milliseconds(2));
  EXPECT_GE(world_.SinceStart(opened[3]), milliseconds(4500));
  EXPECT_LT(world_.SinceStart(opened[8]) - milliseconds(12'000), milliseconds(2));
}

TEST_F(TraceSourceTest, TakesSessionsApartWhenAsked) {
  MakeTrace(path_, SomeSessions());
  const RunResults& results = Play({.sessions = 1}, {.messages_per_session = 3});
  EXPECT_EQ(results.finished, 4U);
  EXPECT_EQ(results.sessions_finished, 2U);
  EXPECT_EQ(results.verdicts_same, 4U);
  std::string recipients;
  for (const FakeMilter::Seen& seen : world_.milter.seen) {
    if (seen.command == 'R') recipients += seen.text;
  }
  EXPECT_EQ(recipients, "<ok@x><tempfail@x><reject@x><ok@x>");  // by time
}

TEST_F(TraceSourceTest, LimitAndOnlyTakeAPart) {
  MakeTrace(path_, SomeSessions());
  EXPECT_EQ(Open({.limit = 3})->messages(), 3U);
  EXPECT_EQ(Open({.only = {1}})->messages(), 2U);
  EXPECT_EQ(Open({.only = {2, 3}})->messages(), 2U);
  EXPECT_EQ(Open({.messages_per_session = 1, .limit = 1})->messages(), 1U);
  for (const std::vector<std::uint64_t>& only : {std::vector<std::uint64_t>{9}, {1, 9}}) {
    const absl::Status missing = TraceSource::Open(path_, {.only = only}).status();
    EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
    EXPECT_TRUE(std::string(missing.message()).ends_with(": no session 9 in it")) << missing;
  }
}

TEST_F(TraceSourceTest, ShufflesBySeed) {
  std::vector<MadeSession> sessions;
  for (int i = 0; i < 50; ++i)
    sessions.push_back({.at = seconds(i), .messages = {{.at = seconds(i)}}});
  MakeTrace(path_, sessions);
  const auto order = [&](std::uint64_t seed) {
    std::vector<std::uint64_t> entries;
    const std::unique_ptr<TraceSource> source = Open({.shuffle_seed = seed});
    for (SessionPlan plan; source->Next(UINT64_MAX, &plan); plan = {})
      entries.push_back(plan.entry);
    return entries;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
  EXPECT_NE(order(1), order(0));
  const std::vector<std::uint64_t> entries = order(1);
  EXPECT_EQ(std::set<std::uint64_t>(entries.begin(), entries.end()).size(), 50U);
}

TEST_F(TraceSourceTest, PlaysWhatACutFileStillHas) {
  MakeTrace(path_, SomeSessions());
  const std::string whole = trace::Contents(path_);
  std::uint64_t most = 0;
  for (std::size_t bytes = whole.size() / 3; bytes < whole.size(); bytes += 7) {
    trace::SetContents(path_, whole.substr(0, bytes));
    const absl::StatusOr<std::unique_ptr<TraceSource>> source = TraceSource::Open(path_, {});
    if (!source.ok()) {
      EXPECT_EQ(source.status().code(), absl::StatusCode::kNotFound) << source.status();
      continue;
    }
    PlayerWorld world;
    const RunResults& results = world.Play({.sessions = 2}, source->get());
    EXPECT_EQ(results.finished, (*source)->transactions());
    EXPECT_EQ(results.errors_count, 0U);
    EXPECT_GE((*source)->transactions(), most);
    most = (*source)->transactions();
  }
  EXPECT_GE(most, 3U);
}

TEST_F(TraceSourceTest, ADamagedRecordCostsItsMessage) {
  std::vector<MadeSession> sessions;
  for (int i = 0; i < 20; ++i)
    sessions.push_back({.at = seconds(i),
                        .messages = {{.at = seconds(i), .body = std::string(500, char('a' + i))}}});
  MakeTrace(path_, sessions);
  const std::string whole = trace::Contents(path_);
  std::uint64_t lost = 0;
  for (std::size_t at = 200; at < whole.size(); at += whole.size() / 40) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    trace::SetContents(path_, damaged);
    const absl::StatusOr<std::unique_ptr<TraceSource>> source = TraceSource::Open(path_, {});
    if (!source.ok()) continue;
    PlayerWorld world;
    const RunResults& results = world.Play({.sessions = 2}, source->get());
    EXPECT_EQ(results.in_flight, 0U);
    if (results.errors_count > 0) {
      ++lost;
      EXPECT_EQ(results.errors.begin()->first, "trace: damaged record");
    }
    PlayerWorld once;
    const std::unique_ptr<TraceSource> apart = Open({.messages_per_session = 1});
    EXPECT_EQ(once.Play({.mode = RunMode::kOnce}, apart.get()).errors_count, results.errors_count);
  }
  EXPECT_GT(lost, 0U);
}

TEST_F(TraceSourceTest, AClientThatLeftLeavesAgain) {
  MakeTrace(
      path_,
      {{.at = seconds(0),
        .messages = {{.at = seconds(0),
                      .stop = {.how = milter::StopHow::kReset, .after = milter::Command::kData}},
                     {.at = seconds(1)}}},
       {.at = seconds(2),
        .messages = {{.at = seconds(2),
                      .stop = {.how = milter::StopHow::kDrop, .after = milter::Command::kRcpt}}}}});
  const RunResults& results = Play({.sessions = 1});
  EXPECT_EQ(results.finished, 1U);
  EXPECT_EQ(results.aborted, 2U);
  EXPECT_EQ(results.errors_count, 0U);
}

TEST_F(TraceSourceTest, ASessionWithoutMessagesIsPlayedToo) {
  MakeTrace(path_, {{.at = seconds(0)}, {.at = seconds(1), .messages = {{.at = seconds(1)}}}});
  const RunResults& results =
      Play({.mode = RunMode::kOpen, .sessions = 10, .recorded_times = true});
  EXPECT_EQ(results.sessions_finished, 2U);
  EXPECT_EQ(results.finished, 1U);
  EXPECT_EQ(results.errors_count, 0U);
  EXPECT_EQ(world_.milter.TimesOf('H').size(), 2U);
}

TEST_F(TraceSourceTest, ABodyThatWasNotCapturedIsPlayedInItsSize) {
  MakeTrace(path_, {{.at = seconds(0), .messages = {{.body = std::string(5000, 'x')}}}});
  const std::unique_ptr<trace::TraceReader> reader = *trace::TraceReader::Open(path_);
  const std::string late = folder_.File("late");
  {
    const std::unique_ptr<trace::TraceWriter> writer = *trace::TraceWriter::Open(late, {});
    while (const std::optional<trace::Entry> entry = reader->Next()) {
      if (entry->kind == trace::RecordKind::kBody) continue;
      trace::Record record = *reader->Read(*entry);
      if (auto* message = std::get_if<trace::TransactionRecord>(&record)) {
        message->captured = trace::Captured::kLate;
        EXPECT_TRUE(writer->Write(*message, "").ok());
      } else if (auto* session = std::get_if<trace::SessionRecord>(&record)) {
        EXPECT_TRUE(writer->Write(*session).ok());
      }
    }
  }
  path_ = late;
  const RunResults& results = Play({.sessions = 1});
  EXPECT_EQ(results.finished, 1U);
  EXPECT_FALSE(results.compared);
  EXPECT_EQ(world_.milter.body_bytes, 5000U);
}

TEST(BodyCacheTest, KeepsWhatWasAskedForLast) {
  const auto hash = [](std::uint8_t number) {
    trace::ContentHash of{};
    of[0] = number;
    return of;
  };
  BodyCache cache(4000);
  for (std::uint8_t i = 0; i < 4; ++i)
    cache.Keep(hash(i), std::make_shared<const std::string>(1000, 'x'));
  EXPECT_NE(cache.Find(hash(0)), nullptr);
  cache.Keep(hash(4), std::make_shared<const std::string>(1000, 'x'));
  EXPECT_NE(cache.Find(hash(0)), nullptr);
  EXPECT_EQ(cache.Find(hash(1)), nullptr);
  EXPECT_EQ(cache.bytes(), 4000U);
  cache.Keep(hash(5), std::make_shared<const std::string>(1001, 'x'));
  EXPECT_EQ(cache.Find(hash(5)), nullptr);  // too large to be kept
}

}  // namespace
}  // namespace replay
