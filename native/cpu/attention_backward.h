// What the backward pass of attention does with one tile of query rows and one block of keys:
//   P = exp(S - lse)   dP = M * dO vT   dS = P * (dP - delta) * dcap(S)   delta = sum of dO * o, M: dropout's factors
//   dq += dS k         dk += dST q      dv += (M * P)T dO                 (dq and dk are scaled when they are stored)
// Tiles and blocks are added in one fixed order, so no sum depends on threads.
#pragma once
#include "attention_dropout.h"

namespace gatun {

// A tile's rows as operands.
template <class Dot, class T>
class RowTile {
 public:
  RowTile(const AttentionCall& call, Scratch& memory) : call_(call) {
    const int64_t d = call.padded_dim();
    natural_ = memory.take(kTileRows * d);
    query = memory.take(d * kTileRows);
    d_out = memory.take(d * kTileRows);
    query_pairs = memory.take(kTileRows * d);
    d_out_pairs = memory.take(kTileRows * d);
    lse = memory.take(kTileRows);
    delta = memory.take(kTileRows);
    positions = memory.take(kTileRows);
  }

  void load_rows(const Tile& rows, const gatun_matrix* o, const gatun_matrix* lse_of, const gatun_matrix* d_o,
                 bool with_pairs) {
    tile = rows;
    const int d = call_.head_dim(), stride = call_.padded_dim();
    auto q_row = [&](int i) { return call_.tile_row<const T>(call_.q, tile, i, d); };
    auto d_row = [&](int i) { return call_.tile_row<const T>(d_o, tile, i, d); };
    pack_natural<Dot>(q_row, tile.rows, d, natural_);
    pack_lanes<Dot>(natural_, tile.rows, d, query);
    pack_natural<Dot>(d_row, tile.rows, d, natural_);
    pack_lanes<Dot>(natural_, tile.rows, d, d_out);
    if (with_pairs) {
      pack_pairs<Dot>(q_row, tile.rows, d, stride, query_pairs);
      pack_pairs<Dot>(d_row, tile.rows, d, stride, d_out_pairs);
    }
    fill_positions(call_, tile, positions);
    const float infinity = std::numeric_limits<float>::infinity();
    for (int i = 0; i < kTileRows; i++) {
      // Absent rows, and those that saw no key, weigh nothing: 2^-infinity.
      const float l = i < tile.rows ? *call_.tile_row<const float>(lse_of, tile, i, 1) : -infinity;
      lse[i] = l == -infinity ? infinity : l * kLog2E;
      delta[i] = i < tile.rows ? dot(d_row(i), call_.tile_row<const T>(o, tile, i, d), d) : 0;
    }
  }

  Tile tile;
  float *query, *d_out;              // lanes
  float *query_pairs, *d_out_pairs;  // [rows / word][padded dim]
  float *lse, *delta, *positions;    // a number for each row; lse to base 2

 private:
  static float dot(const T* a, const T* b, int d) {
    vf total = set(0);
    int c = 0;
    for (; c + W <= d; c += W) total = fma(load(a + c), load(b + c), total);
    if (c < d) total = fma(load(a + c, d - c), load(b + c, d - c), total);
    return sum(total);
  }

  const AttentionCall& call_;
  float* natural_;
};

// A block of keys as operands.
template <class Dot, class T>
class KeyBlock {
 public:
  KeyBlock(const AttentionCall& call, Scratch& memory) : call_(call) {
    const int64_t d = call.padded_dim();
    key = memory.take(kTileKeys * d);
    value = memory.take(kTileKeys * d);
    key_pairs = memory.take(kTileKeys * d);
  }

  void load_keys(int segment, int kv_head, int first_key, int count, bool with_pairs) {
    owner = segment;
    first = first_key;
    keys = count;
    const int d = call_.head_dim(), stride = call_.padded_dim();
    auto k_row = [&](int i) { return call_.key_row<const T>(call_.k, owner, kv_head, first + i); };
    auto v_row = [&](int i) { return call_.key_row<const T>(call_.v, owner, kv_head, first + i); };
    pack_natural<Dot>(k_row, keys, d, key);
    pack_natural<Dot>(v_row, keys, d, value);
    if (!with_pairs) return;
    pack_pairs<Dot>(k_row, keys, d, stride, key_pairs);
    if (Dot::kWord == 1 && keys % 2 != 0) std::fill(key_pairs + keys * stride, key_pairs + (keys + 1) * stride, 0.0f);
  }

  int owner = 0, first = 0, keys = 0;
  float *key, *value;  // natural
  float* key_pairs;    // [keys / word][padded dim]

