// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), some counters at once.
#pragma once
#include <cstdint>

namespace gatun {

constexpr int kPhiloxCounters = 16;  // one AVX-512 vector of each counter word

// out[4 j + w] = word w for the counter (first + j, c1, c2, c3).
inline void philox(uint64_t key, uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3,
                   uint32_t out[4 * kPhiloxCounters]) {
  uint32_t a[kPhiloxCounters], b[kPhiloxCounters], c[kPhiloxCounters], d[kPhiloxCounters];
  for (int j = 0; j < kPhiloxCounters; j++) {
    a[j] = first + (uint32_t)j;
    b[j] = c1;
    c[j] = c2;
    d[j] = c3;
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    for (int j = 0; j < kPhiloxCounters; j++) {
      const uint64_t p = (uint64_t)0xD2511F53u * a[j], q = (uint64_t)0xCD9E8D57u * c[j];
      a[j] = (uint32_t)(q >> 32) ^ b[j] ^ k0;
      b[j] = (uint32_t)q;
      c[j] = (uint32_t)(p >> 32) ^ d[j] ^ k1;
      d[j] = (uint32_t)p;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int j = 0; j < kPhiloxCounters; j++) {
    out[4 * j] = a[j];
    out[4 * j + 1] = b[j];
    out[4 * j + 2] = c[j];
    out[4 * j + 3] = d[j];
  }
}

}  // namespace gatun
