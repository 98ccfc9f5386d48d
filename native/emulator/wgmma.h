#pragma once
#include "emulator.h"

namespace emulator {
void note_generic_write(u64 offset, int bytes);   // of dynamic shared memory, by the running thread
void forget_products();
void require_no_products();
// d + the 16 products of a row of a and column n of b, as tensor cores add them.
float add_products(const float* a, const float (*b)[8], int n, float d);
}  // namespace emulator
