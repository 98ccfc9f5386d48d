// After wgmma.cuh, attention.cuh, attention_products.cuh, attention_softmax.cuh, attention_hopper.cuh.
// What attention.cu does without dropout and caps, with the products of Hopper: a block has 128 rows, and each block of keys serves
// them all. While a block's scores are formed and weighed, the weights of the one before are multiplied with its values.
template <int MAX, int SIZE>
struct Tile {
  bf16 query[128 * MAX], key[2][SIZE * MAX], value[2][SIZE * MAX];
};

template <int MAX, int SIZE>
DEVICE void run_tile(const Attention& a, int segment, int kv_head, int tile, const Matrix& q, const Matrix& k, const Matrix& v,
                     const Matrix& o, const Matrix& lse) {
  DYNAMIC_SHARED(uint4, shared);
  Tile<MAX, SIZE>& at = *(Tile<MAX, SIZE>*)tiles_in(shared);
  __shared__ Ahead<SIZE> walk;
  __shared__ int positions[128];
  const int first = 16 * warp();
  const bf16* const query = at.query + warp() / 4 * 64 * PANEL;
  const auto fetch = [&](const Matrix& m, const Keys keys, bf16* to) {
    if (keys.count > 0) load_tile<MAX, SIZE>(a, m, keys, kv_head, to);
  };
  Softmax<1> state;
  {
    const Rows rows = tile_of(a, segment, kv_head, tile, 128);
    load_tile<MAX, 128>(a, q, rows, at.query);
    start(rows, first, positions + first, state);
    begin(a, rows, walk);
  }
  fetch(k, walk.keys[0], at.key[0]);
  cp_async_commit();
  fetch(k, walk.keys[1], at.key[1]);
  fetch(v, walk.keys[0], at.value[0]);
  cp_async_commit();
  arrived<1>();
  float s[1][SIZE / 8][4], sum[1][MAX / 8][4], shrink[1][2];
  u32 weights[SIZE / 16][4];
  clear(sum);
  wgmma_fence();
  multiply_tiles<MAX, 128, SIZE>(s[0], query, at.key[0]);
  wgmma_commit();
  wgmma_wait<0>();
  pin(s[0]);
  weigh<false>(a, walk.keys[0], 0, state, s, shrink);
  as_operand(s[0], weights);
  int turn = 0;
  for (;; turn++) {
    arrived<0>();
    if (walk.keys[(turn + 1) % 4].count == 0) break;
    go_on(a, walk, turn + 3);
    fetch(k, walk.keys[(turn + 2) % 4], at.key[turn % 2]);
    fetch(v, walk.keys[(turn + 1) % 4], at.value[(turn + 1) % 2]);
    cp_async_commit();
    wgmma_fence();
    multiply_tiles<MAX, 128, SIZE>(s[0], query, at.key[(turn + 1) % 2]);
    wgmma_commit();
    multiply_turned<SIZE>(sum[0], weights, at.value[turn % 2]);
    wgmma_commit();
    wgmma_wait<1>();
    pin(s[0]);
    weigh<false>(a, walk.keys[(turn + 1) % 4], 0, state, s, shrink);
    wgmma_wait<0>();
    pin(sum[0]);
    multiply(shrink, sum);
    as_operand(s[0], weights);
  }
  wgmma_fence();
  multiply_turned<SIZE>(sum[0], weights, at.value[turn % 2]);
  wgmma_commit();
  wgmma_wait<0>();
  pin(sum[0]);
  const Rows again = tile_of(a, segment, kv_head, tile, 128);  // made again, so that no registers hold it through the walk
  finish<MAX>(a, again, first, state, sum, (bf16*)at.key + first * PITCH<bf16, MAX>, o, lse);
  __syncthreads();
}

template <int MAX, int SIZE>
DEVICE void forward(const Attention& a, int limit, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o,
                    const Matrix& lse) {
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) {
      return has_few_rows(a, i, limit) ? 0 : a.kv_heads * tiles_of(a, i, 128);
    });
    if (s < 0) return;
    const int tile = tiles_of(a, s, 128) - 1 - rest / a.kv_heads;
    run_tile<MAX, SIZE>(a, s, rest % a.kv_heads, tile, q, k, v, o, lse);
  }
}
extern "C" __global__ void __launch_bounds__(256)
    attention_hopper_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  on_hopper([&] { forward<64, 128>(a, limit, q, k, v, o, lse); });
}
extern "C" __global__ void __launch_bounds__(256)
    attention_hopper_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, int limit) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  on_hopper([&] { forward<128, 128>(a, limit, q, k, v, o, lse); });
}
