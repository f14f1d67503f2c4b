// Puts a SimLoop before the contract suite of tests/engine/loop_contract.h. No faults by chance, so
// that what is asserted is the contract and not the weather.
#ifndef MILLRACE_TESTS_SIM_SIM_LOOP_WORLD_H_
#define MILLRACE_TESTS_SIM_SIM_LOOP_WORLD_H_

#include <memory>
#include <string>

#include "tests/engine/loop_contract.h"

namespace sim {

std::unique_ptr<engine::LoopWorld> MakeSimLoopWorld();
std::unique_ptr<engine::LoopWorld> MakeLendingSimLoopWorld();  // receives into lent buffers

// The address of a Unix socket by its path, without looking for it in the real file system.
engine::Address UnixAddress(const std::string& path);

}  // namespace sim

#endif  // MILLRACE_TESTS_SIM_SIM_LOOP_WORLD_H_
