// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), W counters at once.
#pragma once
#include "simd.h"

namespace gatun {

constexpr int kPhiloxWords = 4 * W;

// Dropout keeps what has a word whose upper24 reaches this: a whole number up to 2^24, exact in f32. What it keeps grows.
inline float drop_threshold(double p) { return (float)std::ceil(p * 0x1p24); }
inline float keep_scale(double p) { return (float)(1.0 / (1.0 - p)); }

// The words of the counters (a, b, c, d), lane by lane: words[i] holds word i of each.
inline void philox(uint64_t key, vu a, vu b, vu c, vu d, vu words[4]) {
  const vu m0 = set_bits(0xD2511F53u), m1 = set_bits(0xCD9E8D57u);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    vu high0, low0, high1, low1;
    multiply_wide(a, m0, high0, low0);
    multiply_wide(c, m1, high1, low1);
    a = xor_bits(xor_bits(high1, b), set_bits(k0));
    b = low1;
    c = xor_bits(xor_bits(high0, d), set_bits(k1));
    d = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
}

// The words of the counters (first, c1, c2, c3) .. (first + W - 1, c1, c2, c3) in order: words[v] holds v W .. v W + W - 1.
inline void philox_in_order(uint64_t key, uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3, vu words[4]) {
  // Tile t, lane k works on counter k W/4 + t: then transposing the tiles leaves the words in order.
  uint32_t counter[W];
  for (int lane = 0; lane < W; lane++) counter[lane] = first + (uint32_t)(lane % 4 * (W / 4) + lane / 4);
  philox(key, load_bits(counter), set_bits(c1), set_bits(c2), set_bits(c3), words);
  transpose4(words);
}

}  // namespace gatun
