// After attention.cuh, attention_gradient.cuh, philox.cuh, attention_dropout.cuh.
// The gradients of k and v: a block for each block of keys, which collects from its own rows, then from its descendants' in table
// order, so that nothing is added by two blocks. Tiles are turned, keys by rows: as they come, PT and dST are what is multiplied.
// The tiles of ROWS rows that see a block of keys at positions [low, high] of a segment: in the segments of its subtree, in order.
template <int ROWS>
struct Tiles { int owner, kv_head, low, high; u32 left; int base, segment, tile, end; };
template <int ROWS>
DEVICE Range tiles_that_see(const Attention& a, const Tiles<ROWS>& t, int segment) {
  const Segment& s = a.segments[segment];
  const i64 first = (i64)s.start + s.key_length - s.query_length;  // position of its first query
  const i64 begin = a.causal ? max((i64)0, t.low - first) : 0;
  const i64 end = a.window > 0 ? min((i64)s.query_length, (i64)t.high + a.window - first) : (i64)s.query_length;
  if (begin >= end || !in_chain(a, t.owner, segment)) return {0, 0};
  return {(int)(begin * group_of(a) / ROWS), (int)((end * group_of(a) + ROWS - 1) / ROWS)};
}
// The next tile, without rows after the last. All lanes of a warp ask together.
template <int ROWS>
DEVICE Rows next(const Attention& a, Tiles<ROWS>& t) {
  if (++t.tile >= t.end) {
    while (t.left == 0) {
      if (t.base >= a.count) return {0, 0, 0, 0, 1};
      const int s = t.base + lane();
      const Range tiles = s >= t.owner && s < a.count ? tiles_that_see(a, t, s) : Range{0, 0};
      t.left = __ballot_sync(~0u, tiles.begin < tiles.end);
      t.segment = t.base, t.base += 32;
    }
    const int found = __ffs((int)t.left) - 1;
    t.left &= t.left - 1;
    t.segment = t.base - 32 + found;
    const Range tiles = tiles_that_see(a, t, t.segment);
    t.tile = tiles.begin, t.end = tiles.end;
  }
  return tile_of(a, t.segment, t.kv_head, t.tile, ROWS);
}

// Of each row of a tile lse to base 2, delta, position, and what its draws need; an absent row weighs nothing.
template <int ROWS>
struct Facts { float base[ROWS], delta[ROWS]; int position[ROWS]; Draw draw[ROWS]; };

