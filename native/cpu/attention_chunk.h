// Attention of few query rows over a chunk of keys, which are read once, row by row, with columns in vector lanes. A chunk
// leaves a maximum, a total and a sum; the chunks of a segment are then joined in order.
#pragma once
#include "attention_rows.h"
#include "attention_scores.h"

namespace gatun {

constexpr int kFewRows = 8;      // with more, a tile's lanes are full enough
constexpr int kPieceKeys = 256;  // keys scored before their values are read
constexpr int kSpanKeys = 32;    // keys whose rows are used for all heads before the next are read: memory is read in order

// Keys [first, first + keys) of one segment of a chain, for the few query rows of a segment, all heads.
struct Chunk {
  int segment, owner, first, keys;
};

// What a chunk leaves for one key head: for each row a maximum, a total relative to it, and a sum of `stride` columns.
struct Part {
  float *maximum, *total, *sum;
  explicit Part(float* memory) : maximum(memory), total(memory + kFewRows), sum(memory + 2 * kFewRows) {}
  static int64_t floats(int stride) { return 2 * kFewRows + (int64_t)kFewRows * stride; }
};

template <class Dot, class T>
class DecodeChunk {
 public:
  // Rows are read in whole vectors of words; a head_dim that is no multiple of one is copied and padded.
  static constexpr int kStep = Dot::kWord * W;
  static int stride_of(int d) { return (d + kStep - 1) / kStep * kStep; }

  DecodeChunk(const AttentionCall& call, const gatun_context* context, int thread)
      : call_(call), stride_(stride_of(call.head_dim())) {
    Scratch memory(context, thread, call.used);
    const int64_t heads = call.shape.kv_heads;
    query_ = reinterpret_cast<T*>(memory.take(heads * kFewRows * stride_));
    copy_ = reinterpret_cast<T*>(memory.take((int64_t)kSpanKeys * stride_));
    scores_ = memory.take(heads * kFewRows * kPieceKeys);
    weights_ = memory.take(heads * kFewRows * kPieceKeys);
    fits_ = memory.fits();
  }
  bool fits() const { return fits_; }

  // parts: one for each key head, Part::floats(stride) apart.
  void run(const Chunk& chunk, float* parts) {
    const int d = call_.head_dim(), heads = call_.shape.kv_heads;
    rows_ = call_.few_rows(chunk.segment, 0).rows;
    for (int head = 0; head < heads; head++) {
      const Tile rows = call_.few_rows(chunk.segment, head);
      const Part part(parts + head * Part::floats(stride_));
      for (int i = 0; i < rows_; i++) pad(call_.tile_row<const T>(call_.q, rows, i, d), query(head, i));
      std::fill(part.maximum, part.maximum + rows_, -std::numeric_limits<float>::infinity());
      std::fill(part.total, part.total + rows_, 0.0f);
      std::fill(part.sum, part.sum + (int64_t)rows_ * stride_, 0.0f);
    }
    for (int done = 0; done < chunk.keys; done += kPieceKeys) {
      piece({chunk.segment, chunk.owner, chunk.first + done, std::min(kPieceKeys, chunk.keys - done)}, parts);
    }
  }

 private:
  void piece(const Chunk& piece, float* parts) {
    const int heads = call_.shape.kv_heads;
    for (int from = 0; from < piece.keys; from += kSpanKeys) {
      const int count = std::min(kSpanKeys, piece.keys - from);
      for (int head = 0; head < heads; head++) {
        int64_t stride;
        const T* k = span(call_.k, piece, head, from, count, &stride);
        const bool more = from + kSpanKeys < piece.keys;
        const T* next = more ? key(call_.k, piece, head, from + kSpanKeys) : key(call_.v, piece, head, 0);
        for (int j = 0; j < count; j += W) {
          for (int i = 0; i < rows_; i++) {
            const T* ahead = next + j * call_.k->stride;
            store(scores(head, i) + from + j, score(k + j * stride, stride, count - j, query(head, i), ahead, i));
          }
        }
      }
    }
    for (int head = 0; head < heads; head++) {
      for (int i = 0; i < rows_; i++) weigh(piece, head, i, Part(parts + head * Part::floats(stride_)));
    }
    for (int from = 0; from < piece.keys; from += kSpanKeys) {
      const int count = std::min(kSpanKeys, piece.keys - from);
      for (int head = 0; head < heads; head++) {
        int64_t stride;
        const T* v = span(call_.v, piece, head, from, count, &stride);
        const float* weight = weights(head, 0) + from / Dot::kWord;
        float* sum = Part(parts + head * Part::floats(stride_)).sum;
        int c = 0;
        for (; c + 4 * W <= stride_; c += 4 * W) add_columns<4>(v + c, stride, count, weight, sum + c);
        for (; c + 2 * W <= stride_; c += 2 * W) add_columns<2>(v + c, stride, count, weight, sum + c);
        if constexpr (Dot::kWord == 1) {
          if (c < stride_) add_columns<1>(v + c, stride, count, weight, sum + c);
        }
      }
    }
  }

