// Gradients of attention in two passes over the same tiles, each split over its own outputs: dq by tiles of query rows,
// dk and dv by blocks of keys. A parent's keys collect from its own tiles, then from its descendants' in table order.
#include "attention_backward.h"

namespace {
using namespace gatun;

struct Gradient {
  const gatun_matrix *o, *lse, *d_o, *dq, *dk, *dv;
};

template <class Dot, class T>
class QueryPass {
 public:
  QueryPass(const AttentionCall& call, const gatun_context* context, int thread)
      : QueryPass(call, Scratch(context, thread, call.used)) {}
  bool fits() const { return fits_; }

  void run(const Tile& tile, const Gradient& g) {
    const int d = call_.head_dim(), stride = call_.padded_dim();
    rows_.load_rows(tile, g.o, g.lse, g.d_o, false);
    std::fill(sum_, sum_ + d * kTileRows, 0.0f);
    for (int owner = -1; owner != tile.segment;) {
      owner = next_in_chain(call_.packing, tile.segment, owner);
      const Range keys = call_.keys_of(tile, owner);
      for (int first = keys.begin / kTileKeys * kTileKeys; first < keys.end; first += kTileKeys) {
        const int count = std::min(kTileKeys, keys.end - first);
        block_.load_keys(owner, tile.kv_head, first, count, true);
        gradients_.run(rows_, block_, count, true, false);
        gradients_.add_query(rows_, block_, count, sum_);
      }
    }
    transpose(sum_, kTileRows, d, tile.rows, turned_, stride);
    for (int i = 0; i < tile.rows; i++) {
      store_row(turned_ + i * stride, call_.shape.scale, d, call_.tile_row<T>(g.dq, tile, i, d));
    }
  }

 private:
  QueryPass(const AttentionCall& call, Scratch memory)
      : call_(call), rows_(call, memory), block_(call, memory), gradients_(call, memory) {
    sum_ = memory.take(kTileRows * call.padded_dim());
    turned_ = memory.take(kTileRows * call.padded_dim());
    fits_ = memory.fits();
  }

  const AttentionCall& call_;
  RowTile<Dot, T> rows_;
  KeyBlock<Dot, T> block_;
  Gradients<Dot, T> gradients_;
  float *sum_, *turned_;  // dq as [dim][rows], then [rows][padded dim]
  bool fits_;
};

template <class Dot, class T>
class KeyPass {
 public:
  KeyPass(const AttentionCall& call, const gatun_context* context, int thread)
      : KeyPass(call, Scratch(context, thread, call.used)) {}
  bool fits() const { return fits_; }

  void run(int owner, int index, int kv_head, const Gradient& g) {
    const int d = call_.head_dim(), stride = call_.padded_dim(), first = index * kTileKeys;
    const int keys = std::min(kTileKeys, call_.packing.segments[owner].key_length - first);
    block_.load_keys(owner, kv_head, first, keys, false);
    std::fill(d_key_, d_key_ + keys * stride, 0.0f);
    std::fill(d_value_, d_value_ + keys * stride, 0.0f);
    for (int s = owner; s <= call_.packing.last[owner]; s++) {
      if (is_in_chain(call_.packing, owner, s)) segment(s, kv_head, g);
    }
    for (int i = 0; i < keys; i++) {
      store_row(d_key_ + i * stride, call_.shape.scale, d, call_.key_row<T>(g.dk, owner, kv_head, first + i));
      store_row(d_value_ + i * stride, 1, d, call_.key_row<T>(g.dv, owner, kv_head, first + i));
    }
  }

 private:
  KeyPass(const AttentionCall& call, Scratch memory)
      : call_(call), rows_(call, memory), block_(call, memory), gradients_(call, memory) {
    d_key_ = memory.take(kTileKeys * call.padded_dim());
    d_value_ = memory.take(kTileKeys * call.padded_dim());
    fits_ = memory.fits();
  }

