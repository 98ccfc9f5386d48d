// Scores of a tile of query rows against a block of keys, and the scratch both directions use for them.
#pragma once
#include <limits>

#include "attention_pack.h"
#include "attention_segments.h"

namespace gatun {

constexpr float kLog2E = 1.44269504f;

// Hands out 64-byte aligned pieces of one thread's scratch.
class Scratch {
 public:
  Scratch(const gatun_context* context, int thread, int64_t used)
      : next_(scratch(context, thread) + (used + 63) / 64 * 64), end_(scratch(context, thread) + context->scratch_bytes) {}
  float* take(int64_t floats) {
    char* piece = next_;
    next_ += (floats * 4 + 63) / 64 * 64;
    return reinterpret_cast<float*>(piece);
  }
  bool fits() const { return next_ <= end_; }

 private:
  char *next_, *end_;
};

// What a call works on. T is the element of q, k, v; Dot how its tiles are multiplied.
struct AttentionCall {
  gatun_attention_shape shape;
  Packing packing;
  const gatun_matrix *q, *k, *v;
  const gatun_attention_dropout* dropout;
  int64_t used;  // bytes of the first thread's scratch held by packing; every thread skips as many

  bool drops() const { return dropout->p > 0; }
  int group() const { return shape.heads / shape.kv_heads; }
  int head_dim() const { return shape.head_dim; }
  int padded_dim() const { return (shape.head_dim + W - 1) / W * W; }
  // exp(score) = 2^(s * factor()) for the s that finish_scores leaves. The factor is positive, so that the largest s is the
  // largest score.
  bool scaled_before() const { return shape.soft_cap > 0 || shape.scale <= 0; }
  float factor() const { return scaled_before() ? 1.0f : shape.scale * kLog2E; }
  vf scaled(vf s) const {
    if (shape.soft_cap <= 0) return s * set(shape.scale * kLog2E);
    return tanh_of(s * set(shape.scale / shape.soft_cap)) * set(shape.soft_cap * kLog2E);
  }
  // Log of the sum of exp(score), given the largest s and the sum relative to it.
  float log_sum(float largest_s, float total) const {
    if (total == 0) return -std::numeric_limits<float>::infinity();
    return (float)((double)largest_s * factor() * 0.69314718055994531 + std::log((double)total));
  }

