// Contract suite, part 6: file operations of every kind.
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/file_op.h"
#include "tests/engine/loop_contract.h"
#include "tests/engine/recorder.h"

namespace engine {
namespace {

struct Operation : FileOp {
  Operation() {
    done = [](FileOp& op) noexcept {
      auto& self = static_cast<Operation&>(op);
      ++self.dones;
      if (Loop* loop = std::exchange(self.again, nullptr); loop != nullptr) loop->Submit(self);
    };
  }
  void Write(int to, std::uint64_t at, std::string what) {
    text = std::move(what);
    part = {text.data(), text.size()};
    kind = FileOpKind::kWriteV;
    file = to;
    offset = at;
    data = {&part, 1};
  }

  std::string text;
  iovec part{};
  int dones = 0;
  Loop* again = nullptr;
};

// Submits `op` and turns until it is done.
IoResult DoIn(LoopWorld& world, Operation& op, FileOpKind kind) {
  op.kind = kind;
  op.heavy = !op.heavy;  // a slot's operations come by both ways
  const int before = op.dones;
  world.loop().Submit(op);
  EXPECT_EQ(op.dones, before) << "never inside the call";
  EXPECT_EQ(world.loop().file_ops(), 1U);
  EXPECT_TRUE(world.TurnUntil([&] { return op.dones > before; }));
  EXPECT_EQ(world.loop().file_ops(), 0U);
  return op.result;
}

TEST_P(LoopContractTest, WritesFilesLater) {
  std::array<Operation, 8> writes;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    writes[i].Write(world_->MakeFile(), i, Pattern(10'000 + i));
    writes[i].heavy = i % 2 == 0;
  }
  writes[0].again = &loop();  // submits itself again when done
  for (Operation& write : writes) {
    loop().Submit(write);
    EXPECT_EQ(write.dones, 0) << "never inside the call";
  }
  EXPECT_EQ(loop().file_ops(), writes.size());
  ASSERT_TRUE(world_->TurnUntil([&] {
    for (const Operation& write : writes) {
      if (write.dones == 0) return false;
    }
    return writes[0].dones == 2;
  }));
  EXPECT_EQ(loop().file_ops(), 0U);
  for (std::size_t i = 0; i < writes.size(); ++i) {
    EXPECT_EQ(writes[i].result.error, 0);
    EXPECT_EQ(writes[i].result.value, static_cast<std::int64_t>(writes[i].text.size()));
    EXPECT_TRUE(world_->FileContent(writes[i].file) == std::string(i, '\0') + writes[i].text);
  }
}

TEST_P(LoopContractTest, LeadsASlotThroughItsLife) {
  Operation op;
  op.slot = "s1";
  const IoResult made = DoIn(*world_, op, FileOpKind::kMakeSlot);
  ASSERT_TRUE(made.ok()) << made.error;
  const int file = static_cast<int>(made.value);
  op.Write(file, 0, "a message");
  EXPECT_EQ(DoIn(*world_, op, FileOpKind::kWriteV).value, 9);
  op.offset = 5;
  EXPECT_TRUE(DoIn(*world_, op, FileOpKind::kTruncate).ok());
  EXPECT_EQ(world_->FileContent(file), "a mes");
  EXPECT_EQ(DoIn(*world_, op, FileOpKind::kCleanSlot).error, 0);
  EXPECT_TRUE(loop().disk().WriteV(file, op.data, 0).ok()) << "both ways are one file";
  EXPECT_EQ(DoIn(*world_, op, FileOpKind::kRemoveSlot).error, 0);
  op.file = -1;
  EXPECT_NE(DoIn(*world_, op, FileOpKind::kCleanSlot).error, 0);
  EXPECT_TRUE(DoIn(*world_, op, FileOpKind::kMakeSlot).ok()) << "the name is free again";
}

TEST_P(LoopContractTest, ClosesAFile) {
  Operation op;
  for (const bool sync : {false, true}) {
    op.slot = sync ? "synced" : "closed";
    op.file = static_cast<int>(DoIn(*world_, op, FileOpKind::kMakeSlot).value);
    op.sync = sync;
    EXPECT_TRUE(DoIn(*world_, op, FileOpKind::kCloseFile).ok());
    op.file = -1;
    EXPECT_TRUE(DoIn(*world_, op, FileOpKind::kRemoveSlot).ok());
  }
}

TEST_P(LoopContractTest, TellsFreeSpace) {
  Operation op;
  EXPECT_TRUE(DoIn(*world_, op, FileOpKind::kFreeSpace).ok());
  EXPECT_GT(op.bytes_free, 0U);
  EXPECT_GT(op.inodes_free, 0U);
}

TEST_P(LoopContractTest, TellsTheErrorOfEachKind) {
  Operation op;
  op.Write(-1, 0, "nowhere");
  EXPECT_EQ(DoIn(*world_, op, FileOpKind::kWriteV).error, EBADF);
  EXPECT_EQ(DoIn(*world_, op, FileOpKind::kTruncate).error, EBADF);
  op.slot = "s1";
  const IoResult made = DoIn(*world_, op, FileOpKind::kMakeSlot);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(DoIn(*world_, op, FileOpKind::kMakeSlot).error, EEXIST);
  op.slot = "s2";
  op.file = static_cast<int>(made.value);
  EXPECT_EQ(DoIn(*world_, op, FileOpKind::kCleanSlot).error, ESTALE);
}

TEST_P(LoopContractTest, ManyKindsAtOnceEndOnceEach) {
  constexpr std::size_t kSlots = 40;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Operation>> ops;
  for (std::size_t i = 0; i < kSlots; ++i)
    names.push_back("s" + std::to_string(i));
  for (std::size_t i = 0; i < kSlots; ++i) {
    ops.push_back(std::make_unique<Operation>());
    ops.back()->kind = FileOpKind::kMakeSlot;
    ops.back()->slot = names[i];
    ops.push_back(std::make_unique<Operation>());
    ops.back()->Write(world_->MakeFile(), 0, Pattern(1000 + i));
    ops.push_back(std::make_unique<Operation>());
    ops.back()->kind = FileOpKind::kFreeSpace;
  }
  for (const auto& op : ops)
    loop().Submit(*op);
  ASSERT_TRUE(world_->TurnUntil([&] { return loop().file_ops() == 0; }));
  for (const auto& op : ops) {
    EXPECT_EQ(op->dones, 1);
    EXPECT_TRUE(op->result.ok()) << op->result.error;
  }
}

TEST_P(LoopContractTest, ALoopThatGoesAwayWaitsAndTellsNothing) {
  std::array<Operation, 20> ops;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (i % 2 == 0) {
      ops[i].Write(world_->MakeFile(), 0, Pattern(100'000));
    } else {
      ops[i].kind = FileOpKind::kFreeSpace;
    }
    loop().Submit(ops[i]);
  }
  world_.reset();
  for (const Operation& op : ops)
    EXPECT_EQ(op.dones, 0);
}

}  // namespace
}  // namespace engine
