// After attention.cuh, attention_products.cuh, attention_gradient.cuh, attention_tiles.cuh, philox.cuh, attention_dropout.cuh.
// The gradients of k and v: a block for each block of keys, which collects from its own rows, then from its descendants' in table
// order, so that nothing is added by two blocks. Tiles are turned, keys by rows: as they come, PT and dST are what is multiplied.
template <class T, int MAX, int SIZE, int ROWS, bool DK, bool DV>
DEVICE void run_keys(const Attention& a, const Keys& keys, int kv_head, const Matrix& q, const Matrix& k, const Matrix& v,
                     const Matrix& lse, const Matrix& d_o, const Matrix& dk, const Matrix& dv, float* deltas) {
  constexpr int P = PITCH<T, MAX>;
  DYNAMIC_SHARED(uint4, shared);
  T *const key = (T*)shared, *const value = key + SIZE * P, *const query = value + SIZE * P, *const d_out = query + ROWS * P;
  Facts<ROWS>& facts = *(Facts<ROWS>*)(d_out + ROWS * P);
  T* const room = (T*)(&facts + 1) + (sizeof(T) == 4 ? warp() * ROOM<ROWS / 8> : 0);
  const int depth = padded(a.dim), first = 16 * warp(), mine = keys.position + first;
  __shared__ Tiles<ROWS> tiles;
  __shared__ Rows tile[2];
  const auto fetch = [&](const Rows rows) {  // a copy: in shared memory it would be read for each piece
    if (rows.count > 0) {
      load_rows<MAX, ROWS>(a, q, rows, query);
      load_rows<MAX, ROWS>(a, d_o, rows, d_out);
      const int i = (int)threadIdx.x;
      if (i < ROWS) {
        cp_async_4(&facts.lse[i], row_of<const float>(lse, rows, i, 1), i < rows.count);
        cp_async_4(&facts.delta[i], delta_at(a, deltas, rows, i), i < rows.count);
      }
    }
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
  };
  load_keys<MAX, SIZE>(a, k, keys, kv_head, key);
  load_keys<MAX, SIZE>(a, v, keys, kv_head, value);
  begin(a, keys, kv_head, tiles, tile);
  fetch(tile[0]);
  float d_key[1][MAX / 8][4], d_value[1][MAX / 8][4];
  if (DK) clear(d_key);
  if (DV) clear(d_value);
  for (int turn = 0; tile[turn].count > 0; turn ^= 1) {
    const Rows& rows = tile[turn];
    const int last = position_of(rows, ROWS - 1), count = padded(rows.count);
    const bool seen = first < keys.count && mine <= last;
    float s[1][ROWS / 8][4], d[1][ROWS / 8][4];
    advance(a, tiles, tile[turn ^ 1]);
    if (seen) {
      clear(s);
      clear(d);
      if (DK) multiply_rows<MAX>(value + first * P, d_out, depth, count, d);
      multiply_rows<MAX>(key + first * P, query, depth, count, s);
      const bool all = mine + 15 <= position_of(rows, 0) && (a.window == 0 || last - mine < a.window);
      const auto column = [](int n, int i) { return 8 * n + lane() % 4 * 2 + i; };
      const auto key_at = [&](int h) { return mine + 8 * h + lane() / 4; };
      gradients(
          a, all, s, d, [&](int n, int, int i) { return base_of(facts.lse[column(n, i)]); },
          [&](int n, int, int i) { return facts.delta[column(n, i)]; },
          [&](int n, int h, int i) { return sees(a, position_of(rows, column(n, i)), key_at(h)); },
          [&](int n, int h, int i) { return keep(a, draw_of(a, rows, column(n, i)), key_at(h)); });
      if (DV) multiply_weights<MAX>(s, d_out, depth, count, d_value, room);
      if (DK) multiply_weights<MAX>(d, query, depth, count, d_key, room);
    }
    __syncthreads();
    fetch(tile[turn ^ 1]);
  }
  const int own = min(16, keys.count - first);
  const auto store = [&](const float (&sum)[MAX / 8][4], float factor, T* room, const Matrix& m) {
    const auto at = [&](int i) { return key_of<T>(a, m, keys, kv_head, first + i); };
    if (own > 0) store_rows<MAX>(sum, factor, room + first * P, own, a.dim, at);
  };
  if (DK) store(d_key[0], a.scale, key, dk);
  if (DV) store(d_value[0], 1, value, dv);
  __syncthreads();
}

template <class T, int MAX, int SIZE, int ROWS>
DEVICE void key_pass(const Attention& a, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& lse, const Matrix& d_o,
                     const Matrix& dk, const Matrix& dv, float* deltas) {
  constexpr int HALVES = MAX > 128 ? 2 : 1;  // the sums of dk and dv together are too many registers
  const auto blocks_of = [&](int s) { return (a.segments[s].key_length + SIZE - 1) / SIZE; };
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) { return a.kv_heads * blocks_of(i) * HALVES; });
    if (s < 0) return;
    const int half = rest % HALVES, head = rest / HALVES % a.kv_heads, first = rest / HALVES / a.kv_heads * SIZE;
    const Keys keys = keys_at(a, s, first, min(SIZE, a.segments[s].key_length - first));
    if (HALVES == 1) run_keys<T, MAX, SIZE, ROWS, true, true>(a, keys, head, q, k, v, lse, d_o, dk, dv, deltas);
    else if (half == 0) run_keys<T, MAX, SIZE, ROWS, HALVES == 2, false>(a, keys, head, q, k, v, lse, d_o, dk, dv, deltas);
    else run_keys<T, MAX, SIZE, ROWS, false, HALVES == 2>(a, keys, head, q, k, v, lse, d_o, dk, dv, deltas);
  }
}

extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_64(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  key_pass<bf16, 64, 64, 64>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_128(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  key_pass<bf16, 128, 64, 64>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_256(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  key_pass<bf16, 256, 64, 16>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_f32(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, lse, k, v, q, d_o);
  if (a.dim <= 64) key_pass<float, 64, 64, 32>(a, q, k, v, lse, d_o, dk, dv, deltas);
  else if (a.dim <= 128) key_pass<float, 128, 64, 16>(a, q, k, v, lse, d_o, dk, dv, deltas);
  else key_pass<float, 256, 16, 16>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
