// What the attention kernels for Hopper share: blocks of two warpgroups, and tiles as wgmma reads them. A warp has 16 rows of the 64
// of its warpgroup, in the same fragments as elsewhere.
constexpr int HOPPER = 2 * WARPGROUP;

// ALL rows of MAX elements, with zeros for all but the first `count` rows and `dim` elements; at(i) is where row i lies.
template <int MAX, int ALL, class F>
DEVICE void load_tile(const Attention& a, bf16* to, int count, F at) {
  constexpr int PIECES = MAX / EIGHT, STEP = HOPPER / PIECES;
  static_assert(ALL % STEP == 0 && STEP % EIGHT == 0, "whole steps, which keep the swizzle");
  const int c = (int)threadIdx.x % PIECES * EIGHT, first = (int)threadIdx.x / PIECES;
  to += swizzled<ALL>(first, c);
  if (a.aligned) {
    const bool inside = c < a.dim;
#pragma unroll
    for (int j = 0; j < ALL / STEP; j++) {
      const int r = first + j * STEP;
      cp_async_16(to + j * STEP * PANEL, at(r) + c, inside && r < count);
    }
    return;
  }
#pragma unroll 1
  for (int r = first; r < ALL; r += STEP, to += STEP * PANEL) {
    const int n = r < count ? min(EIGHT, max(0, a.dim - c)) : 0;
    float v[EIGHT];
    load8(n > 0 ? at(r) + c : nullptr, n, v);
    store8(to, EIGHT, v);
  }
}
template <int MAX, int ALL>
DEVICE void load_tile(const Attention& a, const Matrix& m, const Rows& rows, bf16* to) {
  load_tile<MAX, ALL>(a, to, rows.count, [&](int i) { return row_of<const bf16>(m, rows, i, a.dim); });
}
template <int MAX, int ALL>
DEVICE void load_tile(const Attention& a, const Matrix& m, const Keys& keys, int kv_head, bf16* to) {
  const bf16* const from = key_of<const bf16>(a, m, keys, kv_head, 0);
  load_tile<MAX, ALL>(a, to, keys.count, [&](int i) { return from + i * m.stride; });
}
// All of a thread's copies but those of its last PENDING groups are there for the products of all threads; a barrier as well.
template <int PENDING>
DEVICE void arrived() {
  cp_async_wait<PENDING>();
  fence_proxy_async();
  __syncthreads();
}
// Where tiles begin in shared memory.
DEVICE bf16* tiles_in(uint4* shared) { return (bf16*)((u64)((u8*)shared + ATOM - 1) / ATOM * ATOM); }

// A walk over the blocks that a tile of rows sees, of which four are known: thread 0 is ahead of the others. A barrier lies between
// its writing one and their reading it.
template <int SIZE>
struct Ahead {
  Blocks<SIZE> blocks;
  Keys keys[4];
};
template <int SIZE>
DEVICE void begin(const Attention& a, const Rows& rows, Ahead<SIZE>& walk) {
  if (threadIdx.x == 0) {
    walk.blocks = {rows.segment, position_of(rows, 0), position_of(rows, rows.count - 1), -1, 0, 0, 0, 0};
    for (int i = 0; i < 3; i++) walk.keys[i] = next(a, walk.blocks);
  }
  __syncthreads();
}
template <int SIZE>
DEVICE void go_on(const Attention& a, Ahead<SIZE>& walk, int turn) {
  if (threadIdx.x == 0) walk.keys[turn % 4] = next(a, walk.blocks);
}

template <int N, class S>
DEVICE void keep_seen(float (&s)[N][4], S seen) {
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int k = 0; k < 4; k++) s[n][k] = seen(n, k / 2, k % 2) ? s[n][k] : 0;
  }
}
// Of one gradient's products: weights from those of q and k, where all are seen or seen(n, h, i) says which; base(n, h, i) is lse.
template <int N, class B, class S>
DEVICE void as_weights(float factor, bool all, float (&s)[N][4], B base, S seen) {
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int k = 0; k < 4; k++) s[n][k] = exp2_approx(__fmaf_rn(s[n][k], factor, -base(n, k / 2, k % 2)));
  }
  if (!all) keep_seen(s, seen);
}
// Then gradients of scores, from the weights and the products of dO and v.
template <int N, class D, class S>
DEVICE void as_gradients(bool all, const float (&weight)[N][4], float (&d)[N][4], D delta, S seen) {
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int k = 0; k < 4; k++) d[n][k] = weight[n][k] * (d[n][k] - delta(n, k / 2, k % 2));
  }
  if (!all) keep_seen(d, seen);
}
