// Codes from file order to tiles and back.
#include "nf4.h"
#include "pool.h"

namespace {
using namespace gatun;

// Rows of a tile beyond the matrix are filled with zero bytes.
void tile_rows(const gatun_nf4_band* from, const gatun_nf4_band* to, int64_t tile) {
  const uint8_t* codes = static_cast<const uint8_t*>(from->codes);
  uint8_t* tiles = static_cast<uint8_t*>(to->codes);
  for (int64_t i = tile * kTileRows; i < (tile + 1) * kTileRows; i++) {
    for (int64_t j = 0; j < to->cols; j += 8) {
      const uint32_t word = i < from->rows ? load_word(codes + (i * from->cols + j) / 2) : 0;
      store_word(tiles + word_offset(to, i, j), file_to_tile(word));
    }
  }
}

void file_rows(const gatun_nf4_band* from, const gatun_nf4_band* to, int64_t tile) {
  const uint8_t* tiles = static_cast<const uint8_t*>(from->codes);
  uint8_t* codes = static_cast<uint8_t*>(to->codes);
  for (int64_t i = tile * kTileRows; i < std::min((tile + 1) * kTileRows, to->rows); i++) {
    for (int64_t j = 0; j < to->cols; j += 8) {
      store_word(codes + (i * to->cols + j) / 2, tile_to_file(load_word(tiles + word_offset(from, i, j))));
    }
  }
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_nf4_repack(const gatun_context* context, const gatun_nf4_band* from,
                                                 const gatun_nf4_band* to) {
  if (from->rows != to->rows || from->cols != to->cols) return GATUN_BAD_ARGUMENT;
  if (from->tiled == to->tiled) {
    const int64_t rows = from->tiled ? (from->rows + kTileRows - 1) / kTileRows * kTileRows : from->rows;
    std::memcpy(to->codes, from->codes, (rows * from->cols + 1) / 2);
    return GATUN_OK;
  }
  const int64_t tiles = (from->rows + kTileRows - 1) / kTileRows;
  parallel_range(context, tiles, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t tile = begin; tile < end; tile++) {
      if (to->tiled) {
        tile_rows(from, to, tile);
      } else {
        file_rows(from, to, tile);
      }
    }
  });
  return GATUN_OK;
}
