// After wgmma.cuh, attention.cuh, attention_products.cuh, attention_softmax.cuh, attention_gradient.cuh, attention_hopper.cuh.
// What attention_dq.cu does without dropout and caps, with the products of Hopper: a block has 128 rows, 64 a warpgroup.
template <int MAX, int SIZE>
struct Turn {
  bf16 key[SIZE * MAX], value[SIZE * MAX];
};
template <int MAX, int SIZE>
struct Tile {
  bf16 query[128 * MAX], d_out[128 * MAX];
  Turn<MAX, SIZE> turn[3];
};

template <int MAX, int SIZE>
DEVICE void run_rows(const Attention& a, const Rows& rows, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o,
                     const Matrix& lse, const Matrix& d_o, const Matrix& dq, float* deltas) {
  DYNAMIC_SHARED(uint4, shared);
  Tile<MAX, SIZE>& at = *(Tile<MAX, SIZE>*)tiles_in(shared);
  __shared__ Ahead<SIZE> walk;
  const int first = 16 * warp();
  const auto fetch = [&](const Keys keys, int turn) {
    if (keys.count > 0) {
      load_tile<MAX, SIZE>(a, k, keys, rows.kv_head, at.turn[turn].key);
      load_tile<MAX, SIZE>(a, v, keys, rows.kv_head, at.turn[turn].value);
    }
    cp_async_commit();
  };
  load_tile<MAX, 128>(a, q, rows, at.query);
  load_tile<MAX, 128>(a, d_o, rows, at.d_out);
  begin(a, rows, walk);
  fetch(walk.keys[0], 0);
  float base[2], delta[2], sum[MAX / 8][4], s[SIZE / 8][4], d[SIZE / 8][4];
  int last[2];
  const float deltas_of_rows = delta_of<bf16>(a, rows, first, o, d_o, deltas);
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int i = first + 8 * h + lane() / 4;
    delta[h] = __shfl_sync(~0u, deltas_of_rows, 2 * (8 * h + lane() / 4));
    base[h] = i < rows.count ? base_of(*row_of<const float>(lse, rows, i, 1)) : infinity();
    last[h] = position_of(rows, i);
  }
  const int earliest = position_of(rows, first), latest = position_of(rows, first + 15);
  const float factor = factor_of(a);
#pragma unroll
  for (int n = 0; n < MAX / 8; n++) sum[n][0] = sum[n][1] = sum[n][2] = sum[n][3] = 0;
  u32 gradients[SIZE / 16][4];
  const int group = warp() / 4 * 64 * PANEL;
  for (int block = 0, turn = 0;; block++, turn = turn == 2 ? 0 : turn + 1) {
    arrived<0>();
    const int position = walk.keys[block % 4].position, there = walk.keys[block % 4].count;
    if (there == 0) break;
    fetch(walk.keys[(block + 1) % 4], turn == 2 ? 0 : turn + 1);
    go_on(a, walk, block + 3);
    wgmma_fence();
    multiply_tiles<MAX, 128, SIZE>(s, at.query + group, at.turn[turn].key);
    wgmma_commit();
    multiply_tiles<MAX, 128, SIZE>(d, at.d_out + group, at.turn[turn].value);
    wgmma_commit();
    const bool all = there == SIZE && position + SIZE - 1 <= earliest && (a.window == 0 || latest - position < a.window);
    const auto seen = [&](int n, int h, int i) {
      const int column = 8 * n + lane() % 4 * 2 + i;
      return column < there && sees(a, last[h], position + column);
    };
    wgmma_wait<1>();
    pin(s);
    as_weights(factor, all, s, [&](int, int h, int) { return base[h]; }, seen);
    wgmma_wait<0>();
    pin(d);
    as_gradients(all, s, d, [&](int, int h, int) { return delta[h]; }, seen);
    as_operand(d, gradients);
    wgmma_fence();
    multiply_turned<SIZE>(sum, gradients, at.turn[turn].key);
    wgmma_commit();
  }
  wgmma_wait<0>();
  pin(sum);
  const auto to = [&](int i) { return row_of<bf16>(dq, rows, first + i, a.dim); };
  if (first < rows.count) store_rows<MAX>(sum, a.scale, at.query + first * PITCH<bf16, MAX>, min(16, rows.count - first), a.dim, to);
  __syncthreads();
}

template <int MAX, int SIZE>
DEVICE void query_pass(const Attention& a, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& o, const Matrix& lse,
                       const Matrix& d_o, const Matrix& dq, float* deltas) {
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(0, a.count, rest, [&](int i) { return a.kv_heads * tiles_of(a, i, 128); });
    if (s < 0) return;
    const int tile = tiles_of(a, s, 128) - 1 - rest / a.kv_heads;
    run_rows<MAX, SIZE>(a, tile_of(a, s, rest % a.kv_heads, tile, 128), q, k, v, o, lse, d_o, dq, deltas);
  }
}
extern "C" __global__ void __launch_bounds__(256)
    attention_hopper_dq_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q, d_o);
  on_hopper([&] { query_pass<64, 64>(a, q, k, v, o, lse, d_o, dq, deltas); });
}
extern "C" __global__ void __launch_bounds__(256)
    attention_hopper_dq_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse, Matrix d_o, Matrix dq,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int count, float* deltas) {
  const Attention a = attention_of(segments, count, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q, d_o);
  on_hopper([&] { query_pass<128, 64>(a, q, k, v, o, lse, d_o, dq, deltas); });
}
