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
    config_.scanners[0].socket = "unix:/run/scanner";
    limits_.shards = 1;
    limits_.sessions_max = 100;
    limits_.messages_max = 10;
    limits_.scanner_connections_max = 10;
    settings_ = std::make_unique<Settings>();
    FillSettings(
        config_, limits_, {*engine::ParseAddress("unix:/run/scanner")}, {}, settings_.get());
  }

  ReloadPlan Plan(const Config& wanted) const {
    std::vector<engine::Address> scanners;
    for (const ScannerConfig& scanner : wanted.scanners)
      scanners.push_back(*engine::ParseAddress(scanner.socket));
    return PlanReload(*settings_, limits_, wanted, std::move(scanners));
  }

  // As a reload that comes into force.
  void Apply(const Config& wanted) {
    plan_ = Plan(wanted);
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
  wanted.scanners[0].kind = ScannerKind::kOther;
  const ReloadPlan plan = Plan(wanted);
  ASSERT_EQ(plan.errors.size(), 3U);
  EXPECT_EQ(plan.errors[0], "engine.shards: 0 -> 5 needs a restart");
  EXPECT_EQ(
      plan.errors[1],
      "spool.directory: \"" + config_.spool.directory + "\" -> \"/elsewhere\" needs a restart");
  EXPECT_EQ(plan.errors[2],
            "scanner.kind of unix:/run/scanner: \"amavisd\" -> \"other\" needs a restart");
}

TEST_F(ReloadPlanTest, ScannersComeAndGo) {
  Config wanted = config_;
  wanted.scanners.push_back(wanted.scanners[0]);
  wanted.scanners[1].socket = "unix:/run/another";
  Apply(wanted);
  EXPECT_EQ(plan_.scanners_added, std::vector<std::string>{"unix:/run/another"});
  EXPECT_TRUE(plan_.scanners_removed.empty());
  ASSERT_EQ(settings_->scanners.size(), 2U);
  EXPECT_EQ(settings_->scanners[1].address.path(), "/run/another");
  // A name is not a scanner: the first one keeps its socket and so its entry.
  wanted.scanners[0].name = "first";
  wanted.scanners.pop_back();
  Apply(wanted);
  EXPECT_TRUE(plan_.scanners_added.empty());
  EXPECT_EQ(plan_.scanners_removed, std::vector<std::string>{"unix:/run/another"});
  EXPECT_EQ(settings_->scanners.size(), 1U);
}

TEST_F(ReloadPlanTest, ScannerOnAnotherHostNeedsFilesThatAreNotUsedAgain) {
  Config wanted = config_;
  wanted.scanners.push_back(wanted.scanners[0]);
  wanted.scanners[1].socket = "inet:10024@192.0.2.7";
  EXPECT_EQ(Plan(wanted).errors, std::vector<std::string>());  // a spool without reuse
  settings_->spool_reuse = true;
  EXPECT_EQ(Plan(wanted).errors,
            std::vector<std::string>{"new scanner inet:10024@192.0.2.7 is on another host, and "
                                     "spool files are used again: that needs a restart"});
}

TEST_F(ReloadPlanTest, MoreConnectionsThanDescriptorsWereKeptForAreRefused) {
  limits_.scanner_connections_max = 4;
  Config wanted = config_;
  wanted.scanners[0].connections_max = 4;
  EXPECT_EQ(Plan(wanted).errors, std::vector<std::string>());
  wanted.scanners[0].connections_max = 5;
  EXPECT_EQ(Plan(wanted).errors,
            std::vector<std::string>{"scanners may have 5 connections, and descriptors were kept "
                                     "for 4: more need a restart"});
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
