// y = code value * scale, rounded to the recorded type and then to y's.
#include "nf4.h"
#include "pool.h"

namespace gatun {

void decode_row(const gatun_nf4_band* band, int64_t row, int64_t col, int64_t count, float* out) {
  const uint8_t* codes = static_cast<const uint8_t*>(band->codes);
  const int64_t size = band->block_size, start = row * band->cols;
  alignas(64) float values[16];
  for (int64_t j = col; j < col + count;) {
    const int64_t block = (start + j) / size, end = std::min((block + 1) * size - start, col + count);
    block_values(band, block, values);
    if (band->tiled) {
      for (; j < end; j++) {
        const uint8_t* word = codes + word_offset(band, row, j & ~7);
        *out++ = values[load_word(word) >> (j % 2 * 16 + j % 8 / 2 * 4) & 15];
      }
    } else {
      for (int64_t i = start + j; j < end; i++, j++) *out++ = values[codes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    }
  }
}

}  // namespace gatun

namespace {
using namespace gatun;

constexpr int kPiece = 256;

template <class Y>
void dequantize_row(const gatun_nf4_band* band, int64_t i, Y* y) {
  alignas(64) float values[kPiece];
  for (int64_t j = 0; j < band->cols; j += kPiece) {
    const int count = (int)std::min<int64_t>(kPiece, band->cols - j);
    decode_row(band, i, j, count, values);
    for (int k = 0; k < count; k++) y[j + k] = from_float<Y>(values[k]);
  }
}

template <class Y>
void dequantize(const gatun_context* context, const gatun_nf4_band* band, const gatun_matrix* y, int64_t first) {
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, band->cols));
  parallel_range(context, band->rows, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; i++) dequantize_row(band, i, row<Y>(y, first + i));
  });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_nf4_dequantize(const gatun_context* context, const gatun_weight* w,
                                                     const gatun_matrix* y) {
  if (w->dense.rows != y->rows || w->dense.cols != y->cols) return GATUN_BAD_ARGUMENT;
  int64_t first = 0;
  for (int64_t b = 0; b < w->band_count; b++) {
    const gatun_nf4_band* band = w->bands + b;
    switch (y->dtype) {
      case GATUN_F32: dequantize<float>(context, band, y, first); break;
      case GATUN_F16: dequantize<f16>(context, band, y, first); break;
      case GATUN_BF16: dequantize<bf16>(context, band, y, first); break;
      default: return GATUN_BAD_ARGUMENT;
    }
    first += band->rows;
  }
  return GATUN_OK;
}
