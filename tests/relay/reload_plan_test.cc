// What a reload would do: slots, additions, removals, and what needs a restart.
#include "relay/reload_plan.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace relay {
namespace {

ListenerConfig Listener(const std::string& socket) {
  ListenerConfig listener;
  listener.socket = socket;
  return listener;
}

class ReloadPlanTest : public testing::Test {
 protected:
  ReloadPlanTest() {
    config_ = DefaultConfig("millrace");
    config_.listeners = {Listener("/run/a"), Listener("/run/b")};
    limits_.shards = 1;
    limits_.sessions_max = 100;
    limits_.messages_max = 10;
    settings_ = std::make_unique<Settings>();
    FillSettings(
        config_, limits_, {*engine::ParseAddress("unix:/run/scanner")}, {}, settings_.get());
  }

  // As a reload that comes into force.
  void Apply(const Config& wanted) {
    plan_ = PlanReload(*settings_, wanted);
    ASSERT_EQ(plan_.errors, std::vector<std::string>());
    auto next = std::make_unique<Settings>();
    FillNextSettings(*settings_, limits_, wanted, plan_, next.get());
    settings_ = std::move(next);
    config_ = wanted;
  }

  Config config_;
  Limits limits_;
  std::unique_ptr<Settings> settings_;
  ReloadPlan plan_;
};

TEST_F(ReloadPlanTest, NothingChangedIsNothingToDo) {
  Apply(config_);
  EXPECT_TRUE(plan_.changes.empty());
  EXPECT_TRUE(plan_.removed.empty());
  EXPECT_EQ(settings_->generation, 2U);
  ASSERT_EQ(settings_->listeners.size(), 2U);
  EXPECT_EQ(settings_->listeners[1].socket, "/run/b");
  EXPECT_EQ(settings_->listeners[1].settings, settings_.get());
}

TEST_F(ReloadPlanTest, ListenersKeepTheirSlotsInAnyOrder) {
  Config wanted = config_;
  std::swap(wanted.listeners[0], wanted.listeners[1]);
  wanted.listeners[0].recipients_max = 7;
  Apply(wanted);
  EXPECT_EQ(settings_->listeners[0].socket, "/run/a");
  EXPECT_EQ(settings_->listeners[1].socket, "/run/b");
  EXPECT_EQ(settings_->listeners[1].recipients_max, 7U);
  EXPECT_EQ(settings_->listeners[1].id, 2U);
  ASSERT_EQ(plan_.changes.size(), 1U);
  EXPECT_EQ(ChangedKeyText(plan_.changes[0]), "listener.recipients_max of /run/b");
}

TEST_F(ReloadPlanTest, RemovedListenerLeavesATombstoneThatIsUsedAgainLater) {
  Config wanted = config_;
  wanted.listeners = {Listener("/run/b"), Listener("/run/c")};
  Apply(wanted);
  EXPECT_EQ(plan_.removed, std::vector<std::uint32_t>{0});
  ASSERT_EQ(settings_->listeners.size(), 3U);
  EXPECT_FALSE(settings_->listeners[0].present);
  EXPECT_EQ(settings_->listeners[0].socket, "/run/a");
  EXPECT_EQ(settings_->listeners[2].socket, "/run/c");
  EXPECT_EQ(settings_->listeners[2].id, 3U);
  // All slots in use: the tombstone makes room, and its sessions are told by the id.
  for (std::size_t i = 0; i < kListenersMax - 2; ++i)
    wanted.listeners.push_back(Listener("/run/more" + std::to_string(i)));
  Apply(wanted);
  EXPECT_EQ(settings_->listeners.size(), kListenersMax);
  EXPECT_TRUE(settings_->listeners[0].present);
  EXPECT_NE(settings_->listeners[0].id, 1U);
}

TEST_F(ReloadPlanTest, ManyMovesOfOneListenerNeverRunOutOfSlots) {
  for (int i = 0; i < 100; ++i) {
    Config wanted = config_;
    wanted.listeners[1] = Listener("/run/move" + std::to_string(i));
    Apply(wanted);
    std::uint32_t present = 0;
    for (const ListenerSettings& listener : settings_->listeners)
      present += listener.present ? 1 : 0;
    ASSERT_EQ(present, 2U);
    ASSERT_LE(settings_->listeners.size(), kListenersMax);
  }
}

TEST_F(ReloadPlanTest, ModeAndBacklogAreAdjusted) {
  Config wanted = config_;
  wanted.listeners[0].socket_mode = 0600;
  wanted.listeners[1].backlog = 5;
  Apply(wanted);
  EXPECT_TRUE(plan_.listeners[0].adjust);
  EXPECT_TRUE(plan_.listeners[1].adjust);
  EXPECT_FALSE(plan_.listeners[0].open);
}

TEST_F(ReloadPlanTest, WhatNeedsARestartIsRefusedByName) {
  Config wanted = config_;
  wanted.engine.shards = 5;
  wanted.spool.directory = "/elsewhere";
  wanted.scanners.push_back(wanted.scanners[0]);
  wanted.scanners[1].socket = "/run/another";
  const ReloadPlan plan = PlanReload(*settings_, wanted);
  ASSERT_EQ(plan.errors.size(), 3U);
  EXPECT_EQ(plan.errors[0], "engine.shards: 0 -> 5 needs a restart");
  EXPECT_EQ(
      plan.errors[1],
      "spool.directory: \"" + config_.spool.directory + "\" -> \"/elsewhere\" needs a restart");
  EXPECT_EQ(plan.errors[2], "new scanner /run/another needs a restart");
}

TEST_F(ReloadPlanTest, LastUserFreesAGeneration) {
  std::atomic<std::uint32_t> alive{1};
  auto next = std::make_unique<Settings>();
  next->alive = &alive;
  next->unused = [](const Settings& settings) noexcept {
    settings.alive->fetch_sub(1);
    delete &settings;
  };
  const Settings* held = next.release();
  held->Retain();
  held->Release();
  EXPECT_EQ(alive.load(), 1U);
  held->Release();
  EXPECT_EQ(alive.load(), 0U);
}

}  // namespace
}  // namespace relay
