// After attention.cuh, attention_products.cuh, attention_softmax.cuh, philox.cuh, attention_dropout.cuh.
// o = softmax(scale * q kT, capped and masked) v over packed segments: a block for each tile of query rows walks over the blocks of
// keys from the root of its chain on. No other tile or segment enters a row's sums. While scores are formed v is on its way, while
// they are multiplied with it the next k. Segments with few rows are left to attention_decode.
// The totals stay those of all weights.
template <int M, int N>
DEVICE void drop(const Attention& a, const Rows& rows, int first, const Keys& keys, float (&s)[M][N][4]) {
  const int key = keys.position + lane() % 4 * 2;
#pragma unroll
  for (int m = 0; m < M; m++) {
    Draw draw[2];
    for (int h = 0; h < 2; h++) draw[h] = draw_of(a, rows, first + 16 * m + 8 * h + lane() / 4);
    by_turns(s[m], [&](int n, float* x) {
#pragma unroll
      for (int k = 0; k < 4; k++) x[k] *= keep(a, draw[k / 2], key + 8 * n + k % 2);
    });
  }
}

template <class T, int MAX, int M, int SIZE, bool ALL>
DEVICE void run_tile(const Attention& a, int segment, int kv_head, int tile, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o,
                     const Matrix& lse) {
  constexpr bool APART = sizeof(T) == 2;  // weights need no room in shared memory
  DYNAMIC_SHARED(uint4, shared);
  T* const query = (T*)shared;
  T* const key = query + WARPS * 16 * M * PITCH<T, MAX>;
  T* const value = key + SIZE * PITCH<T, MAX>;
  const int depth = padded(a.dim), first = warp() * 16 * M;
  const Rows rows = tile_of(a, segment, kv_head, tile, WARPS * 16 * M);
  const auto fetch = [&](const Matrix& m, const Keys keys, T* to) {
    if (keys.count > 0) load_keys<MAX, SIZE>(a, m, keys, kv_head, to);
    cp_async_commit();
  };
  load_rows<MAX, WARPS * 16 * M>(a, q, rows, query);
  __shared__ Walk<SIZE> walk;
  begin(a, rows, walk);
  fetch(k, walk.keys[0], key);
  __shared__ int positions[WARPS * 16 * M];
  Softmax<M> state;
  start(rows, first, positions + first, state);
  const bool busy = first < rows.count;
  float sum[M][MAX / 8][4];
  clear(sum);
  for (int turn = 0; walk.keys[turn].count > 0; turn ^= 1) {
    cp_async_wait<0>();
    __syncthreads();
    advance(a, walk, turn ^ 1);
    fetch(v, walk.keys[turn], value);
    const int count = padded(walk.keys[turn].count);
    const bool seen = busy && in_sight(a, state, walk.keys[turn]);
    float s[M][SIZE / 8][4];
    if (seen) {
      clear(s);
      multiply_rows<MAX>(query + first * PITCH<T, MAX>, key, depth, count, s);
      weigh<MAX, ALL>(a, walk.keys[turn], 0, state, s, sum);
      if (ALL && a.dropout.token_index != nullptr) drop(a, rows, first, walk.keys[turn], s);
    }
    cp_async_wait<0>();
    __syncthreads();
    if (APART) fetch(k, walk.keys[turn ^ 1], key);
    if (seen) multiply_weights<MAX>(s, value, depth, count, sum, key + (APART ? 0 : warp() * ROOM<SIZE / 8>));
    if (!APART) {
      __syncthreads();
      fetch(k, walk.keys[turn ^ 1], key);
    }
  }
  cp_async_wait<0>();
  // Made again, so that no registers hold it through the walk.
  const Rows again = tile_of(a, segment, kv_head, tile, WARPS * 16 * M);
  finish<MAX>(a, again, first, state, sum, query + first * PITCH<T, MAX>, o, lse);
  __syncthreads();
}

template <class T, int MAX, int M, int SIZE, bool ALL>
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
    run_tile<T, MAX, M, SIZE, ALL>(a, s, rest % a.kv_heads, tile, q, k, v, o, lse);
  }
}
extern "C" __global__ void __launch_bounds__(128)
    attention_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  forward<bf16, 64, 2, 64, false>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  forward<bf16, 128, 2, 64, false>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_256(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  forward<bf16, 256, 1, 32, false>(a, limit, q, k, v, o, lse);
}

// The draws of dropout and capped scores need registers that are then missing for more rows.
extern "C" __global__ void __launch_bounds__(128)
    attention_drop_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q);
  forward<bf16, 64, 1, 64, true>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_drop_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q);
  forward<bf16, 128, 1, 64, true>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_drop_256(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q);
  forward<bf16, 256, 1, 32, true>(a, limit, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_f32(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q);
  if (a.dim <= 64) forward<float, 64, 1, 64, true>(a, limit, q, k, v, o, lse);
  else if (a.dim <= 128) forward<float, 128, 1, 32, true>(a, limit, q, k, v, o, lse);
  else forward<float, 256, 1, 16, true>(a, limit, q, k, v, o, lse);
}