template <class T, int MAX, int SIZE, int ROWS, int STAGES, bool DK, bool DV>
DEVICE void run_keys(const Attention& a, const Keys& keys, int kv_head, const Matrix& q, const Matrix& k, const Matrix& v,
                     const Matrix& lse, const Matrix& d_o, const Matrix& dk, const Matrix& dv, float* deltas) {
  constexpr int P = PITCH<T, MAX>;
  DYNAMIC_SHARED(uint4, shared);
  T *const key = (T*)shared, *const value = key + SIZE * P, *const rows_at = value + SIZE * P;
  Facts<ROWS>* const facts = (Facts<ROWS>*)(rows_at + STAGES * 2 * ROWS * P);
  T* const room = (T*)(facts + STAGES) + (sizeof(T) == 4 ? warp() * ROOM<ROWS / 8> : 0);
  const bool drops = a.dropout.token_index != nullptr;
  const int depth = padded(a.dim), first = 16 * warp(), low = a.segments[keys.owner].start + keys.first;
  const auto fetch = [&](const Rows& rows, int stage) {
    T* const to = rows_at + stage * 2 * ROWS * P;
    load_rows<MAX>(a, q, rows, to);
    load_rows<MAX>(a, d_o, rows, to + ROWS * P);
    for (int i = (int)threadIdx.x; i < ROWS; i += THREADS) {
      const bool there = i < rows.count;
      facts[stage].base[i] = there ? base_of(*row_of<const float>(a, lse, rows, i, 1)) : infinity();
      facts[stage].delta[i] = there ? *delta_at(a, deltas, rows, i) : 0;
      facts[stage].position[i] = position_of(a, rows, i);
      if (drops) facts[stage].draw[i] = draw_of(a, rows, i);
    }
  };
  load_keys<MAX>(a, k, keys, kv_head, key);
  load_keys<MAX>(a, v, keys, kv_head, value);
  Tiles<ROWS> tiles = {keys.owner, kv_head, low, low + keys.count - 1, 0, keys.owner / 32 * 32, 0, 0, 0};
  Rows rows = next(a, tiles);
  if (rows.count > 0) fetch(rows, 0);
  cp_async_commit();
  float d_key[1][MAX / 8][4], d_value[1][MAX / 8][4];
  if (DK) clear(d_key);
  if (DV) clear(d_value);
  for (int stage = 0; rows.count > 0; stage ^= STAGES - 1) {
    const Rows after = next(a, tiles);
    if (STAGES == 2) {
      if (after.count > 0) fetch(after, stage ^ 1);
      cp_async_commit();
    }
    cp_async_wait<STAGES - 1>();
    __syncthreads();
    const Facts<ROWS>& fact = facts[stage];
    if (first < keys.count && low + first <= fact.position[ROWS - 1]) {
      const T *const query = rows_at + stage * 2 * ROWS * P, *const d_out = query + ROWS * P;
      const int count = padded(rows.count);
      float s[1][ROWS / 8][4], d[1][ROWS / 8][4];
      clear(s);
      clear(d);
      multiply_rows<MAX>(key + first * P, query, depth, count, s);
      if (DK) multiply_rows<MAX>(value + first * P, d_out, depth, count, d);
#pragma unroll
      for (int n = 0; n < ROWS / 8; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int j = 8 * n + lane() % 4 * 2 + i % 2, mine = first + i / 2 * 8 + lane() / 4;
          const bool seen = mine < keys.count && sees(a, fact.position[j], low + mine);
          const float factor = drops ? keep(a, fact.draw[j], low + mine) : 1;
          gradient(a, seen, fact.base[j], fact.delta[j], factor, s[0][n][i], d[0][n][i]);
        }
      }
      if (DV) multiply_weights<MAX>(s, d_out, depth, count, d_value, room);
      if (DK) multiply_weights<MAX>(d, query, depth, count, d_key, room);
    }
    __syncthreads();
    if (STAGES == 1 && after.count > 0) {
      fetch(after, 0);
      cp_async_commit();
    }
    rows = after;
  }
  cp_async_wait<0>();
  __syncthreads();
  const int mine = min(16, keys.count - first);
  const auto store = [&](const float (&sum)[MAX / 8][4], float factor, T* room, const Matrix& m) {
    const auto at = [&](int i) { return key_of<T>(a, m, keys.owner, kv_head, keys.first + first + i); };
    if (mine > 0) store_rows<MAX>(sum, factor, room + first * P, mine, a.dim, at);
  };
  if (DK) store(d_key[0], a.scale, key, dk);
  if (DV) store(d_value[0], 1, value, dv);
  __syncthreads();
}

template <class T, int MAX, int SIZE, int ROWS, int STAGES>
DEVICE void key_pass(const Attention& a, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& lse, const Matrix& d_o,
                     const Matrix& dk, const Matrix& dv, float* deltas) {
  constexpr int HALVES = MAX > 128 ? 2 : 1;  // the sums of dk and dv together are too many registers
  const auto blocks_of = [&](int s) { return (a.segments[s].key_length + SIZE - 1) / SIZE; };
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) { return a.kv_heads * blocks_of(i) * HALVES; });
    if (s < 0) return;
    const int half = rest % HALVES, head = rest / HALVES % a.kv_heads, first = rest / HALVES / a.kv_heads * SIZE;
    const Keys keys = {s, first, min(SIZE, a.segments[s].key_length - first)};
    if (HALVES == 1) run_keys<T, MAX, SIZE, ROWS, STAGES, true, true>(a, keys, head, q, k, v, lse, d_o, dk, dv, deltas);
    else if (half == 0) run_keys<T, MAX, SIZE, ROWS, STAGES, HALVES == 2, false>(a, keys, head, q, k, v, lse, d_o, dk, dv, deltas);
    else run_keys<T, MAX, SIZE, ROWS, STAGES, false, HALVES == 2>(a, keys, head, q, k, v, lse, d_o, dk, dv, deltas);
  }
}

extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_64(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  key_pass<bf16, 64, 64, 64, 2>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_128(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  key_pass<bf16, 128, 64, 32, 2>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_256(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  key_pass<bf16, 256, 64, 16, 1>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_dkv_f32(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap,
    const int* token_index, i64 seed, int step, int word, float threshold, float factor, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap,
                                   {token_index, seed, step, word, threshold, factor}, k, lse);
  if (a.dim <= 64) key_pass<float, 64, 64, 32, 1>(a, q, k, v, lse, d_o, dk, dv, deltas);
  else if (a.dim <= 128) key_pass<float, 128, 64, 16, 1>(a, q, k, v, lse, d_o, dk, dv, deltas);
  else key_pass<float, 256, 16, 16, 1>(a, q, k, v, lse, d_o, dk, dv, deltas);
}
