// After attention.cuh, attention_gradient.cuh, philox.cuh, attention_dropout.cuh.
// The gradient of q: a block for each tile of query rows walks over the blocks of keys from the root of its chain on. It leaves
// delta for attention_dkv. The next keys and values are on their way while a block is worked on, where there is room for two.
// delta of the 16 rows of a warp, two lanes for each; lane 2 i returns that of row i.
template <class T>
DEVICE float delta_of(const Attention& a, const Rows& rows, int first, const Matrix& o, const Matrix& d_o, float* deltas) {
  const int i = first + lane() / 2;
  float x[EIGHT], y[EIGHT], sum = 0;
  for (int c = lane() % 2 * EIGHT; i < rows.count && c < a.dim; c += 2 * EIGHT) {
    load8(row_of<const T>(a, o, rows, i, a.dim) + c, min(EIGHT, a.dim - c), x);
    load8(row_of<const T>(a, d_o, rows, i, a.dim) + c, min(EIGHT, a.dim - c), y);
#pragma unroll
    for (int k = 0; k < EIGHT; k++) sum = __fmaf_rn(x[k], y[k], sum);
  }
  sum += __shfl_xor_sync(~0u, sum, 1);
  if (i < rows.count && lane() % 2 == 0) *delta_at(a, deltas, rows, i) = sum;
  return sum;
}

template <class T, int MAX, int ROWS, int SIZE, int STAGES>
DEVICE void run_rows(const Attention& a, const Rows& rows, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o,
                     const Matrix& lse, const Matrix& d_o, const Matrix& dq, float* deltas) {
  constexpr int P = PITCH<T, MAX>;
  DYNAMIC_SHARED(uint4, shared);
  T *const query = (T*)shared, *const d_out = query + ROWS * P, *const keys_at = d_out + ROWS * P;
  T* const room = keys_at + STAGES * 2 * SIZE * P + (sizeof(T) == 4 ? warp() * ROOM<SIZE / 8> : 0);
  const int depth = padded(a.dim), first = 16 * warp();
  const bool busy = first < rows.count;
  const auto fetch = [&](const Keys& keys, T* to) {
    load_keys<MAX>(a, k, keys, rows.kv_head, to);
    load_keys<MAX>(a, v, keys, rows.kv_head, to + SIZE * P);
  };
  load_rows<MAX>(a, q, rows, query);
  load_rows<MAX>(a, d_o, rows, d_out);
  Blocks<SIZE> blocks = {rows.segment, position_of(a, rows, 0), position_of(a, rows, rows.count - 1), -1, 0, 0};
  Keys keys = next(a, blocks);
  fetch(keys, keys_at);
  cp_async_commit();
  float base[2], delta[2], sum[1][MAX / 8][4];
  int at[2];
  Draw draw[2];
  const bool drops = a.dropout.token_index != nullptr;
  const float deltas_of_rows = delta_of<T>(a, rows, first, o, d_o, deltas);
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int i = first + 8 * h + lane() / 4;
    delta[h] = __shfl_sync(~0u, deltas_of_rows, 2 * (8 * h + lane() / 4));
    base[h] = i < rows.count ? base_of(*row_of<const float>(a, lse, rows, i, 1)) : infinity();
    at[h] = position_of(a, rows, i);
    draw[h] = drops ? draw_of(a, rows, i) : Draw{0, 0};
  }
  clear(sum);
  for (int stage = 0; keys.count > 0; stage ^= STAGES - 1) {
    const Keys after = next(a, blocks);
    if (STAGES == 2) {
      if (after.count > 0) fetch(after, keys_at + (stage ^ 1) * 2 * SIZE * P);
      cp_async_commit();
    }
    cp_async_wait<STAGES - 1>();
    __syncthreads();
    const int key = a.segments[keys.owner].start + keys.first, count = padded(keys.count);
    if (busy && key <= position_of(a, rows, first + 15)) {
      const T* const here = keys_at + stage * 2 * SIZE * P;
      float s[1][SIZE / 8][4], d[1][SIZE / 8][4];
      clear(s);
      clear(d);
      multiply_rows<MAX>(query + first * P, here, depth, count, s);
      multiply_rows<MAX>(d_out + first * P, here + SIZE * P, depth, count, d);
#pragma unroll
      for (int n = 0; n < SIZE / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int h = i / 2, j = 8 * n + lane() % 4 * 2 + i % 2;
          const float factor = drops ? keep(a, draw[h], key + j) : 1;
          gradient(a, j < keys.count && sees(a, at[h], key + j), base[h], delta[h], factor, s[0][n][i], d[0][n][i]);
        }
      }
      multiply_weights<MAX>(d, here, depth, count, sum, room);
    }
    __syncthreads();
    if (STAGES == 1 && after.count > 0) {
      fetch(after, keys_at);
      cp_async_commit();
    }
    keys = after;
  }
  cp_async_wait<0>();
  if (busy) {
    const auto at = [&](int i) { return row_of<T>(a, dq, rows, first + i, a.dim); };
    store_rows<MAX>(sum[0], a.scale, query + first * P, min(16, rows.count - first), a.dim, at);
  }
  __syncthreads();
}

template <class T, int MAX, int ROWS, int SIZE, int STAGES>
DEVICE void query_pass(const Attention& a, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o, const Matrix& lse,
                       const Matrix& d_o, const Matrix& dq, float* deltas) {
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) { return a.kv_heads * tiles_of(a, i, ROWS); });
    if (s < 0) return;
    const int tile = tiles_of(a, s, ROWS) - 1 - rest / a.kv_heads;
    run_rows<T, MAX, ROWS, SIZE, STAGES>(a, tile_of(a, s, rest % a.kv_heads, tile, ROWS), q, k, v, o, lse, d_o, dq, deltas);
  }
}

extern "C" __global__ void __launch_bounds__(128)
    attention_dq_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  query_pass<bf16, 64, 64, 64, 2>(a, q, k, v, o, lse, d_o, dq, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dq_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  query_pass<bf16, 128, 64, 32, 2>(a, q, k, v, o, lse, d_o, dq, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dq_256(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  query_pass<bf16, 256, 64, 32, 1>(a, q, k, v, o, lse, d_o, dq, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dq_f32(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  if (a.dim <= 64) query_pass<float, 64, 64, 32, 1>(a, q, k, v, o, lse, d_o, dq, deltas);
  else if (a.dim <= 128) query_pass<float, 128, 64, 16, 1>(a, q, k, v, o, lse, d_o, dq, deltas);
  else query_pass<float, 256, 16, 16, 1>(a, q, k, v, o, lse, d_o, dq, deltas);
}