  T* query(int head, int i) const { return query_ + (int64_t)(head * kFewRows + i) * stride_; }
  float* scores(int head, int i) const { return scores_ + (int64_t)(head * kFewRows + i) * kPieceKeys; }
  float* weights(int head, int i) const { return weights_ + (int64_t)(head * kFewRows + i) * kRowWords; }

  void pad(const T* from, T* to) const {
    std::memcpy(to, from, call_.head_dim() * sizeof(T));
    std::memset(to + call_.head_dim(), 0, (stride_ - call_.head_dim()) * sizeof(T));
  }

  const T* key(const gatun_matrix* m, const Chunk& piece, int head, int j) const {
    return call_.key_row<const T>(m, piece.owner, head, piece.first + j);
  }

  // Some rows of a piece in whole steps: where they are, or copied.
  const T* span(const gatun_matrix* m, const Chunk& piece, int head, int from, int count, int64_t* stride) {
    *stride = stride_ == call_.head_dim() ? m->stride : stride_;
    if (stride_ == call_.head_dim()) return key(m, piece, head, from);
    for (int j = 0; j < count; j++) pad(key(m, piece, head, from + j), copy_ + j * stride_);
    return copy_;
  }

  // The products of row i's query with W keys; beyond `keys` those of the last key. The rows of a key head take turns in
  // asking for the lines of W keys ahead.
  vf score(const T* k, int64_t stride, int keys, const T* q, const T* ahead, int i) const {
    switch (stride_ / kStep) {
      case 2: return score<2>(k, stride, keys, q, ahead, i);
      case 4: return score<4>(k, stride, keys, q, ahead, i);
      default: return score<0>(k, stride, keys, q, ahead, i);
    }
  }

  template <int kSteps>  // of a row, or 0
  vf score(const T* k, int64_t stride, int keys, const T* q, const T* ahead, int i) const {
    const int steps = kSteps > 0 ? kSteps : stride_ / kStep;
    vf sums[W];
    for (int x = 0; x < W; x++) {
      const T* key = k + std::min(x, keys - 1) * stride;
      vf s = set(0);
      for (int c = 0; c < steps; c++) s = Dot::dot(s, load_words<Dot>(q + c * kStep), load_words<Dot>(key + c * kStep));
      sums[x] = s;
      for (int c = i * kLine; c < call_.head_dim(); c += rows_ * kLine) __builtin_prefetch(ahead + x * stride + c, 0, 2);
    }
    return lane_sums(sums);
  }

  // Turns the scores of row i into weights relative to its new maximum; older sums shrink accordingly.
  void weigh(const Chunk& piece, int head, int i, const Part& part) {
    const float infinity = std::numeric_limits<float>::infinity();
    const int keys = piece.keys, end = (keys + 2 * W - 1) / (2 * W) * (2 * W), window = call_.shape.window;
    // Of the query, counted from the first key of the piece.
    const int position = call_.position(call_.few_rows(piece.segment, head), i);
    const int place = position - call_.packing.segments[piece.owner].start - piece.first;
    float* s = scores(head, i);
    for (int j = 0; j < keys && call_.scaled_before(); j += W) store(s + j, call_.scaled(load(s + j)));
    if (window > 0) std::fill(s, s + std::clamp(place - window + 1, 0, end), -infinity);
    std::fill(s + std::clamp(place + 1, 0, keys), s + end, -infinity);
    vf top = set(part.maximum[i]);
    for (int j = 0; j < end; j += W) top = max(top, load(s + j));
    const float old = part.maximum[i], maximum = largest(top);
    const vf factor = set(call_.factor()), base = set(maximum == -infinity ? 0 : maximum) * factor;
    vf even = set(0), odd = set(0);
    for (int j = 0; j < end; j += 2 * W) {
      const vf a = exp2_of(load(s + j) * factor - base), b = exp2_of(load(s + j + W) * factor - base);
      even = even + a;
      odd = odd + b;
      Dot::put_row(weights(head, i), j, as_operand<Dot, T>(a), as_operand<Dot, T>(b));
    }
    const vf shrink = exp2_of(set(old) * factor - base);
    part.maximum[i] = maximum;
    store(part.total + i, set(part.total[i]) * shrink + set(sum(even + odd)), 1);
    for (int c = 0; c < stride_ && old != -infinity; c += W) {
      float* at = part.sum + (int64_t)i * stride_ + c;
      store(at, load(at) * shrink);
    }
  }

