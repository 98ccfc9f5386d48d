// The rest of what the bindings name: every function that is not emulated says so. Included by a file that CMake writes, with a
// line NOT_EMULATED(name, code) for each name in bindings/filters; where a function is emulated the weak one here is dropped.
#pragma once
#include "emulator.h"

namespace emulator {
inline int not_emulated(const char* name, int code) {
  Guard guard;
  return error(code, format("%s is not emulated", name));
}
}  // namespace emulator
#define NOT_EMULATED(name, code) \
  extern "C" __attribute__((visibility("default"), weak)) int name() { return emulator::not_emulated(#name, code); }
