// After wgmma.cuh, attention.cuh, attention_products.cuh, attention_softmax.cuh, attention_gradient.cuh, attention_tiles.cuh, attention_hopper.cuh.
// What attention_dkv.cu does without dropout and caps, with the products of Hopper: a block has 128 keys, 64 a warpgroup. Scores come
// keys by rows, so that weights and gradients are what is multiplied next, in registers.
template <int MAX>
struct Turn {
  bf16 query[64 * MAX], d_out[64 * MAX];
};
template <int MAX>
struct Block {
  bf16 key[128 * MAX], value[128 * MAX];
  Turn<MAX> turn[3];
  Facts<64> facts[3];
};

template <int MAX>
DEVICE void run_keys(const Attention& a, const Keys& keys, int kv_head, const Matrix& q, const Matrix& k, const Matrix& v,
                     const Matrix& lse, const Matrix& d_o, const Matrix& dk, const Matrix& dv, float* deltas) {
  DYNAMIC_SHARED(uint4, shared);
  Block<MAX>& at = *(Block<MAX>*)tiles_in(shared);
  __shared__ Keys own;  // so that no registers hold it through the walk
  if (threadIdx.x == 0) own = keys;
  __shared__ Tiles<64> tiles;
  __shared__ Rows tile[3];
  const auto fetch = [&](const Rows rows, int turn) {
    if (rows.count > 0) {
      load_tile<MAX, 64>(a, q, rows, at.turn[turn].query);
      load_tile<MAX, 64>(a, d_o, rows, at.turn[turn].d_out);
      const int i = (int)threadIdx.x;
      if (i < 64) {
        cp_async_4(&at.facts[turn].lse[i], row_of<const float>(lse, rows, i, 1), i < rows.count);
        cp_async_4(&at.facts[turn].delta[i], delta_at(a, deltas, rows, i), i < rows.count);
      }
    }
    cp_async_commit();
  };
  load_tile<MAX, 128>(a, k, keys, kv_head, at.key);
  load_tile<MAX, 128>(a, v, keys, kv_head, at.value);
  begin(a, keys, kv_head, tiles, tile);
  fetch(tile[0], 0);
  float d_key[MAX / 8][4], d_value[MAX / 8][4], s[8][4], d[8][4];
  u32 weights[4][4], gradients[4][4];
#pragma unroll
  for (int n = 0; n < MAX / 8; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) d_key[n][i] = d_value[n][i] = 0;
  }
  for (int turn = 0;; turn = turn == 2 ? 0 : turn + 1) {
    arrived<0>();
    const Rows& rows = tile[turn];
    if (rows.count == 0) break;
    const int then = turn == 2 ? 0 : turn + 1;
    fetch(tile[then], then);
    advance(a, tiles, tile[then == 2 ? 0 : then + 1]);
    wgmma_fence();
    multiply_tiles<MAX, 128, 64>(s, at.key + warp() / 4 * 64 * PANEL, at.turn[turn].query);
    wgmma_commit();
    multiply_tiles<MAX, 128, 64>(d, at.value + warp() / 4 * 64 * PANEL, at.turn[turn].d_out);
    wgmma_commit();
    const int last = position_of(rows, 63), mine = own.position + 16 * warp();
    const bool all = mine + 15 <= position_of(rows, 0) && (a.window == 0 || last - mine < a.window);
    const auto column = [](int n, int i) { return 8 * n + lane() % 4 * 2 + i; };
    const auto seen = [&](int n, int h, int i) { return sees(a, position_of(rows, column(n, i)), mine + 8 * h + lane() / 4); };
    const Facts<64>& facts = at.facts[turn];
    wgmma_wait<1>();
    pin(s);
    as_weights(factor_of(a), all, s, [&](int n, int, int i) { return base_of(facts.lse[column(n, i)]); }, seen);
    wgmma_wait<0>();
    pin(d);
    as_gradients(all, s, d, [&](int n, int, int i) { return facts.delta[column(n, i)]; }, seen);
    as_operand(s, weights);
    as_operand(d, gradients);
    wgmma_fence();
    multiply_turned<64>(d_value, weights, at.turn[turn].d_out);
    multiply_turned<64>(d_key, gradients, at.turn[turn].query);
    wgmma_commit();
  }
  wgmma_wait<0>();
  pin(d_key);
  pin(d_value);
  __syncthreads();
  const int first = 16 * warp(), count = min(16, own.count - first);
  const auto store = [&](const float (&sum)[MAX / 8][4], float factor, const Matrix& m) {
    const auto to = [&](int i) { return key_of<bf16>(a, m, own, tiles.kv_head, first + i); };
    if (count > 0) store_rows<MAX>(sum, factor, at.key + first * PITCH<bf16, MAX>, count, a.dim, to);
  };
  store(d_key, a.scale, dk);
  store(d_value, 1, dv);
  __syncthreads();
}

template <int MAX>
DEVICE void key_pass(const Attention& a, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& lse, const Matrix& d_o,
                     const Matrix& dk, const Matrix& dv, float* deltas) {
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) { return a.kv_heads * ((a.segments[i].key_length + 127) / 128); });
    if (s < 0) return;
    const int first = rest / a.kv_heads * 128;
    const Keys keys = keys_at(a, s, first, min(128, a.segments[s].key_length - first));
    run_keys<MAX>(a, keys, rest % a.kv_heads, q, k, v, lse, d_o, dk, dv, deltas);
  }
}
extern "C" __global__ void __launch_bounds__(256)
    attention_hopper_dkv_64(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q, d_o);
  on_hopper([&] { key_pass<64>(a, q, k, v, lse, d_o, dk, dv, deltas); });
}
extern "C" __global__ void __launch_bounds__(256)
    attention_hopper_dkv_128(Matrix q, Matrix k, Matrix v, Matrix lse, Matrix d_o, Matrix dk, Matrix dv,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q, d_o);
  on_hopper([&] { key_pass<128>(a, q, k, v, lse, d_o, dk, dv, deltas); });
}
