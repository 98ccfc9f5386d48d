// What dropout multiplies the weights of a tile of query rows for a block of keys by: 0, or 1 / (1 - p). Drawn again wherever it
// is needed, from where a weight stands and nothing else, so that no mask is kept.
#pragma once
#include "attention_scores.h"
#include "philox.h"

namespace gatun {

class WeightMask {
 public:
  WeightMask(const AttentionCall& call, Scratch& memory) : call_(call) {
    if (!call.drops()) return;
    factors_ = memory.take(kTileKeys * kTileRows);
    heads_ = reinterpret_cast<uint32_t*>(memory.take(kTileRows));
    tokens_ = reinterpret_cast<uint32_t*>(memory.take(kTileRows));
  }

  // For `keys` keys, made even, of which the first has this position.
  void draw(const Tile& tile, int key_position, int keys, int vectors) {
    const gatun_attention_dropout& drop = *call_.dropout;
    for (int i = 0; i < vectors * W; i++) {
      const int row = tile.first + std::min(i, tile.rows - 1);
      heads_[i] = (uint32_t)(tile.kv_head * call_.group() + row % call_.group()) << 20;
      const int token = call_.packing.segments[tile.segment].query_first + row / call_.group();
      tokens_[i] = (uint32_t)gatun::row<const int32_t>(&drop.token_index, token)[0];
    }
    const int end = key_position + (keys + 1) / 2 * 2;
    const vf threshold = set(drop_threshold(drop.p)), scale = set(keep_scale(drop.p));
    for (int v = 0; v < vectors; v++) {
      const vu head = load_bits(heads_ + v * W), token = load_bits(tokens_ + v * W);
      for (int k = key_position / 4 * 4; k < end; k += 4) {
        vu words[4];
        philox((uint64_t)drop.seed, xor_bits(head, set_bits((uint32_t)k / 4)), token, set_bits((uint32_t)drop.step),
               set_bits((uint32_t)drop.purpose), words);
        for (int x = std::max(0, key_position - k); x < std::min(4, end - k); x++) {
          const vf factor = select(less(upper24(words[x]), threshold), set(0), scale);
          store(factors_ + (k + x - key_position) * kTileRows + v * W, factor);
        }
      }
    }
  }

  // For lanes v of key j.
  vf factor(int j, int v) const { return load(factors_ + j * kTileRows + v * W); }

 private:
  const AttentionCall& call_;
  float* factors_ = nullptr;                       // [keys][rows]
  uint32_t *heads_ = nullptr, *tokens_ = nullptr;  // of each row; heads in their place of the counter
};

}  // namespace gatun
