// The player in a simulated world: a fake milter, sources, and runs in virtual time.
#ifndef MILLRACE_TESTS_TOOLS_PLAYER_WORLD_H_
#define MILLRACE_TESTS_TOOLS_PLAYER_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/tools/fake_milter.h"
#include "tools/replay/player.h"
#include "tools/replay/set_source.h"

namespace replay {

inline constexpr const char* kMilterSocket = "/run/milter.sock";

// "<ok@x>" -> the transaction "ok", with one header field and one line.
NamedTransaction TransactionTo(const std::string& recipient);
std::unique_ptr<SetSource> SetOf(const std::vector<std::string>& recipients,
                                 const SetOptions& options = {});

// Sessions at recorded times, without a trace file.
class PlannedSource final : public Source {
 public:
  struct Message {
    engine::Time at{};  // since the first session's beginning
    std::vector<std::uint64_t> rcpt_us{};
    std::uint64_t data_us = 0;
    std::uint64_t content_us = 0;
  };
  struct Session {
    engine::Time at{};
    std::vector<Message> messages{};
    engine::Time helo_offset{};
  };
  explicit PlannedSource(std::vector<Session> sessions, bool first_with_session = true);

  std::uint64_t messages() const override { return dues_.size(); }
  engine::Time NextBegin() const override;
  bool Next(std::uint64_t messages_max, SessionPlan* plan) override;
  absl::Status Begin(SessionPlan* plan) override;
  absl::Status Load(SessionPlan* plan, std::size_t message) override;
  engine::Time NextDue() const override;
  void PopDue() override { ++next_due_; }

  milter::MtaKind kind = milter::MtaKind::kPostfix;
  bool fails_to_load = false;  // every second message

 private:
  std::vector<Session> sessions_;
  std::vector<engine::Time> dues_;
  std::size_t next_ = 0;
  std::size_t next_due_ = 0;
};

class PlayerWorld {
 public:
  explicit PlayerWorld(std::uint64_t seed = 11) : world(seed) {}

  // Plays until done, at most an hour; what became of it.
  const RunResults& Play(PlayerConfig config, Source* source);
  // Begins only.
  void Start(PlayerConfig config, Source* source);
  const RunResults& results() const { return recorder_->results(); }
  std::uint64_t Count(milter::Outcome outcome) const {
    return results().outcomes[static_cast<std::size_t>(outcome)];
  }
  engine::Time SinceStart(engine::Time at) const { return at - start_; }

  sim::SimWorld world;
  sim::SimLoop& loop = world.AddLoop("player", "/player");
  FakeMilter milter{world, kMilterSocket};
  std::unique_ptr<Player> player{};

 private:
  engine::Time start_{};
  std::unique_ptr<ResultsRecorder> recorder_;
};

}  // namespace replay

#endif  // MILLRACE_TESTS_TOOLS_PLAYER_WORLD_H_
