// The spool under chance: random messages, misbehaving readers, a failing disk.
//
// Whatever happens: a sealed message reads back as itself, what a reader holds or has linked never
// changes, kept blocks stay within their limit, and Close() leaves no file open. Failures name the
// seed.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/spool/spool.h"
#include "engine/spool/spool_writer.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_world.h"

namespace engine {
namespace {

using namespace std::chrono_literals;

class SpoolRun {
 public:
  SpoolRun(std::uint64_t seed, bool reuse)
      : world_(seed, Faults()), disk_(world_, "/spool"), spool_(disk_, Limits(), Options(reuse)) {}

  void Run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      Step();
      EXPECT_LE(spool_.kept_bytes(), Limits().kept_bytes_max);
      EXPECT_LE(disk_.open_files(), spool_.taken() + spool_.free_slots());
    }
    End();
  }
  const SpoolCounters& counters() const { return spool_.counters(); }

 private:
  struct Message {
    SpoolSlot* slot;
    std::string text;
    bool sealed = false;
  };
  struct Kept {
    sim::SimFilePtr file;
    std::string text;
  };

  static sim::SimFaults Faults() {
    sim::SimFaults faults = sim::SimFaults::Rough();
    faults.disk_error = 10'000;
    faults.disk_full = 10'000;
    faults.short_write = 200'000;
    return faults;
  }
  static SpoolLimits Limits() {
    SpoolLimits limits;
    limits.slots_max = 20;
    limits.kept_bytes_max = 5000;
    limits.idle_slots_kept = 3;
    limits.retired_max = 10;
    return limits;
  }
  static SpoolOptions Options(bool reuse) {
    SpoolOptions options;
    options.reuse = reuse;
    return options;
  }
  std::size_t Below(std::size_t bound) {
    return static_cast<std::size_t>(world_.random().Below(bound));
  }

  void Step() {
    now_ += Time(std::chrono::milliseconds(Below(2000)));
    switch (Below(6)) {
      case 0:
      case 1: Begin(); return;
      case 2: Add(); return;
      case 3: SealOne(); return;
      case 4: Finish(); return;
      default: spool_.Tick(now_); return;
    }
  }
  void Begin() {
    SpoolRefusal why{};
    SpoolSlot* slot = spool_.Take(now_, &why);
    EXPECT_EQ(slot == nullptr, why != SpoolRefusal::kNone);
    if (slot != nullptr) messages_.push_back({.slot = slot, .text = {}});
  }
  void Add() {
    if (messages_.empty()) return;
    Message& message = messages_[Below(messages_.size())];
    if (message.sealed) return;
    const std::string piece(Below(700), static_cast<char>('a' + Below(26)));
    writer_.Open(*message.slot, 1 * kMiB);
    if (writer_.AddCopy(piece) == 0 && writer_.Flush() == 0) {
      message.text += piece;
      EXPECT_EQ(message.slot->length(), message.text.size());
      return;
    }
    GiveBack(message, SpoolFate::kUnread);
  }
  void SealOne() {
    if (messages_.empty()) return;
    Message& message = messages_[Below(messages_.size())];
    if (message.sealed) return;
    if (spool_.Seal(*message.slot) != 0) {
      GiveBack(message, SpoolFate::kUnread);
      return;
    }
    message.sealed = true;
    const std::string path(message.slot->mail_file());
    EXPECT_EQ(world_.files().ReadFile(path), message.text) << "seed " << world_.seed();
    const std::string directory(message.slot->directory());
    switch (Below(6)) {
      case 0: kept_.push_back({world_.files().Hold(path), message.text}); return;
      case 1: LinkTo("/kept" + std::to_string(next_++), path, message.text); return;
      case 2: world_.files().WriteFile(directory + "/left", message.text); return;
      case 3: world_.files().RemoveTree(directory); return;
      default: return;
    }
  }
  void LinkTo(const std::string& name, const std::string& path, const std::string& text) {
    if (world_.files().Link(path, name)) kept_.push_back({world_.files().Find(name), text});
  }
  void Finish() {
    if (messages_.empty()) return;
    Message& message = messages_[Below(messages_.size())];
    const bool doubt = Below(4) == 0;
    GiveBack(message,
             doubt            ? SpoolFate::kDoubt
             : message.sealed ? SpoolFate::kVerdict
                              : SpoolFate::kUnread);
  }
  void GiveBack(Message& message, SpoolFate fate) {
    spool_.GiveBack(*message.slot, fate, now_);
    messages_.erase(messages_.begin() + (&message - messages_.data()));
    for (const Kept& kept : kept_)
      EXPECT_EQ(kept.file->content, kept.text) << world_.seed();
  }
  void End() {
    while (!messages_.empty())
      GiveBack(messages_.back(), SpoolFate::kDoubt);
    world_.faults() = sim::SimFaults();
    spool_.Close();
    EXPECT_EQ(spool_.Close(), 0U) << "seed " << world_.seed();
    EXPECT_EQ(disk_.open_files(), 0U);
    for (const std::string& name : world_.files().List("/spool"))
      ADD_FAILURE() << name << " is left, seed " << world_.seed();
    for (const std::string& what : world_.broken())
      ADD_FAILURE() << what << ", seed " << world_.seed();
  }

  sim::SimWorld world_;
  sim::SimDisk disk_;
  Spool spool_;
  SpoolWriter writer_{spool_};
  Time now_ = 1000s;
  std::vector<Message> messages_;
  std::vector<Kept> kept_;
  int next_ = 0;
};

TEST(SpoolRandomTest, KeepsEveryMessageToItselfWithReuse) {
  std::uint64_t reused = 0;
  std::uint64_t retired = 0;
  for (std::uint64_t seed = 1; seed <= 200 && !testing::Test::HasFailure(); ++seed) {
    SpoolRun run(seed, true);
    run.Run(400);
    reused += run.counters().reused;
    retired += run.counters().retired_linked + run.counters().retired_open;
  }
  EXPECT_GT(reused, 1000U);
  EXPECT_GT(retired, 1000U);
}

TEST(SpoolRandomTest, KeepsEveryMessageToItselfWithoutReuse) {
  for (std::uint64_t seed = 1; seed <= 50 && !testing::Test::HasFailure(); ++seed) {
    SpoolRun run(seed, false);
    run.Run(400);
    EXPECT_EQ(run.counters().reused, 0U);
  }
}

}  // namespace
}  // namespace engine
