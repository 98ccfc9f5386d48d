// The products of attention's tiles. A tile keeps query rows in vector lanes, so that the softmax over keys needs no
// reduction across lanes; the other operand is read as broadcast words.
//   F32Dot:  a word is one float.         depth = number of elements
//   Bf16Dot: a word is two bf16 numbers.  depth = half of it; the two meet in one dot-product instruction
// Bf16Dot exists where the machine has that instruction; elsewhere bf16 tiles are widened and use F32Dot.
#pragma once
#include "simd.h"

namespace gatun {

constexpr int kTileRows = 64;  // query rows (token, head of the group) in a tile
constexpr int kTileKeys = 64;  // keys in a block
constexpr int kRowVectors = kTileRows / W;

// Words (i, k) at data[i * row + k * depth], both strides in words.
struct Words {
  const float* data;
  int64_t row, depth;
};

enum class Sum { kNew, kAdd, kScaledAdd };  // C = AB, C += AB, C = C*scale + AB with a scale for each lane

struct F32Dot {
  static constexpr int kWord = 1;  // elements in a word
  static vf dot(vf sum, vf a, vf b) { return fma(a, b, sum); }
  static vf mac(vf sum, float word, vf b) { return fma(set(word), b, sum); }
  // Lanes v of keys j and j+1 of a tile [keys][rows], to be reduced over keys.
  static void put_keys(float* tile, int j, int v, vf a, vf b) {
    store(tile + j * kTileRows + v * W, a);
    store(tile + (j + 1) * kTileRows + v * W, b);
  }
  // Elements [first, first + 2 W) of a row of words, to be reduced along it.
  static void put_row(float* row, int first, vf a, vf b) {
    store(row + first, a);
    store(row + first + W, b);
  }
};

#if defined(__AVX512BF16__)
struct Bf16Dot {
  static constexpr int kWord = 2;
  static vf dot(vf sum, vf a, vf b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_castps_si512(a), (__m512bh)_mm512_castps_si512(b));
  }
  static vf mac(vf sum, float word, vf b) { return dot(sum, set(word), b); }
  static void put_keys(float* tile, int j, int v, vf a, vf b) {
    static const int16_t kInterleave[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(b, a);
    const __m512i pairs = _mm512_permutexvar_epi16(_mm512_loadu_si512(kInterleave), both);
    _mm512_storeu_si512(tile + j / 2 * kTileRows + v * W, pairs);
  }
  static void put_row(float* row, int first, vf a, vf b) {
    _mm512_storeu_si512(row + first / 2, (__m512i)_mm512_cvtne2ps_pbh(b, a));
  }
};
#endif

template <class Dot, int kRows, int kVectors, Sum kSum>
inline void product_block(const Words& a, const float* b, int64_t b_stride, int depth, float* c, int64_t c_stride,
                          const float* scale) {
  vf sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) {
      if constexpr (kSum == Sum::kNew) sums[i][v] = set(0);
      if constexpr (kSum == Sum::kAdd) sums[i][v] = load(c + i * c_stride + v * W);
      if constexpr (kSum == Sum::kScaledAdd) sums[i][v] = load(c + i * c_stride + v * W) * load(scale + v * W);
    }
  }
  const float* word = a.data;
  for (int k = 0; k < depth; k++, word += a.depth, b += b_stride) {
    vf lanes[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) lanes[v] = load(b + v * W);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; v++) sums[i][v] = Dot::mac(sums[i][v], word[i * a.row], lanes[v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) store(c + i * c_stride + v * W, sums[i][v]);
  }
}

template <class Dot, int kVectors, Sum kSum>
inline void product_columns(const Words& a, int rows, const float* b, int64_t b_stride, int depth, float* c,
                            int64_t c_stride, const float* scale) {
  int i = 0;
  auto block = [&](auto size) {
    const Words part{a.data + i * a.row, a.row, a.depth};
    product_block<Dot, decltype(size)::value, kVectors, kSum>(part, b, b_stride, depth, c + i * c_stride, c_stride, scale);
    i += decltype(size)::value;
  };
  while (i + 6 <= rows) block(std::integral_constant<int, 6>());
  switch (rows - i) {
    case 5: return block(std::integral_constant<int, 5>());
    case 4: return block(std::integral_constant<int, 4>());
    case 3: return block(std::integral_constant<int, 3>());
    case 2: return block(std::integral_constant<int, 2>());
    case 1: return block(std::integral_constant<int, 1>());
  }
}

// C (rows x vectors*W floats) = or += A (rows x depth words) * B (depth x vectors*W words).
template <class Dot, Sum kSum>
void product(const Words& a, int rows, const float* b, int64_t b_stride, int vectors, int depth, float* c, int64_t c_stride,
             const float* scale = nullptr) {
  constexpr int kWide = W == 16 ? 4 : 2;  // six rows of sums, B and one word fill the registers
  int v = 0;
  auto columns = [&](auto size) {
    const float* lanes = kSum == Sum::kScaledAdd ? scale + v * W : scale;
    product_columns<Dot, decltype(size)::value, kSum>(a, rows, b + v * W, b_stride, depth, c + v * W, c_stride, lanes);
    v += decltype(size)::value;
  };
  while (v + kWide <= vectors) columns(std::integral_constant<int, kWide>());
  switch (vectors - v) {
    case 3: return columns(std::integral_constant<int, kWide == 4 ? 3 : 1>());
    case 2: return columns(std::integral_constant<int, 2>());
    case 1: return columns(std::integral_constant<int, 1>());
  }
}

// 2^x to 1e-7 of it; exactly 1 at 0 and exactly 0 below -150. NaN stays.
inline vf exp2_of(vf x) {
  x = max(set(-200.0f), x);
  const vf n = round_to_int(x), f = x - n;
  vf p = fma(set(1.326472730e-3f), f, set(9.671512991e-3f));
  p = fma(p, f, set(5.550733581e-2f));
  p = fma(p, f, set(2.402224243e-1f));
  p = fma(p, f, set(6.931470037e-1f));
  p = fma(p, f, set(1.0f));
  return scale_exponent(p, n);
}

// tanh to some 1e-7 of it: a polynomial near zero, where 1 - 2/(e^2x + 1) would cancel.
inline vf tanh_of(vf x) {
  const vf size = abs(x), square = x * x;
  vf p = fma(set(-5.704984069e-3f), square, set(2.063908428e-2f));
  p = fma(p, square, set(-5.373971537e-2f));
  p = fma(p, square, set(1.333144158e-1f));
  p = fma(p, square, set(-3.333328068e-1f));
  const vf near = fma(p * square, x, x);
  const vf far = set(1.0f) - set(2.0f) / (exp2_of(size * set(2.88539008f)) + set(1.0f));
  const vf signed_far = select(less(x, set(0)), set(0) - far, far);
  return select(less(size, set(0.625f)), near, signed_far);
}

}  // namespace gatun