 private:
  const AttentionCall& call_;
};

// M * P and dS of a tile against the first `keys` keys of a block, packed for the products that follow.
template <class Dot, class T>
class Gradients {
 public:
  Gradients(const AttentionCall& call, Scratch& memory) : call_(call), mask_(call, memory) {
    scores_ = memory.take((kTileKeys + 1) * kTileRows);
    d_weights_ = memory.take((kTileKeys + 1) * kTileRows);
    by_row_ = memory.take((kTileKeys + 1) * kTileRows);
    d_by_row_ = memory.take((kTileKeys + 1) * kTileRows);
    d_by_key_ = memory.take((kTileKeys + 1) * kTileRows);
  }

  void run(const RowTile<Dot, T>& rows, const KeyBlock<Dot, T>& block, int keys, bool for_query, bool for_keys) {
    const int depth = words(call_.head_dim(), Dot::kWord), vectors = even_vectors_of(rows.tile.rows);
    product<Dot, Sum::kNew>({block.key, depth, 1}, keys, rows.query, kTileRows, vectors, depth, scores_, kTileRows);
    product<Dot, Sum::kNew>({block.value, depth, 1}, keys, rows.d_out, kTileRows, vectors, depth, d_weights_, kTileRows);
    const int position = call_.packing.segments[block.owner].start + block.first;
    finish_scores(call_, scores_, keys, vectors, rows.positions, rows.tile.rows, position);
    if (call_.drops()) mask_.draw(rows.tile, position, keys, vectors);
    if (keys % 2 != 0) std::fill(d_weights_ + keys * kTileRows, d_weights_ + (keys + 1) * kTileRows, 0.0f);
    for (int v = 0; v < vectors; v += 2) {
      for (int j = 0; j < keys; j += 2) {
        vf p[2][2], d[2][2];
        for (int y = 0; y < 2; y++) {
          for (int x = 0; x < 2; x++) one(rows, j + y, v + x, p[y][x], d[y][x]);
          if (!for_keys) continue;
          Dot::put_row(by_row_ + (j + y) * kRowWords, v * W, p[y][0], p[y][1]);
          Dot::put_row(d_by_row_ + (j + y) * kRowWords, v * W, d[y][0], d[y][1]);
        }
        if (!for_query) continue;
        for (int x = 0; x < 2; x++) Dot::put_keys(d_by_key_, j, v + x, d[0][x], d[1][x]);
      }
    }
  }

  // d_query [dim][rows] += kT dS
  void add_query(const RowTile<Dot, T>& rows, const KeyBlock<Dot, T>& block, int keys, float* d_query) const {
    const int stride = call_.padded_dim();
    product<Dot, Sum::kAdd>({block.key_pairs, 1, stride}, call_.head_dim(), d_by_key_, kTileRows,
                            even_vectors_of(rows.tile.rows), words(keys, Dot::kWord), d_query, kTileRows);
  }

  // d_key [keys][padded dim] += dST q, d_value likewise += (M * P)T dO
  void add_keys(const RowTile<Dot, T>& rows, int keys, float* d_key, float* d_value) const {
    const int stride = call_.padded_dim(), depth = words(rows.tile.rows, Dot::kWord);
    product<Dot, Sum::kAdd>({d_by_row_, kRowWords, 1}, keys, rows.query_pairs, stride, stride / W, depth, d_key, stride);
    product<Dot, Sum::kAdd>({by_row_, kRowWords, 1}, keys, rows.d_out_pairs, stride, stride / W, depth, d_value, stride);
  }

 private:
  static constexpr int kRowWords = kTileRows / Dot::kWord;

  // M * P and dS of lanes v of key j.
  void one(const RowTile<Dot, T>& rows, int j, int v, vf& weight, vf& d_score) const {
    const vf s = load(scores_ + j * kTileRows + v * W);
    vf d_weight = load(d_weights_ + j * kTileRows + v * W);
    vf p = exp2_of(fma(s, set(call_.factor()), set(0) - load(rows.lse + v * W)));
    if (call_.drops()) d_weight = d_weight * mask_.factor(j, v);
    vf d = p * (d_weight - load(rows.delta + v * W));
    if (call_.shape.soft_cap > 0) {
      const vf t = max(set(-1.0f), s * set(1 / (call_.shape.soft_cap * kLog2E)));
      d = d * fnma(t, t, set(1.0f));
    }
    if (call_.drops()) p = p * mask_.factor(j, v);
    weight = as_operand<Dot, T>(p);
    d_score = as_operand<Dot, T>(d);
  }

  const AttentionCall& call_;
  WeightMask mask_;
  float *scores_, *d_weights_;    // [keys][rows]
  float *by_row_, *d_by_row_;     // M * P and dS, words along rows
  float* d_by_key_;               // dS, words along keys
};

}  // namespace gatun