  // Row `row` of a tile in a matrix of (tokens, heads * head_dim), or (tokens, heads) with dim = 1.
  template <class T>
  T* tile_row(const gatun_matrix* m, const Tile& tile, int i, int dim) const {
    const int token = packing.segments[tile.segment].query_first + (tile.first + i) / group();
    return row<T>(m, token) + (int64_t)(tile.kv_head * group() + (tile.first + i) % group()) * dim;
  }
  template <class T>
  T* key_row(const gatun_matrix* m, int segment, int kv_head, int key) const {
    return row<T>(m, packing.segments[segment].key_first + key) + (int64_t)kv_head * head_dim();
  }
  // Up to which a row sees keys: its own, or that of the last key of its segment when attention goes in both directions.
  int position(const Tile& tile, int i) const {
    const Segment& segment = packing.segments[tile.segment];
    if (!shape.causal) return segment.start + segment.key_length - 1;
    return packing.query_position(tile.segment, (tile.first + i) / group());
  }
  // All rows of a segment, for one key head.
  Tile few_rows(int s, int kv_head) const { return {s, kv_head, 0, packing.segments[s].query_length * group()}; }
  Range keys_of(const Tile& tile, int owner) const {
    return visible_keys(packing, owner, position(tile, 0), position(tile, tile.rows - 1), shape.window);
  }
};

inline int vectors_of(int rows) { return (rows + W - 1) / W; }

// The same, in pairs where pairs of vectors are packed together.
inline int even_vectors_of(int rows) { return std::min(kRowVectors, (vectors_of(rows) + 1) / 2 * 2); }

// Positions of a tile's rows; absent lanes repeat the last.
inline void fill_positions(const AttentionCall& call, const Tile& tile, float* positions) {
  for (int i = 0; i < kTileRows; i++) positions[i] = (float)call.position(tile, std::min(i, tile.rows - 1));
}

// s [keys][kTileRows], raw products on entry: soft-caps, hides what a row does not see (-infinity) and makes the number
// of keys even. key_position is that of the first key.
inline void finish_scores(const AttentionCall& call, float* s, int keys, int vectors, const float* positions, int rows,
                          int key_position) {
  const vf hidden = set(-std::numeric_limits<float>::infinity());
  const int window = call.shape.window;
  for (int j = 0; j < keys && call.scaled_before(); j++) {
    for (int v = 0; v < vectors; v++) {
      float* at = s + j * kTileRows + v * W;
      store(at, call.scaled(load(at)));
    }
  }
  if (key_position + keys - 1 > (int)positions[0]) {
    for (int j = std::max(0, (int)positions[0] + 1 - key_position); j < keys; j++) {
      const vf key = set((float)(key_position + j));
      for (int v = 0; v < vectors; v++) {
        float* at = s + j * kTileRows + v * W;
        store(at, select(less(load(positions + v * W), key), hidden, load(at)));
      }
    }
  }
  if (window > 0 && (int)positions[rows - 1] - key_position >= window) {
    for (int j = 0; j < keys; j++) {
      const vf key = set((float)(key_position + j));
      for (int v = 0; v < vectors; v++) {
        float* at = s + j * kTileRows + v * W;
        store(at, select(less(load(positions + v * W) - key, set((float)window)), load(at), hidden));
      }
    }
  }
  if (keys % 2 != 0) {
    for (int v = 0; v < vectors; v++) store(s + keys * kTileRows + v * W, hidden);
  }
}

// P is multiplied as T: rounded to it where the multiplication itself does not.
template <class Dot, class T>
inline vf as_operand(vf p) {
  if constexpr (Dot::kWord == 1 && sizeof(T) == 2) {
    T rounded[W];
    store(rounded, p);
    return load(rounded);
  }
  return p;
}

// Stores sums * scale as a row of T.
template <class T>
inline void store_row(const float* sums, float scale, int d, T* to) {
  int c = 0;
  for (; c + W <= d; c += W) store(to + c, load(sums + c) * set(scale));
  if (c < d) store(to + c, load(sums + c, d - c) * set(scale), d - c);
}

// Calls f with (Dot, T) tags for the dtype of m; false for a dtype that is not computed with.
template <class F>
inline bool with_dot(const gatun_matrix* m, F f) {
  return with_compute_type(m, [&](auto* element) {
    using T = std::remove_pointer_t<decltype(element)>;
#if defined(__AVX512BF16__)
    using Dot = std::conditional_t<std::is_same_v<T, bf16>, Bf16Dot, F32Dot>;
#else
    using Dot = F32Dot;
#endif
    f(Dot(), T());
  });
}

inline bool valid_shape(const gatun_attention_shape* x, const gatun_matrix* q, const gatun_matrix* k,
                        const gatun_matrix* v) {
  if (x->kv_heads <= 0 || x->head_dim <= 0 || x->heads <= 0 || x->heads % x->kv_heads != 0) return false;
  if (x->window < 0 || (x->window > 0 && !x->causal) || !(x->soft_cap >= 0)) return false;
  const int64_t kv_cols = (int64_t)x->kv_heads * x->head_dim;
  if (q->cols != (int64_t)x->heads * x->head_dim || k->cols != kv_cols || v->cols != kv_cols) return false;
  return k->rows == v->rows && q->dtype == k->dtype && q->dtype == v->dtype;
}

// Whether dropout can tell all weights apart.
inline bool valid_dropout(const AttentionCall& call) {
  const gatun_matrix& index = call.dropout->token_index;
  if (!call.drops()) return call.dropout->p == 0;
  if (index.dtype != GATUN_I32 || index.rows != call.q->rows || !(call.dropout->p < 1)) return false;
  return call.shape.heads <= 1 << 12 && longest_chain(call.packing) <= 1 << 22;
}

}  // namespace gatun
