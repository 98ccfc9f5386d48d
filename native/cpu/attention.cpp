// o = softmax(scale * q kT, capped and masked) v over packed segments, causal or in both directions, in tiles with a running maximum: for each tile of
// query rows, block of keys by block of keys from the root of its chain on. No other tile, segment or thread enters a
// row's sums. Segments with few rows go another way.
#include "attention_decode.h"
#include "attention_dropout.h"

namespace {
using namespace gatun;

template <class Dot, class T>
class ForwardTile {
 public:
  ForwardTile(const AttentionCall& call, const gatun_context* context, int thread)
      : ForwardTile(call, Scratch(context, thread, call.used)) {}
  bool fits() const { return fits_; }

  void run(const Tile& tile, const gatun_matrix* o, const gatun_matrix* lse) {
    const int d = call_.head_dim();
    pack_natural<Dot>([&](int i) { return call_.tile_row<const T>(call_.q, tile, i, d); }, tile.rows, d, natural_);
    pack_lanes<Dot>(natural_, tile.rows, d, query_);
    fill_positions(call_, tile, positions_);
    std::fill(maximum_, maximum_ + kTileRows, -std::numeric_limits<float>::infinity());
    std::fill(total_, total_ + kTileRows, 0.0f);
    std::fill(sum_, sum_ + d * kTileRows, 0.0f);
    for (int owner = -1; owner != tile.segment;) {
      owner = next_in_chain(call_.packing, tile.segment, owner);
      const Range keys = call_.keys_of(tile, owner);
      for (int first = keys.begin / kTileKeys * kTileKeys; first < keys.end; first += kTileKeys) {
        block(tile, owner, first, std::min(kTileKeys, keys.end - first));
      }
    }
    finish(tile, o, lse);
  }

 private:
  ForwardTile(const AttentionCall& call, Scratch memory) : call_(call), mask_(call, memory) {
    const int64_t d = call.padded_dim();
    natural_ = memory.take(std::max<int64_t>(kTileRows, kTileKeys) * d);
    query_ = memory.take(d * kTileRows);
    values_ = memory.take(kTileKeys * d);
    scores_ = memory.take(kTileKeys * kTileRows);
    weights_ = memory.take(kTileKeys * kTileRows);
    sum_ = memory.take(d * kTileRows);
    maximum_ = memory.take(kTileRows);
    total_ = memory.take(kTileRows);
    shrink_ = memory.take(kTileRows);
    positions_ = memory.take(kTileRows);
    fits_ = memory.fits();
  }

  void block(const Tile& tile, int owner, int first, int keys) {
    const int d = call_.head_dim(), stride = call_.padded_dim(), depth = words(d, Dot::kWord);
    const int vectors = vectors_of(tile.rows), even = (keys + 1) / 2 * 2;
    auto key = [&](int i) { return call_.key_row<const T>(call_.k, owner, tile.kv_head, first + i); };
    auto value = [&](int i) { return call_.key_row<const T>(call_.v, owner, tile.kv_head, first + i); };
    pack_natural<Dot>(key, keys, d, natural_);
    product<Dot, Sum::kNew>({natural_, depth, 1}, keys, query_, kTileRows, vectors, depth, scores_, kTileRows);
    const int position = call_.packing.segments[owner].start + first;
    finish_scores(call_, scores_, keys, vectors, positions_, tile.rows, position);
    if (call_.drops()) mask_.draw(tile, position, keys, vectors);
    for (int v = 0; v < vectors; v++) softmax(v, even);
    pack_pairs<Dot>(value, keys, d, stride, values_);
    if (Dot::kWord == 1 && even != keys) std::fill(values_ + keys * stride, values_ + even * stride, 0.0f);
    product<Dot, Sum::kScaledAdd>({values_, 1, stride}, d, weights_, kTileRows, vectors, even / Dot::kWord, sum_, kTileRows,
                                  shrink_);
  }

