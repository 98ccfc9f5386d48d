// Packing of any stored matrix, element by element; the common ones have faster ways.
#include "gemm_pack.h"
#include "gemm_pack_avx512.h"

#include <algorithm>

namespace gatun {
namespace {

constexpr int kBlock = 64;  // terms fetched at a time

// Element (term k, column j) of a strip. Pairs of terms lie beside each other where the panel holds bf16.
template <class X>
int64_t place(int64_t k, int j, int width) {
  constexpr int kGroup = sizeof(typename Compute<X>::Packed) == 2 ? 2 : 1;
  return k / kGroup * kGroup * width + j * kGroup + k % kGroup;
}

template <class X>
void pack_strip(const Source& source, int64_t col, int columns, int64_t first, int64_t depth,
                typename Compute<X>::Packed* strip) {
  using P = typename Compute<X>::Packed;
  const int width = strip_width(columns);
  const int64_t steps = padded<X>(depth);
  float values[std::max(kBlock, kStrip)];
  if (columns < width || steps > depth) std::fill(strip, strip + steps * width, P{});
  if (source.columns_are_rows) {
    for (int j = 0; j < columns; j++) {
      for (int64_t k0 = 0; k0 < depth; k0 += kBlock) {
        const int count = (int)std::min<int64_t>(kBlock, depth - k0);
        fetch(source, col + j, first + k0, count, values);
        for (int k = 0; k < count; k++) strip[place<X>(k0 + k, j, width)] = packed<X, P>(values[k]);
      }
    }
  } else {
    for (int64_t k = 0; k < depth; k++) {
      fetch(source, first + k, col, columns, values);
      for (int j = 0; j < columns; j++) strip[place<X>(k, j, width)] = packed<X, P>(values[j]);
    }
  }
}
}  // namespace

template <class X>
void pack(const Source& source, int64_t col, int columns, int64_t first, int64_t depth, typename Compute<X>::Packed* panel) {
#if defined(__AVX512F__)
  if (pack_tiled<X>(source, col, columns, first, depth, panel)) return;
  if (pack_dense<X>(source, col, columns, first, depth, panel)) return;
#endif
  for (int j = 0; j < columns; j += kStrip) {
    pack_strip<X>(source, col + j, std::min(kStrip, columns - j), first, depth, panel + j * padded<X>(depth));
  }
}

template void pack<float>(const Source&, int64_t, int, int64_t, int64_t, float*);
template void pack<bf16>(const Source&, int64_t, int, int64_t, int64_t, Compute<bf16>::Packed*);

}  // namespace gatun
