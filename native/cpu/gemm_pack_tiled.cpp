// Packing of 4-bit tiles with AVX-512: decoded in registers, 16 rows beside each other as they lie in a tile.
#include "gemm_pack_avx512.h"

#if defined(__AVX512F__)
#include <algorithm>

namespace gatun {
namespace {

constexpr int kTileSteps = 8, kMostBlocks = 16;  // vectors of a tile; blocks of a row in a panel's depth

// Values of 16 codes, the low four bits of each word, times 16 scales, rounded to the recorded type where that is not coarser.
template <int kRecorded>
struct Decode {
  vf values;
  vf operator()(__m512i codes, vf scales) const {
    const vf v = _mm512_permutexvar_ps(codes, values) * scales;
    if (kRecorded == GATUN_BF16) return widen_bf16(narrow_bf16(v));
    if (kRecorded == GATUN_F16) return _mm512_cvtph_ps(_mm512_cvtps_ph(v, kNearest));
    return v;
  }
};

// Calls f with the decoder of a band.
template <class X, class F>
void with_decoder(const gatun_nf4_band* band, F f) {
  const vf values = load(code_values(band));
  if (band->recorded == GATUN_F16) {
    f(Decode<GATUN_F16>{values});
  } else if (band->recorded == GATUN_BF16 && !std::is_same_v<X, bf16>) {
    f(Decode<GATUN_BF16>{values});
  } else {
    f(Decode<GATUN_F32>{values});
  }
}

// scales[b][i] = scale of block first + b of row row + i; 0 for rows beyond the band.
void load_scales(const gatun_nf4_band* band, int64_t row, int rows, int64_t first, int blocks, float* scales) {
  const int64_t in_row = band->cols / band->block_size;
  for (int i = 0; i < rows; i++) {
    for (int b = 0; b < blocks; b++) {
      scales[b * rows + i] = row + i < band->rows ? block_scale(band, (row + i) * in_row + first + b) : 0;
    }
  }
}

// One term, or pair of terms, of 16 columns.
template <class X>
inline void store_step(typename Compute<X>::Packed* panel, int64_t k, int width, vf even, vf odd) {
  if constexpr (kPairs<X>) {
    _mm512_storeu_si512(panel + k * width, pair_words(even, odd));
  } else {
    store(panel + k * width, round_terms<X>(even));
    store(panel + (k + 1) * width, round_terms<X>(odd));
  }
}

// A tile whose rows are columns of the panel.
template <class X, class D>
void tile_of_columns(const uint8_t* tile, vf scales, D decode, int width, typename Compute<X>::Packed* panel) {
  for (int v = 0; v < kTileSteps; v++) {
    __m512i codes = _mm512_loadu_si512(tile + 64 * v);
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++) {
      store_step<X>(panel, 8 * v + 2 * q, width, decode(codes, scales), decode(_mm512_srli_epi32(codes, 16), scales));
      codes = _mm512_srli_epi32(codes, 4);
    }
  }
}

template <class X>
bool pack_columns(const gatun_nf4_band* band, int64_t row, int columns, int64_t first, int64_t depth,
                  typename Compute<X>::Packed* panel) {
  const int blocks = (int)((first + depth - 1) / band->block_size - first / band->block_size + 1);
  if (row % kTileRows != 0 || first % kTileCols != 0 || depth % kTileCols != 0 || blocks > kMostBlocks) return false;
  constexpr int kLane = kWordTerms<X> * kTileRows;  // panel elements of 16 columns
  const int groups = (columns + kTileRows - 1) / kTileRows, width = groups * kTileRows;
  alignas(64) float scales[kMostBlocks * kColumns];
  load_scales(band, row, width, first / band->block_size, blocks, scales);
  const uint8_t* codes = static_cast<const uint8_t*>(band->codes);
  with_decoder<X>(band, [&](auto decode) {
    for (int g = 0; g < groups; g++) {
      const uint8_t* tile = codes + tile_offset(band, row + g * kTileRows, first);
      for (int64_t k = 0; k < depth; k += kTileCols, tile += kTileBytes) {
        const int64_t block = (first + k) / band->block_size - first / band->block_size;
        tile_of_columns<X>(tile, load(scales + block * width + g * kTileRows), decode, width, panel + k * width + g * kLane);
      }
    }
  });
  return true;
}

// Words (p, k), p < 8 pairs of rows, of 16 columns k, of which r[i] holds columns 2 i and 2 i + 1, become r[p][k].
inline void transpose_pairs(__m512i* r) {
  const __m512i low = _mm512_set_epi32(27, 19, 11, 3, 26, 18, 10, 2, 25, 17, 9, 1, 24, 16, 8, 0);
  const __m512i high = _mm512_set_epi32(31, 23, 15, 7, 30, 22, 14, 6, 29, 21, 13, 5, 28, 20, 12, 4);
  __m512i t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_permutex2var_epi32(r[2 * i], low, r[2 * i + 1]);
    t[i + 4] = _mm512_permutex2var_epi32(r[2 * i], high, r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int h = 0; h < 8; h += 4) {
    const __m512i a = _mm512_shuffle_i32x4(t[h], t[h + 1], 0x88), b = _mm512_shuffle_i32x4(t[h], t[h + 1], 0xdd);
    const __m512i c = _mm512_shuffle_i32x4(t[h + 2], t[h + 3], 0x88), d = _mm512_shuffle_i32x4(t[h + 2], t[h + 3], 0xdd);
    r[h] = _mm512_shuffle_i32x4(a, c, 0x88);
    r[h + 1] = _mm512_shuffle_i32x4(b, d, 0x88);
    r[h + 2] = _mm512_shuffle_i32x4(a, c, 0xdd);
    r[h + 3] = _mm512_shuffle_i32x4(b, d, 0xdd);
  }
}

// A tile whose rows are terms: 16 of its columns at a time, `rows` rows (even where terms go in pairs).
template <class X, class D>
void tile_of_terms(const uint8_t* tile, vf scales, D decode, int rows, typename Compute<X>::Packed* panel) {
  for (int part = 0; part < 4; part++) {
    vf v[16];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
      __m512i codes = _mm512_loadu_si512(tile + 64 * (2 * part + h));
#pragma GCC unroll 4
      for (int q = 0; q < 4; q++) {
        v[8 * h + 2 * q] = decode(codes, scales);
        v[8 * h + 2 * q + 1] = decode(_mm512_srli_epi32(codes, 16), scales);
        codes = _mm512_srli_epi32(codes, 4);
      }
    }
    __m512i r[16];
    if constexpr (kPairs<X>) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; i++) r[i] = successive_words(v[2 * i], v[2 * i + 1]);
      transpose_pairs(r);
      for (int p = 0; 2 * p < rows; p++) _mm512_storeu_si512(panel + (2 * p * kTileCols + 32 * part), r[p]);
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < 16; i++) r[i] = _mm512_castps_si512(round_terms<X>(v[i]));
      transpose(r);
      for (int i = 0; i < rows; i++) _mm512_storeu_si512(panel + (i * kTileCols + 16 * part), r[i]);
    }
  }
}

