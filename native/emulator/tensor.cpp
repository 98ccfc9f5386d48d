// Tensor-core products, ldmatrix, cp.async, and the conversions that have instructions of their own.
#include <math.h>

#include <algorithm>

#include "emulator.h"
#include "hooks.h"
#include "numbers.h"
#include "rendezvous.h"
#include "wgmma.h"

namespace emulator {

// cvt.rn.bf16.f32: nearest even; every NaN becomes 0x7fff.
EXPORT u16 emu_bf16(float f) {
  u32 u;
  memcpy(&u, &f, 4);
  return (u & 0x7fffffff) > 0x7f800000 ? 0x7fff : (u16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// cvt.rn.f16.f32: nearest even, subnormal numbers kept, too large ones to infinity, every NaN to 0x7fff.
EXPORT u16 emu_half(float f) {
  u32 u;
  memcpy(&u, &f, 4);
  const u32 sign = u >> 16 & 0x8000, size = u & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fff;
  if (size >= 0x47800000) return (u16)(sign | 0x7c00);
  if (size < 0x38800000) return (u16)(sign | (u32)nearbyintf(ldexpf(fabsf(f), 24)));   // in units of the smallest number
  return (u16)(sign | (size + 0xfff + (size >> 13 & 1) - 0x38000000) >> 13);
}

EXPORT float emu_from_half(u16 h) {
  const int exponent = h >> 10 & 31, fraction = h & 0x3ff;
  const float sign = h & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? ldexpf((float)(fraction + 0x400), exponent - 25) : ldexpf((float)fraction, -24));
}

// Tensor cores align the products of 8 terms to the largest and truncate; that is from the literature, not measured. A tolerance
// that holds both ways is no accident of exact arithmetic.
static bool pessimistic;
EXPORT void emu_mma_pessimistic(int on) {
  Guard guard;
  pessimistic = on != 0;
}

static float truncated(const float* a, const float (*b)[8], int n, float d) {
  for (int k = 0; k < 16; k += 8) {
    double terms[9], top = 0, sum = 0;
    terms[8] = d;
    for (int i = 0; i < 8; i++) terms[i] = (double)a[k + i] * b[k + i][n];
    for (double x : terms) top = std::max(top, fabs(x));
    if (!(top > 0) || std::isinf(top)) {
      for (double x : terms) sum += x;
      d = (float)sum;
      continue;
    }
    const double unit = ldexp(1, ilogb(top) - 24);
    for (double x : terms) sum += trunc(x / unit) * unit;
    float f = (float)sum;
    if (fabs((double)f) > fabs(sum)) f = nextafterf(f, 0);
    d = f;
  }
  return d;
}

float add_products(const float* a, const float (*b)[8], int n, float d) {
  if (pessimistic) return truncated(a, b, n, d);
  double sum = d;  // exact products, one rounding at the end
  for (int k = 0; k < 16; k++) sum += (double)a[k] * b[k][n];
  return (float)sum;
}

// Fragments as in the PTX ISA, m16n8k16.
static void multiply(Lane* lanes) {
  float a[16][16], b[16][8];
  for (int l = 0; l < 32; l++) {
    const int group = l >> 2, t = (l & 3) * 2;
    const u32* u = lanes[l].u;
    for (int h = 0; h < 2; h++) {
      for (int i = 0; i < 4; i++) a[group + 8 * (i & 1)][t + h + 8 * (i >> 1)] = from_bf16(u[i] >> 16 * h & 0xffff);
      for (int i = 0; i < 2; i++) b[t + h + 8 * i][group] = from_bf16(u[4 + i] >> 16 * h & 0xffff);
    }
  }
  for (int m = 0; m < 16; m++) {
    for (int n = 0; n < 8; n++) {
      float* d = (float*)lanes[(m & 7) * 4 + (n >> 1)].u + 6 + (m >> 3) * 2 + (n & 1);
      *d = add_products(a[m], b, n, *d);
    }
  }
}

EXPORT F4 emu_mma_bf16(F4 c, U4 a, U2 b, int line) {
  Lane& mine = lane();
  memcpy(mine.u, &a, 16);
  memcpy(mine.u + 4, &b, 8);
  memcpy(mine.u + 6, &c, 16);
  meet("mma.sync", ~0u, line, [](Lane* lanes, u32) { multiply(lanes); });
  F4 d;
  memcpy(&d, lane().u + 6, 16);
  return d;
}

EXPORT U4 emu_ldmatrix(const void* row, int count, int transposed, int line) {
  if ((self & 31) >> 3 < count) access(row, 16, READ, __builtin_return_address(0));
  lane().p = row;
  meet("ldmatrix", ~0u, line, [=](Lane* lanes, u32) {
    for (int l = 0; l < 32; l++) {
      for (int j = 0; j < count; j++) {
        const int e = (l & 3) * 2, g = l >> 2;
        const auto at = [&](int r, int c) { return (u32)((const u16*)lanes[j * 8 + r].p)[c]; };
        lanes[l].u[j] = transposed ? at(e, g) | at(e + 1, g) << 16 : at(g, e) | at(g, e + 1) << 16;
      }
    }
  });
  U4 r = {};
  memcpy(&r, lane().u, 4 * (size_t)count);
  return r;
}

// The destination is undefined from the issue until the thread's own wait; only then are the bytes there, or zeros from nowhere.
EXPORT void emu_cp_async(void* to, const void* from, int bytes, int line) {
  void* pc = __builtin_return_address(0);
  if (from != nullptr) access(from, bytes, READ, pc);
  access(to, bytes, WRITE, pc);
  for (Region* r : {&dynamic_shared, &running->function->module->shared}) {
    const u64 offset = (u8*)to - r->base;
    if (offset >= r->size) continue;
    for (int i = 0; i < bytes; i++) r->shadow[offset + i] &= (u8)~DEFINED;
    memset(to, 0xff, bytes);
  }
  fibers[self].open.push_back({to, from, bytes, line});
}

EXPORT void emu_cp_async_commit() {
  Fiber& f = fibers[self];
  f.groups.push_back(f.open);
  f.open.clear();
}

EXPORT void emu_cp_async_wait(int pending) {
  Fiber& f = fibers[self];
  while ((int)f.groups.size() > pending) {
    for (auto& copy : f.groups[0]) {
      if (copy.from != nullptr) memcpy(copy.to, copy.from, copy.bytes);
      else memset(copy.to, 0, copy.bytes);
      access(copy.to, copy.bytes, WRITE, __builtin_return_address(0));
    }
    f.groups.erase(f.groups.begin());
  }
}

EXPORT void* emu_dynamic_shared() { return dynamic_shared_start(); }

}  // namespace emulator