  // Turns the scores of lanes v into weights relative to the new maximum, and says how much older sums shrink.
  void softmax(int v, int keys) {
    const vf factor = set(call_.factor()), old = load(maximum_ + v * W);
    const float* s = scores_ + v * W;
    const bool drops = call_.drops();
    vf maximum = old;
    for (int j = 0; j < keys; j++) maximum = max(maximum, load(s + j * kTileRows));
    store(maximum_ + v * W, maximum);
    // A row that has seen no key yet: any finite maximum gives weights of zero.
    const vf unseen = set(-std::numeric_limits<float>::max());
    const vf top = select(less(maximum, unseen), set(0), maximum) * factor;
    const vf shrink = exp2_of(old * factor - top);
    store(shrink_ + v * W, shrink);
    vf even = set(0), odd = set(0);
    for (int j = 0; j < keys; j += 2) {
      vf a = exp2_of(load(s + j * kTileRows) * factor - top);
      vf b = exp2_of(load(s + (j + 1) * kTileRows) * factor - top);
      even = even + a;
      odd = odd + b;
      if (drops) {
        a = a * mask_.factor(j, v);
        b = b * mask_.factor(j + 1, v);
      }
      Dot::put_keys(weights_, j, v, as_operand<Dot, T>(a), as_operand<Dot, T>(b));
    }
    store(total_ + v * W, fma(load(total_ + v * W), shrink, even + odd));
  }

  void finish(const Tile& tile, const gatun_matrix* o, const gatun_matrix* lse) {
    const int d = call_.head_dim(), stride = call_.padded_dim();
    for (int v = 0; v < vectors_of(tile.rows); v++) {
      const vf total = load(total_ + v * W), any = select(less(set(0), total), set(1) / total, total);
      for (int c = 0; c < d; c++) store(sum_ + c * kTileRows + v * W, load(sum_ + c * kTileRows + v * W) * any);
    }
    transpose(sum_, kTileRows, d, tile.rows, natural_, stride);
    for (int i = 0; i < tile.rows; i++) {
      store_row(natural_ + i * stride, 1, d, call_.tile_row<T>(o, tile, i, d));
      *call_.tile_row<float>(lse, tile, i, 1) = call_.log_sum(maximum_[i], total_[i]);
    }
  }

  const AttentionCall& call_;
  WeightMask mask_;
  float *natural_, *query_, *values_, *scores_, *weights_, *sum_;  // query_ lanes, weights_ pairs of keys, sum_ [d][rows]
  float *maximum_, *total_, *shrink_, *positions_;                 // a number for each row
  bool fits_;
};

template <class Dot, class T>
int32_t forward(const gatun_context* context, AttentionCall& call, const gatun_matrix* o, const gatun_matrix* lse) {
  if (!ForwardTile<Dot, T>(call, context, 0).fits()) return GATUN_NO_SCRATCH;
  const int heads = call.shape.kv_heads, group = call.group();
  const int tasks = number_tasks(call.packing, [&](int s) {
    return has_few_rows(call, s) ? 0 : heads * tiles_of(call.packing.segments[s].query_length, group);
  });
  parallel_tasks(context, tasks, [&](int task, int thread) {
    task = tasks - 1 - task;  // long tiles, those that see most, first
    const int s = call.packing.segment_of(task), rest = task - call.packing.first[s];
    ForwardTile<Dot, T>(call, context, thread).run(tile_at(call.packing, s, rest / heads, rest % heads, group), o, lse);
  });
  return decode_few_rows(context, call, o, lse);
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_attention_forward(const gatun_context* context, const gatun_attention_shape* shape,
                                                const gatun_attention_dropout* dropout, const gatun_matrix* segments,
                                                const gatun_matrix* q, const gatun_matrix* k, const gatun_matrix* v,
                                                const gatun_matrix* o, const gatun_matrix* lse) {
  if (!valid_shape(shape, q, k, v) || o->rows != q->rows || o->cols != q->cols || o->dtype != q->dtype) {
    return GATUN_BAD_ARGUMENT;
  }
  if (lse->rows != q->rows || lse->cols != shape->heads || lse->dtype != GATUN_F32) return GATUN_BAD_ARGUMENT;
  AttentionCall call{*shape, {}, q, k, v, dropout, packing_bytes(segments)};
  if (call.used > context->scratch_bytes) return GATUN_NO_SCRATCH;
  if (!open_packing(segments, shape->causal, q->rows, k->rows, scratch(context, 0), &call.packing)) return GATUN_BAD_INDEX;
  if (!valid_dropout(call)) return GATUN_BAD_ARGUMENT;
  int32_t status = GATUN_BAD_ARGUMENT;
  with_dot(q, [&](auto dot, auto element) { status = forward<decltype(dot), decltype(element)>(context, call, o, lse); });
  return status;
}
