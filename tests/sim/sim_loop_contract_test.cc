// The contract suite of engine/io/loop.h on the simulated loop.
#include <gtest/gtest.h>

#include "tests/engine/loop_contract.h"
#include "tests/sim/sim_loop_world.h"

namespace engine {

INSTANTIATE_TEST_SUITE_P(Simulated, LoopContractTest, testing::Values(&sim::MakeSimLoopWorld));
INSTANTIATE_TEST_SUITE_P(SimulatedLending,
                         LoopContractTest,
                         testing::Values(&sim::MakeLendingSimLoopWorld));

}  // namespace engine
