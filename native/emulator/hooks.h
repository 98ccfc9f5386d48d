#pragma once
#include "emulator.h"

namespace emulator {
// Checks an access of the running thread before it happens.
void access(const void* p, int bytes, Access kind, void* pc);
}  // namespace emulator