// Rows of the bands, each part whole tiles but for the last of all.
bool whole_tiles(const Source& source, int64_t first, int64_t depth) {
  int64_t row = first;
  const gatun_nf4_band* band = band_of(source, &row);
  while (depth > 0) {
    const int64_t here = std::min(depth, band->rows - row);
    if (!band->tiled || row % kTileRows != 0 || (here < depth && here % kTileRows != 0)) return false;
    depth -= here;
    row = 0;
    band++;
  }
  return true;
}

template <class X>
bool pack_terms(const Source& source, int64_t col, int columns, int64_t first, int64_t depth,
                typename Compute<X>::Packed* panel) {
  if (columns != kTileCols || col % kTileCols != 0 || !whole_tiles(source, first, depth)) return false;
  int64_t row = first;
  const gatun_nf4_band* band = band_of(source, &row);
  for (int64_t left = depth; left > 0; band++, row = 0) {
    const int64_t here = std::min(left, band->rows - row);
    const uint8_t* codes = static_cast<const uint8_t*>(band->codes);
    with_decoder<X>(band, [&](auto decode) {
      for (int64_t i = 0; i < here; i += kTileRows) {
        alignas(64) float scales[kTileRows];
        load_scales(band, row + i, kTileRows, col / band->block_size, 1, scales);
        const int rows = (int)std::min<int64_t>(kTileRows, padded<X>(here - i));
        tile_of_terms<X>(codes + tile_offset(band, row + i, col), load(scales), decode, rows,
                         panel + (depth - left + i) * kTileCols);
      }
    });
    left -= here;
  }
  return true;
}
}  // namespace

template <class X>
bool pack_tiled(const Source& source, int64_t col, int columns, int64_t first, int64_t depth, typename Compute<X>::Packed* panel) {
  if (source.band_count == 0 || depth == 0) return false;
  if (!source.columns_are_rows) return pack_terms<X>(source, col, columns, first, depth, panel);
  int64_t row = col;
  const gatun_nf4_band* band = band_of(source, &row);
  return band->tiled && pack_columns<X>(band, row, columns, first, depth, panel);
}

template bool pack_tiled<float>(const Source&, int64_t, int, int64_t, int64_t, float*);
template bool pack_tiled<bf16>(const Source&, int64_t, int, int64_t, int64_t, Compute<bf16>::Packed*);

}  // namespace gatun
#endif
