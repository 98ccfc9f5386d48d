#pragma once
#include "emulator.h"

namespace emulator {
// What the running thread brings to a collective and takes from it.
Lane& lane();
// All lanes of the mask meet; the last one to come computes for all of them.
void meet(const char* op, u32 mask, int line, const std::function<void(Lane*, u32)>& compute);
}  // namespace emulator
