// Conversions between fp32 and the types of 16 bits, as the device does them. In tensor.cpp.
#pragma once
#include "emulator.h"

EXPORT u16 emu_bf16(float f);
EXPORT u16 emu_half(float f);
EXPORT float emu_from_half(u16 h);

namespace emulator {
inline float from_bf16(u32 h) {
  const u32 u = h << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}
}  // namespace emulator
