// A spool whose file work leaves the shard: a simulated loop and disk, a governor that a test
// drives.
#ifndef MILLRACE_TESTS_ENGINE_SPOOL_ASYNC_FIXTURE_H_
#define MILLRACE_TESTS_ENGINE_SPOOL_ASYNC_FIXTURE_H_

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/spool/spool.h"
#include "engine/spool/spool_writer.h"
#include "tests/sim/sim_world.h"

namespace engine {

struct Waiter final : SpoolWaiter {
  void OnSlot(SpoolSlot* came, SpoolRefusal reason) noexcept override {
    ++told;
    slot = came;
    why = reason;
  }
  void OnFileWork(int reason) noexcept override {
    ++told;
    error = reason;
  }
  int told = 0;
  int error = -1;
  SpoolSlot* slot = nullptr;
  SpoolRefusal why = SpoolRefusal::kNone;
};

class SpoolAsyncTest : public testing::Test {
 protected:
  static constexpr const char* kRoot = "/spool";

  void Open(const SpoolLimits& limits = SpoolLimits(), bool reuse = true) {
    SpoolOptions options;
    options.reuse = reuse;
    options.work = &work_;
    spool_ = std::make_unique<Spool>(loop_.disk(), limits, options);
    writer_ = std::make_unique<SpoolWriter>(*spool_);
  }
  void SetUp() override { Stall(); }
  void TearDown() override {
    disk().Thaw();
    if (spool_ != nullptr) spool_->Close();
    Pass(std::chrono::seconds(10));
    EXPECT_TRUE(work_.idle());
    writer_.reset();
    spool_.reset();
    EXPECT_EQ(disk().open_files(), 0U);
    EXPECT_EQ(pool_.bytes_in_use(), 0U);
    for (const std::string& what : world_.broken())
      ADD_FAILURE() << what;
  }

  void Stall() { governor_.OnCall(world_.now(), std::chrono::seconds(1)); }
  void EndStall() {
    governor_.OnProbe(world_.now(), {}, true);
    Pass(std::chrono::seconds(11));
    governor_.OnProbe(world_.now(), {}, true);
    ASSERT_FALSE(governor_.async());
  }
  void Pass(Time time) { world_.Run(world_.now() + time); }
  sim::SimDisk& disk() { return loop_.sim_disk(); }
  Spool& spool() { return *spool_; }
  std::vector<std::string> Slots() { return world_.files().List(kRoot); }
  std::string Content(const SpoolSlot& slot) {
    return world_.files().ReadFile(std::string(slot.mail_file())).value_or("(none)");
  }

  SpoolSlot* Take() {
    Waiter waiter;
    SpoolSlot* slot = spool().Take(world_.now(), &why_, &waiter);
    if (slot != nullptr || why_ != SpoolRefusal::kNone) return slot;
    Pass(std::chrono::seconds(1));
    EXPECT_EQ(waiter.told, 1);
    why_ = waiter.why;
    return waiter.slot;
  }
  // Begins the write of `text`.
  int Write(SpoolSlot& slot, std::string_view text, Waiter& waiter) {
    writer_->Open(slot, 1 * kMiB * 1024);
    EXPECT_EQ(writer_->AddCopy(text), 0);
    return writer_->FlushOrSubmit(waiter);
  }
  SpoolSlot& Message(std::string_view text) {
    SpoolSlot* slot = Take();
    EXPECT_NE(slot, nullptr) << SpoolRefusalName(why_);
    Waiter waiter;
    EXPECT_EQ(Write(*slot, text, waiter), EINPROGRESS);
    Pass(std::chrono::seconds(1));
    EXPECT_EQ(waiter.error, 0);
    const int sealed = spool().Seal(*slot, &waiter);
    EXPECT_TRUE(sealed == 0 || sealed == EINPROGRESS) << sealed;  // 0: of that length already
    Pass(std::chrono::seconds(1));
    EXPECT_EQ(waiter.told, sealed == 0 ? 1 : 2);
    EXPECT_EQ(waiter.error, 0);
    return *slot;
  }
  // A slot whose file still holds more than a message of few octets: its seal has something to do.
  SpoolSlot* TakeUsed() {
    spool().GiveBack(Message("octets of an earlier message"), SpoolFate::kVerdict, world_.now());
    Pass(std::chrono::seconds(1));
    return Take();
  }

  sim::SimWorld world_{1};
  sim::SimLoop& loop_ = world_.AddLoop("shard", kRoot);
  BlockPool pool_{64 * kMiB};
  StallGovernor governor_{FileWork::kAuto};
  SpoolWork work_{loop_, pool_, governor_, 1 * kMiB};
  SpoolRefusal why_ = SpoolRefusal::kNone;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<SpoolWriter> writer_;
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_SPOOL_ASYNC_FIXTURE_H_
