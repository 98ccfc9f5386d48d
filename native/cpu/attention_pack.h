// Packing rows of q, k, v, o into the words attention_tile.h multiplies. T is the stored element, float or bf16.
//   natural  tile[row][word]      words along the row: an operand read word by word, reduced over columns
//   lanes    tile[word][row]      the same transposed: rows in vector lanes
//   pairs    tile[row/word][col]  words along the rows: reduced over rows
// Odd ends are filled with zeros.
#pragma once
#include "attention_tile.h"
#include "transpose.h"

namespace gatun {

typedef uint32_t __attribute__((may_alias)) word_bits;

inline int words(int elements, int word) { return (elements + word - 1) / word; }

// One row of d elements as words; the last word is completed by zero.
template <class Dot, class T>
inline void pack_row(const T* from, int d, float* to) {
  if constexpr (Dot::kWord == 1) {
    int c = 0;
    for (; c + W <= d; c += W) store(to + c, load(from + c));
    if (c < d) store(to + c, load(from + c, d - c), d - c);
  } else {
    std::memcpy(to, from, d * sizeof(T));
    if (d % 2 != 0) std::memset(reinterpret_cast<T*>(to) + d, 0, sizeof(T));
  }
}

// natural: at(i) is row i of the source.
template <class Dot, class At>
inline void pack_natural(At at, int rows, int d, float* tile) {
  const int width = words(d, Dot::kWord);
  for (int i = 0; i < rows; i++) pack_row<Dot>(at(i), d, tile + (int64_t)i * width);
}

// lanes, from a natural tile; lanes from `rows` on become zero.
template <class Dot>
inline void pack_lanes(const float* natural, int rows, int d, float* tile) {
  const int depth = words(d, Dot::kWord);
  if (rows < kTileRows) std::memset(tile, 0, sizeof(float) * depth * kTileRows);
  transpose(natural, depth, rows, depth, tile, kTileRows);
}

// pairs: columns from d to `stride` become zero.
template <class Dot, class At>
inline void pack_pairs(At at, int rows, int d, int stride, float* tile) {
  for (int i = 0; i < rows; i += Dot::kWord, tile += stride) {
    if constexpr (Dot::kWord == 1) {
      pack_row<Dot>(at(i), d, tile);
    } else {
      const auto *low = at(i), *high = i + 1 < rows ? at(i + 1) : nullptr;
      word_bits* to = reinterpret_cast<word_bits*>(tile);
      if (high != nullptr) {
        for (int c = 0; c < d; c++) to[c] = low[c].bits | (uint32_t)high[c].bits << 16;
      } else {
        for (int c = 0; c < d; c++) to[c] = low[c].bits;
      }
    }
    for (int c = d; c < stride; c++) tile[c] = 0;
  }
}

}  // namespace gatun
