// 4-bit matrices: the values of the codes, where a code lies, and what a block's scale is.
//
// TILED layout: tiles of 16 rows x 64 columns, 512 bytes, ordered by rows, then columns; a tile is 8 vectors of 64 bytes, one for
// each 8 columns; lane j (32 bits) of a vector holds the 8 codes of row j: columns 0 2 4 6 in the low half, 1 3 5 7 in the high
// half, lowest bits first. So one vector shifted right by 4 q has, in the low 4 bits of its 16-bit words, columns 2 q and 2 q + 1 of
// 16 rows, the order in which a dot product of pairs wants them, and a thread reads a weight as one stream.
#pragma once
#include "simd.h"

namespace gatun {

constexpr int kTileRows = 16, kTileCols = 64, kTileBytes = 512, kNestedBlock = 256;

alignas(64) constexpr float kNf4[16] = {
#include "nf4_codebook.inc"
};
// Bit 3 is the sign.
alignas(64) constexpr float kFp4[16] = {
    0.0f, 0.0625f / 12, 8.0f / 12, 1.0f,  4.0f / 12,  0.5f,  2.0f / 12,  0.25f,
    0.0f, -0.0625f / 12, -8.0f / 12, -1.0f, -4.0f / 12, -0.5f, -2.0f / 12, -0.25f};

inline const float* code_values(const gatun_nf4_band* band) { return band->code == GATUN_FP4 ? kFp4 : kNf4; }

// The signed dynamic map of 8 bits: for each of 7 decades 2^i means of neighbouring boundaries in [0.1, 1], both signs; 0 and 1.
struct SignedMap {
  float values[256] = {};
  float midpoints[255] = {};

  constexpr SignedMap() {
    const float powers[7] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
    int count = 0;
    for (int i = 0; i < 7; i++) {
      const int n = 1 << i;
      for (int k = 0; k < n; k++) {
        const float mean = (boundary(k, n) + boundary(k + 1, n)) / 2;
        values[count++] = mean * powers[i];
        values[count++] = -(mean * powers[i]);
      }
    }
    values[count++] = 0;
    values[count++] = 1;
    for (int i = 1; i < count; i++) {
      for (int j = i; j > 0 && values[j - 1] > values[j]; j--) {
        const float x = values[j];
        values[j] = values[j - 1];
        values[j - 1] = x;
      }
    }
    for (int i = 0; i < 255; i++) midpoints[i] = (values[i] + values[i + 1]) / 2;
  }

  // Element k of n + 1 equidistant numbers from 0.1 to 1, rounded once.
  static constexpr float boundary(int k, int n) {
    const float step = (1.0f - 0.1f) / (float)n;
    return k < (n + 1) / 2 ? (float)((double)0.1f + (double)step * k) : (float)(1.0 - (double)step * (n - k));
  }
};
alignas(64) inline constexpr SignedMap kSignedMap;

// No fused multiply-add: bits are promised.
inline float block_scale(const gatun_nf4_band* band, int64_t block) {
  if (band->nested == nullptr) return static_cast<const float*>(band->scales)[block];
  const int code = static_cast<const uint8_t*>(band->scales)[block];
  return kSignedMap.values[code] * band->nested[block / kNestedBlock] + band->offset;
}

// Nibbles, lowest first: file order is 1 0 3 2 5 4 7 6, tile order is 0 2 4 6 1 3 5 7.
inline uint32_t gather_nibbles(uint32_t x) {  // every other nibble, from bit 0 on, to the low half
  x &= 0x0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff;
  return (x | x >> 8) & 0xffff;
}
inline uint32_t spread_nibbles(uint32_t x) {
  x = (x | x << 8) & 0x00ff00ff;
  return (x | x << 4) & 0x0f0f0f0f;
}
inline uint32_t file_to_tile(uint32_t x) { return gather_nibbles(x >> 4) | gather_nibbles(x) << 16; }
inline uint32_t tile_to_file(uint32_t x) { return spread_nibbles(x & 0xffff) << 4 | spread_nibbles(x >> 16); }

inline int64_t tile_offset(const gatun_nf4_band* band, int64_t row, int64_t col) {
  return (row / kTileRows * (band->cols / kTileCols) + col / kTileCols) * kTileBytes;
}
// Where the 8 codes of columns col .. col + 7 of a row lie; col is a multiple of 8.
inline int64_t word_offset(const gatun_nf4_band* band, int64_t row, int64_t col) {
  return tile_offset(band, row, col) + col % kTileCols / 8 * 64 + row % kTileRows * 4;
}

inline uint32_t load_word(const uint8_t* p) {
  uint32_t x;
  std::memcpy(&x, p, 4);
  return x;
}
inline void store_word(uint8_t* p, uint32_t x) { std::memcpy(p, &x, 4); }

inline float round_to(float x, int32_t dtype) {
  if (dtype == GATUN_BF16) return to_float(from_float<bf16>(x));
  if (dtype == GATUN_F16) return to_float(from_float<f16>(x));
  return x;
}

// The sixteen values of a block, rounded to the recorded type.
inline void block_values(const gatun_nf4_band* band, int64_t block, float* values) {
  const float* codes = code_values(band);
  const float scale = block_scale(band, block);
  for (int i = 0; i < 16; i++) values[i] = round_to(codes[i] * scale, band->recorded);
}

// Values of columns col .. col + count - 1 of a row, rounded to the recorded type.
void decode_row(const gatun_nf4_band* band, int64_t row, int64_t col, int64_t count, float* out);

}  // namespace gatun
