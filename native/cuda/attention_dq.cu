// After attention.cuh, attention_products.cuh, attention_gradient.cuh, philox.cuh, attention_dropout.cuh.
// The gradient of q: a block for each tile of query rows walks over the blocks of keys from the root of its chain on. It leaves
// delta for attention_dkv. A block waits for its keys and values; another on the same multiprocessor works meanwhile.
// The rows of a warp that are multiplied again and again: in fragments where there are registers for them, else in shared memory.
template <int MAX, class T>
struct OwnRows {
  const T* rows;
  __device__ __forceinline__ void read(const T* from) { rows = from; }
  template <int N>
  __device__ __forceinline__ void multiply(const T* b, int depth, int count, float (&s)[1][N][4]) const { multiply_rows<MAX>(rows, b, depth, count, s); }
};
template <int MAX>
struct HeldRows {
  Held<MAX> held;
  __device__ __forceinline__ void read(const bf16* from) { hold<MAX>(from, held); }
  template <int N>
  __device__ __forceinline__ void multiply(const bf16* b, int depth, int count, float (&s)[1][N][4]) const { multiply_rows<MAX>(held, b, depth, count, s); }
};
template <> struct OwnRows<64, bf16> : HeldRows<64> {};
template <> struct OwnRows<128, bf16> : HeldRows<128> {};

template <class T, int MAX, int ROWS, int SIZE>
DEVICE void run_rows(const Attention& a, const Rows& rows, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o,
                     const Matrix& lse, const Matrix& d_o, const Matrix& dq, float* deltas) {
  constexpr int P = PITCH<T, MAX>;
  DYNAMIC_SHARED(uint4, shared);
  T *const query = (T*)shared, *const d_out = query + ROWS * P, *const key = d_out + ROWS * P, *const value = key + SIZE * P;
  T* const room = value + SIZE * P + (sizeof(T) == 4 ? warp() * ROOM<SIZE / 8> : 0);
  const int depth = padded(a.dim), first = 16 * warp();
  const bool busy = first < rows.count;
  const auto fetch = [&](const Keys keys) {
    if (keys.count > 0) {
      load_keys<MAX, SIZE>(a, k, keys, rows.kv_head, key);
      load_keys<MAX, SIZE>(a, v, keys, rows.kv_head, value);
    }
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
  };
  load_rows<MAX, ROWS>(a, q, rows, query);
  load_rows<MAX, ROWS>(a, d_o, rows, d_out);
  __shared__ Walk<SIZE> walk;
  begin(a, rows, walk);
  fetch(walk.keys[0]);
  float base[2], delta[2], sum[1][MAX / 8][4];
  int at[2];
  Draw draw[2];
  const float deltas_of_rows = delta_of<T>(a, rows, first, o, d_o, deltas);
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int i = first + 8 * h + lane() / 4;
    delta[h] = __shfl_sync(~0u, deltas_of_rows, 2 * (8 * h + lane() / 4));
    base[h] = i < rows.count ? base_of(*row_of<const float>(lse, rows, i, 1)) : infinity();
    at[h] = position_of(rows, i);
    draw[h] = a.dropout.token_index != nullptr ? draw_of(a, rows, i) : Draw{0, 0};
  }
  const int earliest = position_of(rows, first), last = position_of(rows, first + 15);
  clear(sum);
  OwnRows<MAX, T> own_q, own_d_o;
  own_q.read(query + first * P);
  own_d_o.read(d_out + first * P);
  for (int turn = 0; walk.keys[turn].count > 0; turn ^= 1) {
    const int position = walk.keys[turn].position, there = walk.keys[turn].count, count = padded(there);
    const bool seen = busy && position <= last;
    float s[1][SIZE / 8][4], d[1][SIZE / 8][4];
    advance(a, walk, turn ^ 1);
    if (seen) {
      clear(s);
      clear(d);
      own_q.multiply(key, depth, count, s);
      own_d_o.multiply(value, depth, count, d);
      const bool all = there == SIZE && position + SIZE - 1 <= earliest && (a.window == 0 || last - position < a.window);
      const auto column = [](int n, int i) { return 8 * n + lane() % 4 * 2 + i; };
      gradients(
          a, all, s, d, [&](int, int h, int) { return base[h]; }, [&](int, int h, int) { return delta[h]; },
          [&](int n, int h, int i) { return column(n, i) < there && sees(a, at[h], position + column(n, i)); },
          [&](int n, int h, int i) { return keep(a, draw[h], position + column(n, i)); });
      multiply_weights<MAX>(d, key, depth, count, sum, room);
    }
    __syncthreads();
    fetch(walk.keys[turn ^ 1]);
  }
  if (busy) {
    const auto at = [&](int i) { return row_of<T>(dq, rows, first + i, a.dim); };
    store_rows<MAX>(sum[0], a.scale, query + first * P, min(16, rows.count - first), a.dim, at);
  }
  __syncthreads();
}

template <class T, int MAX, int ROWS, int SIZE>
DEVICE void query_pass(const Attention& a, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o, const Matrix& lse,
                       const Matrix& d_o, const Matrix& dq, float* deltas) {
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) { return a.kv_heads * tiles_of(a, i, ROWS); });
    if (s < 0) return;
    const int tile = tiles_of(a, s, ROWS) - 1 - rest / a.kv_heads;
    run_rows<T, MAX, ROWS, SIZE>(a, tile_of(a, s, rest % a.kv_heads, tile, ROWS), q, k, v, o, lse, d_o, dq, deltas);
  }
}

extern "C" __global__ void __launch_bounds__(128)
    attention_dq_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  query_pass<bf16, 64, 64, 64>(a, q, k, v, o, lse, d_o, dq, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dq_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  query_pass<bf16, 128, 64, 64>(a, q, k, v, o, lse, d_o, dq, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dq_256(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  query_pass<bf16, 256, 64, 32>(a, q, k, v, o, lse, d_o, dq, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dq_f32(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  if (a.dim <= 64) query_pass<float, 64, 64, 32>(a, q, k, v, o, lse, d_o, dq, deltas);
  else if (a.dim <= 128) query_pass<float, 128, 64, 16>(a, q, k, v, o, lse, d_o, dq, deltas);
  else query_pass<float, 256, 16, 16>(a, q, k, v, o, lse, d_o, dq, deltas);
}
