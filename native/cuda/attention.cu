// After attention.cuh, attention_softmax.cuh, philox.cuh, attention_dropout.cuh.
// o = softmax(scale * q kT, capped and masked) v over packed segments: a block for each tile of query rows walks over the blocks of
// keys from the root of its chain on. No other tile or segment enters a row's sums. While scores are formed v is on its way, while
// they are multiplied with it the next k. Segments with few rows are left to attention_decode.
template <int MAX, class T, int M>
DEVICE void finish(const Attention& a, const Rows& rows, int first, const Softmax<M>& state, float (&sum)[M][MAX / 8][4], T* room,
                   const Matrix& o, const Matrix& lse) {
#pragma unroll
  for (int m = 0; m < M; m++) {
    const int row = first + 16 * m;
    if (row >= rows.count) return;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const float total = sum_of_row(state.total[m][h]), factor = total > 0 ? 1 / total : total;
#pragma unroll
      for (int n = 0; n < MAX / 8; n++) sum[m][n][2 * h] *= factor, sum[m][n][2 * h + 1] *= factor;
      const int i = row + 8 * h + lane() / 4;
      if (lane() % 4 != 0 || i >= rows.count) continue;
      *row_of<float>(a, lse, rows, i, 1) = log_sum(state.largest[m][h] * factor_of(a), total);
    }
    store_rows<MAX>(sum[m], 1, room + 16 * m * PITCH<T, MAX>, min(16, rows.count - row), a.dim,
                    [&](int i) { return row_of<T>(a, o, rows, row + i, a.dim); });
  }
}

// The totals stay those of all weights.
template <int M, int N>
DEVICE void drop(const Attention& a, const Rows& rows, int first, const Keys& keys, float (&s)[M][N][4]) {
  const int key = a.segments[keys.owner].start + keys.first + lane() % 4 * 2;
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const Draw draw = draw_of(a, rows, first + 16 * m + 8 * h + lane() / 4);
#pragma unroll
      for (int n = 0; n < N; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) s[m][n][2 * h + i] *= keep(a, draw, key + 8 * n + i);
      }
    }
  }
}

template <class T, int MAX, int M, int SIZE, bool DROPS>
DEVICE void run_tile(const Attention& a, const Rows& rows, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o,
                     const Matrix& lse) {
  constexpr bool APART = sizeof(T) == 2;  // weights need no room in shared memory
  DYNAMIC_SHARED(uint4, shared);
  T* const query = (T*)shared;
  T* const key = query + WARPS * 16 * M * PITCH<T, MAX>;
  T* const value = key + SIZE * PITCH<T, MAX>;
  const int depth = padded(a.dim), first = warp() * 16 * M;
  const auto fetch = [&](const Matrix& m, const Keys& keys, T* to) {
    load_keys<MAX>(a, m, keys, rows.kv_head, to);
    cp_async_commit();
  };
  load_rows<MAX>(a, q, rows, query, 16 * M);
  Blocks<SIZE> blocks = {rows.segment, position_of(a, rows, 0), position_of(a, rows, rows.count - 1), -1, 0, 0};
  Keys keys = next(a, blocks);
  fetch(k, keys, key);
  Softmax<M> state;
  start(a, rows, first, state);
  float sum[M][MAX / 8][4];
  clear(sum);
  do {
    cp_async_wait<0>();
    __syncthreads();
    fetch(v, keys, value);
    const int count = padded(keys.count);
    const bool seen = first < rows.count && in_sight(a, state, keys);
    float s[M][SIZE / 8][4];
    if (seen) {
      clear(s);
      multiply_rows<MAX>(query + first * PITCH<T, MAX>, key, depth, count, s);
      weigh<MAX>(a, keys, 0, state, s, sum);
      if (DROPS && a.dropout.token_index != nullptr) drop(a, rows, first, keys, s);
    }
    keys = next(a, blocks);
    cp_async_wait<0>();
    __syncthreads();
    if (APART && keys.count > 0) fetch(k, keys, key);
    if (seen) multiply_weights<MAX>(s, value, depth, count, sum, key + (APART ? 0 : warp() * ROOM<SIZE / 8>));
    if (!APART) {
      __syncthreads();
      if (keys.count > 0) fetch(k, keys, key);
    }
  } while (keys.count > 0);
  finish<MAX>(a, rows, first, state, sum, query + first * PITCH<T, MAX>, o, lse);
  __syncthreads();
}

template <class T, int MAX, int M, int SIZE, bool DROPS>
DEVICE void forward(const Attention& a, int limit, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o,
                    const Matrix& lse) {
  constexpr int ROWS = WARPS * 16 * M;
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) {
      return has_few_rows(a, i, limit) ? 0 : a.kv_heads * tiles_of(a, i, ROWS);
    });
    if (s < 0) return;
    const int tile = tiles_of(a, s, ROWS) - 1 - rest / a.kv_heads;
    run_tile<T, MAX, M, SIZE, DROPS>(a, tile_of(a, s, rest % a.kv_heads, tile, ROWS), q, k, v, o, lse);
  }
}
extern "C" __global__ void __launch_bounds__(128)
    attention_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, k, lse);
  forward<bf16, 64, 2, 64, false>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, k, lse);
  forward<bf16, 128, 2, 32, false>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_256(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, k, lse);
  forward<bf16, 256, 1, 32, false>(a, limit, q, k, v, o, lse);
}

// The draws of dropout need registers that are then missing for more rows.
extern "C" __global__ void __launch_bounds__(128)
    attention_drop_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  forward<bf16, 64, 1, 64, true>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_drop_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  forward<bf16, 128, 1, 64, true>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_drop_256(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  forward<bf16, 256, 1, 32, true>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_f32(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  if (a.dim <= 64) forward<float, 64, 1, 64, true>(a, limit, q, k, v, o, lse);
  else if (a.dim <= 128) forward<float, 128, 1, 32, true>(a, limit, q, k, v, o, lse);
  else forward<float, 256, 1, 16, true>(a, limit, q, k, v, o, lse);
}
