#include "lora_gradients.h"

#include "transpose.h"

namespace gatun {
namespace {

constexpr int64_t kMostColumns = 2048;  // columns of low turned over at a time, so that enough tokens fit the scratch
constexpr int kTile = 32;               // a tile's columns become whole cache lines of bf16
constexpr int64_t kPad = 32;            // keeps turned rows from falling into the same sets of a cache

gatun_matrix columns_of(const gatun_matrix& m, int64_t first, int64_t count) {
  gatun_matrix part = m;
  part.data = static_cast<char*>(m.data) + first * (m.dtype == GATUN_F32 ? 4 : 2);
  part.cols = count;
  return part;
}

// to[j][i] = from[i][j] for rows x cols of a tile.
template <class X>
void turn_tile(const X* from, int64_t from_stride, int rows, int cols, X* to, int64_t to_stride) {
  alignas(64) float tile[kTile * kTile], over[kTile * kTile];
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < cols; j += W) store(tile + i * kTile + j, load(from + i * from_stride + j, std::min(W, cols - j)));
  }
  transpose(tile, kTile, rows, cols, over, kTile);
  for (int j = 0; j < cols; j++) {
    for (int i = 0; i < rows; i += W) store(to + j * to_stride + i, load(over + j * kTile + i), std::min(W, rows - i));
  }
}

// low^T of `count` tokens. Values of X pass through f32 unchanged.
template <class X>
void turn(const gatun_context* context, const gatun_matrix& low, int64_t first, int64_t count, X* turned, int64_t stride) {
  const int64_t tiles = (count + kTile - 1) / kTile, grain = std::max<int64_t>(1, (1 << 15) / (kTile * low.cols));
  parallel_range(context, tiles, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin * kTile; i < std::min(end * kTile, count); i += kTile) {
      const int rows = (int)std::min<int64_t>(kTile, count - i);
      for (int64_t j = 0; j < low.cols; j += kTile) {
        const int cols = (int)std::min<int64_t>(kTile, low.cols - j);
        turn_tile<X>(row<const X>(&low, first + i) + j, low.stride, rows, cols, turned + j * stride + i, stride);
      }
    }
  });
}

// For some columns of low: as many tokens at a time as fit the part of the first thread's scratch that products leave free.
template <class X>
int32_t run(const gatun_context* context, const gatun_matrix& low, const gatun_matrix& x, const gatun_matrix& sum, float scale,
            bool transposed) {
  X* const turned = reinterpret_cast<X*>(scratch(context, 0) + kGemmScratch);
  const int64_t room = (context->scratch_bytes - kGemmScratch) / (int64_t)sizeof(X) / low.cols - kPad;
  if (room < 64) return GATUN_NO_SCRATCH;
  const int64_t most = room / 64 * 64;
  for (int64_t first = 0; first < low.rows; first += most) {
    const int64_t count = std::min(most, low.rows - first), stride = (count + 31) / 32 * 32 + kPad;
    turn<X>(context, low, first, count, turned, stride);
    gatun_matrix some = x;
    some.data = row<X>(&x, first);
    some.rows = count;
    Product product{{turned, low.cols, count, stride, low.dtype, 0}, source_of(some, 1, false), x.cols, sum};
    product.add = true;
    product.scale = scale;
    product.transposed = transposed;
    const int32_t status = multiply(context, product);
    if (status != GATUN_OK) return status;
  }
  return GATUN_OK;
}
}  // namespace

int32_t add_gradient(const gatun_context* context, const gatun_matrix& low, const gatun_matrix& x, const gatun_matrix& sum,
                     float scale, bool transposed) {
  if (low.rows == 0) return GATUN_OK;
  for (int64_t first = 0; first < low.cols; first += kMostColumns) {
    const int64_t count = std::min(kMostColumns, low.cols - first);
    const gatun_matrix part = columns_of(low, first, count);
    gatun_matrix to = columns_of(sum, transposed ? first : 0, transposed ? count : sum.cols);
    if (!transposed) {
      to.data = row<float>(&sum, first);
      to.rows = count;
    }
    const int32_t status = low.dtype == GATUN_F32 ? run<float>(context, part, x, to, scale, transposed)
                                                  : run<bf16>(context, part, x, to, scale, transposed);
    if (status != GATUN_OK) return status;
  }
  return GATUN_OK;
}

}  // namespace gatun
