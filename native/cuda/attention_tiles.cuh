// What attention_dkv and its kernel for Hopper share: the tiles of rows that a block of keys collects from.
// The tiles of ROWS rows that see a block of keys at positions [low, high] of a segment: in the segments of its subtree, in order.
template <int ROWS>
struct Tiles {
  int owner, kv_head, low, high;
  u32 left;
  int base, tile, end, all, step_query, step_rest;
  Rows rows;
};
template <int ROWS>
DEVICE Range tiles_that_see(const Attention& a, const Tiles<ROWS>& t, int segment) {
  const Segment& s = a.segments[segment];
  const i64 first = (i64)s.start + s.key_length - s.query_length;  // position of its first query
  const i64 begin = a.causal ? max((i64)0, t.low - first) : 0;
  const i64 end = a.window > 0 ? min((i64)s.query_length, (i64)t.high + a.window - first) : (i64)s.query_length;
  if (begin >= end || !in_chain(a, t.owner, segment)) return {0, 0};
  return {(int)(begin * group_of(a) / ROWS), (int)((end * group_of(a) + ROWS - 1) / ROWS)};
}
// Goes to the next tile; after the last there are no rows. All lanes of a warp ask together.
template <int ROWS>
DEVICE void next(const Attention& a, Tiles<ROWS>& t) {
  Rows& r = t.rows;
  if (++t.tile < t.end) {
    r.first += ROWS, r.query += t.step_query, r.rest += t.step_rest;
    if (r.rest >= r.group) r.rest -= r.group, r.query++;
    r.count = min(ROWS, t.all - r.first);
    return;
  }
  while (t.left == 0) {
    if (t.base >= a.count) {
      r.count = 0;
      return;
    }
    const int s = t.base + lane();
    const Range tiles = s >= t.owner && s < a.count ? tiles_that_see(a, t, s) : Range{0, 0};
    t.left = __ballot_sync(~0u, tiles.begin < tiles.end);
    t.base += 32;
  }
  const int segment = t.base - 32 + __ffs((int)t.left) - 1;
  t.left &= t.left - 1;
  const Range tiles = tiles_that_see(a, t, segment);
  t.tile = tiles.begin, t.end = tiles.end, t.all = a.segments[segment].query_length * group_of(a);
  t.step_query = ROWS / group_of(a), t.step_rest = ROWS % group_of(a);
  r = tile_of(a, segment, t.kv_head, t.tile, ROWS);
}

// The walk lies in shared memory, where the first warp is N - 1 tiles ahead of the others.
template <int ROWS>
DEVICE void advance(const Attention& a, Tiles<ROWS>& tiles, Rows& to) {
  if (warp() > 0) return;
  Tiles<ROWS> t = tiles;
  __syncwarp();
  next(a, t);
  if (lane() == 0) tiles = t, to = t.rows;
  __syncwarp();
}
template <int ROWS, int N>
DEVICE void begin(const Attention& a, const Keys& keys, int kv_head, Tiles<ROWS>& tiles, Rows (&tile)[N]) {
  if (threadIdx.x == 0) tiles = {keys.owner, kv_head, keys.position, keys.position + keys.count - 1, 0, keys.owner / 32 * 32};
  __syncwarp();
  for (int i = 0; i < N - 1; i++) advance(a, tiles, tile[i]);
  __syncthreads();
}

// lse and delta of each row of a tile, 0 of an absent one: its q and dO are 0 as well.
template <int ROWS>
struct Facts { float lse[ROWS], delta[ROWS]; };
