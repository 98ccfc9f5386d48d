// Packing: the right operand of a product, whatever it is stored as, into a panel of the micro-kernel, rounded to the compute
// type. A 4-bit weight is decoded here and nowhere else, so that no decoded copy of it exists beyond a panel.
#pragma once
#include "gemm_tile.h"
#include "nf4.h"

namespace gatun {

// A stored matrix times scale; either 4-bit bands or, when their number is 0, a dense matrix.
struct Source {
  const gatun_nf4_band* bands = nullptr;
  int64_t band_count = 0;
  gatun_matrix dense = {};
  float scale = 1;
  // True: a column of the product is a stored row (forward). False: a term of its sums is a stored row (backward).
  bool columns_are_rows = true;
};

inline Source source_of(const gatun_weight* w, bool columns_are_rows) {
  return {w->bands, w->dense.data == nullptr ? w->band_count : 0, w->dense, 1, columns_are_rows};
}
inline Source source_of(const gatun_matrix& m, float scale, bool columns_are_rows) {
  return {nullptr, 0, m, scale, columns_are_rows};
}

// The band of a stored row, which becomes the row within the band.
inline const gatun_nf4_band* band_of(const Source& source, int64_t* row) {
  const gatun_nf4_band* band = source.bands;
  while (*row >= band->rows) *row -= (band++)->rows;
  return band;
}

template <class T>
inline void widen(const T* from, int64_t count, float scale, float* out) {
  for (int64_t i = 0; i < count; i++) out[i] = to_float(from[i]) * scale;
}

// Stored elements (row, col .. col + count - 1), not yet rounded to the compute type.
inline void fetch(const Source& source, int64_t row, int64_t col, int64_t count, float* out) {
  if (source.band_count > 0) {
    const gatun_nf4_band* band = band_of(source, &row);
    decode_row(band, row, col, count, out);
  } else if (source.dense.dtype == GATUN_F32) {
    widen(gatun::row<float>(&source.dense, row) + col, count, source.scale, out);
  } else if (source.dense.dtype == GATUN_BF16) {
    widen(gatun::row<bf16>(&source.dense, row) + col, count, source.scale, out);
  } else {
    widen(gatun::row<f16>(&source.dense, row) + col, count, source.scale, out);
  }
}

template <class X, class P>
inline P packed(float x) {
  if constexpr (std::is_same_v<P, bf16>) {
    return from_float<bf16>(x);
  } else {
    return to_float(from_float<X>(x));
  }
}

// Terms first .. first + depth - 1 of columns col .. col + columns - 1: strip after strip, each padded to whole vectors, with
// depth rounded up to whole steps and filled with zeros.
template <class X>
void pack(const Source& source, int64_t col, int columns, int64_t first, int64_t depth, typename Compute<X>::Packed* panel);

template <class X>
inline int64_t padded(int64_t depth) {
  constexpr int kGroup = Compute<X>::kGroup;
  return (depth + kGroup - 1) / kGroup * kGroup;
}

}  // namespace gatun