  template <int kColumns>
  void add_columns(const T* v, int64_t stride, int keys, const float* weight, float* sum) const {
    int i = 0;
    auto block = [&](auto size) {
      constexpr int kRows = decltype(size)::value;
      add_block<kRows, kColumns>(v, stride, keys, weight + i * kRowWords, sum + i * stride_, i == 0);
      i += kRows;
    };
    while (i + 4 <= rows_) block(std::integral_constant<int, 4>());
    switch (rows_ - i) {
      case 3: return block(std::integral_constant<int, 3>());
      case 2: return block(std::integral_constant<int, 2>());
      case 1: return block(std::integral_constant<int, 1>());
    }
  }

  // With `fetch` asks for the rows of the next span too: taken in pieces, rows are no stream to a hardware prefetcher.
  template <int kRows, int kColumns>
  void add_block(const T* v, int64_t stride, int keys, const float* weight, float* sum, bool fetch) const {
    vf sums[kRows][kColumns];
    for (int i = 0; i < kRows; i++) {
      for (int c = 0; c < kColumns; c++) sums[i][c] = load(sum + i * stride_ + c * W);
    }
    for (int j = 0; j < keys; j += Dot::kWord) {
      vf words[kColumns];
      load_columns<Dot, kColumns>(v + j * stride, stride, keys - j, words);
      for (int y = 0; y < Dot::kWord && fetch; y++) {
        for (int c = 0; c < kColumns * W; c += kLine) __builtin_prefetch(v + (j + y + kSpanKeys) * stride + c, 0, 2);
      }
      for (int i = 0; i < kRows; i++) {
        const float word = weight[i * kRowWords + j / Dot::kWord];
        for (int c = 0; c < kColumns; c++) sums[i][c] = Dot::mac(sums[i][c], word, words[c]);
      }
    }
    for (int i = 0; i < kRows; i++) {
      for (int c = 0; c < kColumns; c++) store(sum + i * stride_ + c * W, sums[i][c]);
    }
  }

  static constexpr int kRowWords = kPieceKeys / Dot::kWord;
  static constexpr int kLine = 64 / sizeof(T);
  const AttentionCall& call_;
  const int stride_;
  int rows_ = 0;
  T *query_, *copy_;           // [heads][rows][stride], [keys][stride]
  float *scores_, *weights_;  // [heads][rows][keys]
  bool fits_;
};

// Joins the parts of one segment and key head, `step` floats apart, in order, and writes their rows.
template <class T>
void join_parts(const AttentionCall& call, const Tile& rows, float* memory, int parts, int64_t step, int stride,
                const gatun_matrix* o, const gatun_matrix* lse) {
  const float infinity = std::numeric_limits<float>::infinity(), factor = call.factor();
  for (int i = 0; i < rows.rows; i++) {
    float* sums = Part(memory).sum + (int64_t)i * stride;
    float maximum = -infinity, total = 0;
    for (int n = 0; n < parts; n++) maximum = std::max(maximum, Part(memory + n * step).maximum[i]);
    for (int n = 0; n < parts; n++) {
      const Part part(memory + n * step);
      float share[W];
      store(share, exp2_of(set(part.maximum[i] == -infinity ? -infinity : (part.maximum[i] - maximum) * factor)));
      total += part.total[i] * share[0];
      for (int c = 0; c < stride; c += W) {
        const vf more = load(part.sum + (int64_t)i * stride + c) * set(share[0]);
        store(sums + c, n == 0 ? more : load(sums + c) + more);
      }
    }
    store_row(sums, total > 0 ? 1 / total : total, call.head_dim(), call.tile_row<T>(o, rows, i, call.head_dim()));
    *call.tile_row<float>(lse, rows, i, 1) = call.log_sum(maximum, total);
  }
}

}  // namespace gatun
