// A spool over a simulated disk without chance, for the tests of the spool and its writer.
#ifndef MILLRACE_TESTS_ENGINE_SPOOL_FIXTURE_H_
#define MILLRACE_TESTS_ENGINE_SPOOL_FIXTURE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/spool/spool.h"
#include "engine/spool/spool_writer.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_world.h"

namespace engine {

class SpoolFixture : public testing::Test {
 protected:
  static constexpr std::string_view kRoot = "/spool/inst/0";

  void Open(const SpoolLimits& limits = SpoolLimits(), bool reuse = true) {
    SpoolOptions options;
    options.reuse = reuse;
    options.context = &reuse_ended_;
    options.reuse_ended = [](void* context, int error) noexcept {
      static_cast<std::vector<int>*>(context)->push_back(error);
    };
    spool_ = std::make_unique<Spool>(disk_, limits, options);
    writer_ = std::make_unique<SpoolWriter>(*spool_);
  }
  void TearDown() override {
    if (spool_ != nullptr) spool_->Close();
    writer_.reset();
    spool_.reset();
    for (const std::string& what : world_.broken())
      ADD_FAILURE() << what;
  }

  Spool& spool() { return *spool_; }
  SpoolSlot* Take() { return spool_->Take(now_, &why_); }
  // Takes a slot and writes and seals `text` in it.
  SpoolSlot& Message(std::string_view text) {
    SpoolSlot* slot = Take();
    EXPECT_NE(slot, nullptr) << SpoolRefusalName(why_);
    writer_->Open(*slot, 1 * kMiB * 1024);
    EXPECT_EQ(writer_->AddCopy(text), 0);
    EXPECT_EQ(writer_->Flush(), 0);
    EXPECT_EQ(spool_->Seal(*slot), 0);
    return *slot;
  }
  std::string Content(std::string_view path) {
    return world_.files().ReadFile(std::string(path)).value_or("(none)");
  }
  std::vector<std::string> Slots() { return world_.files().List(std::string(kRoot)); }
  void Pass(Time time) { now_ += time; }

  sim::SimWorld world_{1};
  sim::SimDisk disk_{world_, std::string(kRoot)};
  Time now_ = std::chrono::seconds(100);
  SpoolRefusal why_ = SpoolRefusal::kNone;
  std::vector<int> reuse_ended_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<SpoolWriter> writer_;
};

}  // namespace engine

#endif  // MILLRACE_TESTS_ENGINE_SPOOL_FIXTURE_H_
