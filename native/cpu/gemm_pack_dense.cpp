// Packing of dense matrices with AVX-512.
#include "gemm_pack_avx512.h"

#if defined(__AVX512F__)
#include <algorithm>

namespace gatun {
namespace {

// 16 words of a row: terms first .. of which n are there, the others zero.
template <class X>
inline __m512i row_words(const Source& source, int64_t row, int64_t first, int n) {
  if constexpr (kPairs<X>) {
    if (source.dense.dtype == GATUN_BF16 && source.scale == 1) {
      const __mmask32 there = n >= 32 ? 0xffffffffu : (1u << n) - 1;
      return _mm512_maskz_loadu_epi16(there, gatun::row<const bf16>(&source.dense, row) + first);
    }
    const vf scale = set(source.scale);
    return successive_words(load_terms(source.dense, row, first, n) * scale, load_terms(source.dense, row, first + W, n - W) * scale);
  } else {
    return _mm512_castps_si512(round_terms<X>(load_terms(source.dense, row, first, n) * set(source.scale)));
  }
}

// Stored rows are columns: 16 rows by 16 words are turned over at a time.
template <class X>
void pack_columns(const Source& source, int64_t col, int columns, int64_t first, int64_t depth,
                  typename Compute<X>::Packed* panel) {
  constexpr int kTerms = kWordTerms<X>;
  const int width = strip_width(columns);
  for (int j = 0; j < columns; j += W) {
    const int rows = std::min(W, columns - j);
    for (int64_t k = 0; k < depth; k += W * kTerms) {
      const int n = (int)std::min<int64_t>(W * kTerms, depth - k), steps = (n + kTerms - 1) / kTerms;
      __m512i r[W];
      for (int i = 0; i < W; i++) r[i] = i < rows ? row_words<X>(source, col + j + i, first + k, n) : _mm512_setzero_si512();
      transpose(r);
      for (int i = 0; i < steps; i++) _mm512_storeu_si512(panel + (k + i * kTerms) * width + j * kTerms, r[i]);
    }
  }
}

// Stored rows are terms. Terms that make a whole step but are beyond the depth are zero.
template <class X>
void pack_terms(const Source& source, int64_t col, int columns, int64_t first, int64_t depth,
                typename Compute<X>::Packed* panel) {
  constexpr int kTerms = kWordTerms<X>;
  const int width = strip_width(columns);
  const vf scale = set(source.scale);
  const int64_t steps = padded<X>(depth);
  for (int64_t k = 0; k < steps; k += kTerms) {
    for (int j = 0; j < columns; j += W) {
      const auto term = [&](int64_t t) {
        return t < depth ? load_terms(source.dense, first + t, col + j, columns - j) * scale : set(0);
      };
      if constexpr (kPairs<X>) {
        _mm512_storeu_si512(panel + k * width + j * kTerms, pair_words(term(k), term(k + 1)));
      } else {
        store(panel + k * width + j, round_terms<X>(term(k)));
      }
    }
  }
}
}  // namespace

template <class X>
bool pack_dense(const Source& source, int64_t col, int columns, int64_t first, int64_t depth, typename Compute<X>::Packed* panel) {
  if (source.band_count > 0) return false;
  if (source.columns_are_rows) {
    const int64_t steps = padded<X>(depth);
    const int width = strip_width(columns);
    if (steps > depth && !kPairs<X>) std::fill(panel + depth * width, panel + steps * width, typename Compute<X>::Packed{});
    pack_columns<X>(source, col, columns, first, depth, panel);
  } else {
    pack_terms<X>(source, col, columns, first, depth, panel);
  }
  return true;
}

template bool pack_dense<float>(const Source&, int64_t, int, int64_t, int64_t, float*);
template bool pack_dense<bf16>(const Source&, int64_t, int, int64_t, int64_t, Compute<bf16>::Packed*);

}  // namespace gatun
#endif