  // Adds what the rows of segment s give to this block.
  void segment(int s, int kv_head, const Gradient& g) {
    const int tiles = tiles_of(call_.packing.segments[s].query_length, call_.group());
    for (int t = 0; t < tiles; t++) {
      const Tile tile = tile_at(call_.packing, s, t, kv_head, call_.group());
      const Range seen = call_.keys_of(tile, block_.owner);
      const int keys = std::min(block_.keys, seen.end - block_.first);
      if (keys <= 0 || seen.begin >= block_.first + block_.keys) continue;
      rows_.load_rows(tile, g.o, g.lse, g.d_o, true);
      gradients_.run(rows_, block_, keys, false, true);
      gradients_.add_keys(rows_, keys, d_key_, d_value_);
    }
  }

  const AttentionCall& call_;
  RowTile<Dot, T> rows_;
  KeyBlock<Dot, T> block_;
  Gradients<Dot, T> gradients_;
  float *d_key_, *d_value_;  // [keys][padded dim]
  bool fits_;
};

template <class Dot, class T>
int32_t backward(const gatun_context* context, AttentionCall& call, const Gradient& g) {
  if (!QueryPass<Dot, T>(call, context, 0).fits() || !KeyPass<Dot, T>(call, context, 0).fits()) return GATUN_NO_SCRATCH;
  const int heads = call.shape.kv_heads, group = call.group();
  Packing& packing = call.packing;
  const int tiles = number_tasks(packing, [&](int s) { return heads * tiles_of(packing.segments[s].query_length, group); });
  parallel_tasks(context, tiles, [&](int task, int thread) {
    task = tiles - 1 - task;  // long tiles first
    const int s = packing.segment_of(task), rest = task - packing.first[s];
    QueryPass<Dot, T>(call, context, thread).run(tile_at(packing, s, rest / heads, rest % heads, group), g);
  });
  const int blocks = number_tasks(packing, [&](int s) { return heads * tiles_of(packing.segments[s].key_length, 1); });
  parallel_tasks(context, blocks, [&](int task, int thread) {
    const int s = packing.segment_of(task), rest = task - packing.first[s];
    KeyPass<Dot, T>(call, context, thread).run(s, rest / heads, rest % heads, g);
  });
  return GATUN_OK;
}

bool same(const gatun_matrix* a, const gatun_matrix* b) {
  return a->rows == b->rows && a->cols == b->cols && a->dtype == b->dtype;
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_attention_backward(const gatun_context* context, const gatun_attention_shape* shape,
                                                         const gatun_attention_dropout* dropout,
                                                         const gatun_matrix* segments, const gatun_matrix* q,
                                                         const gatun_matrix* k, const gatun_matrix* v, const gatun_matrix* o,
                                                         const gatun_matrix* lse, const gatun_matrix* d_o,
                                                         const gatun_matrix* dq, const gatun_matrix* dk,
                                                         const gatun_matrix* dv) {
  if (!valid_shape(shape, q, k, v) || !same(o, q) || !same(d_o, q) || !same(dq, q) || !same(dk, k) || !same(dv, v)) {
    return GATUN_BAD_ARGUMENT;
  }
  if (lse->rows != q->rows || lse->cols != shape->heads || lse->dtype != GATUN_F32) return GATUN_BAD_ARGUMENT;
  AttentionCall call{*shape, {}, q, k, v, dropout, packing_bytes(segments)};
  if (call.used > context->scratch_bytes) return GATUN_NO_SCRATCH;
  if (!open_packing(segments, shape->causal, q->rows, k->rows, scratch(context, 0), &call.packing)) return GATUN_BAD_INDEX;
  if (!valid_dropout(call)) return GATUN_BAD_ARGUMENT;
  const Gradient g{o, lse, d_o, dq, dk, dv};
  int32_t status = GATUN_BAD_ARGUMENT;
  with_dot(q, [&](auto dot, auto element) { status = backward<decltype(dot), decltype(element)>(context, call, g); });
  return status;
}
