// What the attention kernels share: who sees whom, and rows in shared memory. Blocks have 4 warps. A warp owns
// 16 M rows of a tile of scores, in the fragments of mma.m16n8k16: lane 4 g + t has rows g and g + 8 of each 16, and columns 2 t
// and 2 t + 1 of each 8. With floats the fragments are the same, but the products are made one by one.
constexpr int WARPS = 4, THREADS = 32 * WARPS;
constexpr float LOG2E = 1.44269504f, LN2 = 0.693147181f;
DEVICE float infinity() { return __uint_as_float(0x7f800000u); }
DEVICE int lane() { return (int)threadIdx.x % 32; }
DEVICE int warp() { return (int)threadIdx.x / 32; }

// Six integers of the segment table. Queries are the last query_length of the segment's own keys; start is the position of its
// first key, counted along the parent chain.
struct Segment { int query_first, query_length, key_first, key_length, parent, start; };

// Of the weights: token_index, of each query row, is null where nothing is dropped. A word whose upper 24 bits reach the threshold
// keeps its weight, which grows by a factor.
struct Dropout { const int* token_index; i64 seed; int step, word; float threshold, factor; };

struct Attention {
  const Segment* segments;
  int count, heads, kv_heads, dim, window, causal;
  bool aligned;  // heads of all matrices are pieces of 16 bytes
  float scale, soft_cap;
  Dropout dropout;
};
DEVICE bool in_pieces(const Matrix& m) { return ((u64)m.data | (u64)m.stride * (m.dtype == F32 ? 4 : 2)) % 16 == 0; }
template <class... M>
DEVICE Attention attention_of(const int* segments, int count, int kv_heads, int window, int causal, float scale, float soft_cap,
                              const Dropout& dropout, const Matrix& lse, const Matrix& k, const M&... others) {
  const int heads = (int)lse.cols, dim = (int)k.cols / kv_heads;
  const bool aligned = dim % EIGHT == 0 && in_pieces(k) && (in_pieces(others) && ...);
  return {(const Segment*)segments, count, heads, kv_heads, dim, window, causal, aligned, scale, soft_cap, dropout};
}
DEVICE int group_of(const Attention& a) { return a.heads / a.kv_heads; }
DEVICE int padded(int n, int to = 16) { return (n + to - 1) / to * to; }

// The position up to which a query sees keys.
DEVICE int position(const Attention& a, int segment, int query) {
  const Segment& s = a.segments[segment];
  return s.start + s.key_length - 1 - (a.causal ? s.query_length - 1 - query : 0);
}

// The ancestor of s (or s itself) that comes next after `seen`, from the root down; seen == -1 asks for the root.
DEVICE int next_in_chain(const Attention& a, int s, int seen) {
  while (a.segments[s].parent != seen) s = a.segments[s].parent;
  return s;
}
DEVICE bool in_chain(const Attention& a, int ancestor, int s) {
  while (s > ancestor) s = a.segments[s].parent;
  return s == ancestor;
}

// Own keys [begin, end) of a segment that any query at positions [low, high] sees.
struct Range { int begin, end; };
DEVICE Range visible(const Attention& a, int owner, int low, int high) {
  const Segment& s = a.segments[owner];
  return {a.window > 0 ? max(0, low - a.window + 1 - s.start) : 0, min(s.key_length, high + 1 - s.start)};
}

// The segment in [from, to) that holds a task, counted from the last segment back, and the number of the task in it: what comes
// last sees most, and is begun first. -1 past the end. All lanes of a warp ask together.
template <class F>
DEVICE int segment_of(int from, int to, int& task, F tasks_of) {
  for (int last = to - 1; last >= from; last -= 32) {
    int end = last - lane() >= from ? tasks_of(last - lane()) : 0;
    for (int d = 1; d < 32; d *= 2) {
      const int below = __shfl_up_sync(~0u, end, d);
      if (lane() >= d) end += below;
    }
    const u32 beyond = __ballot_sync(~0u, end > task);
    const int found = beyond ? __ffs(beyond) - 1 : 32;
    const int before = __shfl_sync(~0u, end, max(found - 1, 0));
    if (found > 0) task -= before;
    if (found < 32) return last - found;
  }
  return -1;
}

// Rows [first, first + count) of a segment, where row = query * group + head within the group: keys are read once for the heads of
// a group.
// `query` and `rest` are first / group and first % group; position is that of the segment's first query.
struct Rows { int segment, kv_head, first, count, group, query, rest, query_first, position, causal; float inverse; };
// x / group for what a tile can ask; the sum is exact, and the product far enough from the next whole number.
DEVICE int quotient(const Rows& r, int x) { return (int)__fmul_rn((float)x + 0.5f, r.inverse); }
DEVICE int query_of(const Rows& r, int i) { return r.query + quotient(r, r.rest + i); }
DEVICE int head_of(const Rows& r, int i) { return r.kv_head * r.group + r.rest + i - quotient(r, r.rest + i) * r.group; }
template <class T>
DEVICE T* row_of(const Matrix& m, const Rows& r, int i, int dim) {
  return row((T*)nullptr, m, r.query_first + query_of(r, i)) + head_of(r, i) * dim;
}
DEVICE int position_of(const Rows& r, int i) { return r.position + (r.causal ? query_of(r, min(i, r.count - 1)) : 0); }
DEVICE int tiles_of(const Attention& a, int segment, int rows) {
  return (int)(((i64)a.segments[segment].query_length * group_of(a) + rows - 1) / rows);
}
DEVICE Rows tile_of(const Attention& a, int segment, int kv_head, int tile, int rows) {
  const Segment s = a.segments[segment];
  const int group = group_of(a), first = tile * rows;
  return {segment, kv_head, first, min(rows, s.query_length * group - first), group, first / group, first % group, s.query_first,
          position(a, segment, 0), a.causal, __fdividef(1, (float)group)};
}

// A block of keys [first, first + count) of a segment: the position of the first, and the row where it lies.
struct Keys { int owner, first, count, position, row; };
DEVICE Keys keys_at(const Attention& a, int owner, int first, int count) {
  const Segment& s = a.segments[owner];
  return {owner, first, count, s.start + first, s.key_first + first};
}
template <class T>
DEVICE T* key_of(const Attention& a, const Matrix& m, const Keys& keys, int kv_head, int i) {
  return row((T*)nullptr, m, keys.row + i) + kv_head * a.dim;
}
// The blocks of SIZE keys that queries at positions [low, high] of a segment see, from the root of its chain on.
template <int SIZE>
struct Blocks { int segment, low, high, owner, first, end, start, row; };
template <int SIZE>
DEVICE Keys next(const Attention& a, Blocks<SIZE>& b) {
  b.first += SIZE;
  while (b.first >= b.end && b.owner != b.segment) {
    b.owner = next_in_chain(a, b.segment, b.owner);
    const Range keys = visible(a, b.owner, b.low, b.high);
    b.first = keys.begin / SIZE * SIZE, b.end = keys.end;
    b.start = a.segments[b.owner].start, b.row = a.segments[b.owner].key_first;
  }
  return {b.owner, b.first, max(0, min(SIZE, b.end - b.first)), b.start + b.first, b.row + b.first};
}
// A walk over the blocks that a tile of rows sees. It lies in shared memory, where thread 0 is one block ahead of the others, since
// registers are few: keys[turn] is what all look at, until a barrier after which they look at keys[turn ^ 1].
template <int SIZE>
struct Walk { Blocks<SIZE> blocks; Keys keys[2]; };
template <int SIZE>
DEVICE void begin(const Attention& a, const Rows& rows, Walk<SIZE>& walk) {
  if (threadIdx.x == 0) {
    walk.blocks = {rows.segment, position_of(rows, 0), position_of(rows, rows.count - 1), -1, 0, 0, 0, 0};
    walk.keys[0] = next(a, walk.blocks);
  }
  __syncthreads();
}
template <int SIZE>
DEVICE void advance(const Attention& a, Walk<SIZE>& walk, int turn) {
  if (threadIdx.x == 0) walk.keys[turn] = next(a, walk.blocks);
}

// Rows lie PITCH elements apart in shared memory, so that neighbours begin in different banks.
template <class T, int MAX>
constexpr int PITCH = MAX + 16 / (int)sizeof(T);

// ALL rows of MAX elements, with zeros for all but the first `count` rows and `dim` elements; at(i) is where row i lies.
template <int MAX, int ALL, class T, class F>
DEVICE void load_rows(const Attention& a, T* to, int count, F at) {
  constexpr int PIECES = MAX / EIGHT, STEP = THREADS / PIECES, P = PITCH<T, MAX>;
  static_assert(ALL % STEP == 0, "whole steps");
  const int c = (int)threadIdx.x % PIECES * EIGHT, first = (int)threadIdx.x / PIECES;
  to += first * P + c;
  if (a.aligned) {
    const bool inside = c < a.dim;
#pragma unroll
    for (int j = 0; j < ALL / STEP; j++) {
      const int r = first + j * STEP;
      const T* const from = at(r) + c;
      cp_async_16(to + j * STEP * P, from, inside && r < count);
      if (sizeof(T) == 4) cp_async_16(to + j * STEP * P + 4, from + 4, inside && r < count);
    }
    return;
  }
#pragma unroll 1
  for (int r = first; r < ALL; r += STEP, to += STEP * P) {
    const int n = r < count ? min(EIGHT, max(0, a.dim - c)) : 0;
    float v[EIGHT];
    load8(n > 0 ? at(r) + c : nullptr, n, v);
    store8(to, EIGHT, v);
  }
}
template <int MAX, int ALL, class T>
DEVICE void load_rows(const Attention& a, const Matrix& m, const Rows& rows, T* to) {
  load_rows<MAX, ALL>(a, to, rows.count, [&](int i) { return row_of<const T>(m, rows, i, a.dim); });
}
template <int MAX, int ALL, class T>
DEVICE void load_keys(const Attention& a, const Matrix& m, const Keys& keys, int kv_head, T* to) {
  const T* const from = key_of<const T>(a, m, keys, kv_head, 0);
  load_rows<MAX, ALL>(a, to, keys.count, [&](int i) { return from + i * m.stride; });
}
// The other way, by one warp: 16 rows times a factor, from the fragments by way of room for them in shared memory.
template <int MAX, class T, class F>
DEVICE void store_rows(const float (&c)[MAX / 8][4], float factor, T* room, int count, int dim, F at) {
  const int g = lane() / 4, t = lane() % 4;
#pragma unroll
  for (int n = 0; n < MAX / 8; n++) {
#pragma unroll
    for (int h = 0; h < 4; h++) store(room + (g + h / 2 * 8) * PITCH<T, MAX> + 8 * n + 2 * t + h % 2, c[n][h] * factor);
  }
  __syncwarp();
  constexpr int PIECES = MAX / EIGHT;
  for (int i = lane(); i < count * PIECES; i += 32) {
    const int r = i / PIECES, col = i % PIECES * EIGHT;
    if (col >= dim) continue;
    float v[EIGHT];
    load8(room + r * PITCH<T, MAX> + col, EIGHT, v);
    store8(at(r) + col, min(EIGHT, dim - col), v);
  }
  __syncwarp();
}

// exp(score) = 2^(s * factor) for what scaled() makes of a product; the factor is positive, so that the largest s is the largest.
DEVICE bool scaled_before(const Attention& a) { return a.soft_cap > 0 || a.scale <= 0; }
DEVICE float factor_of(const Attention& a) { return scaled_before(a) ? 1.0f : a.scale * LOG2E; }
DEVICE float scaled(const Attention& a, float s) {
  if (a.soft_cap > 0) return tanhf(s * (a.scale / a.soft_cap)) * (a.soft_cap * LOG2E);
  return s * (a.scale * LOG2E);
}
DEVICE bool sees(const Attention& a, int query, int key) { return key <= query && (a.window == 0 || query - key < a.window); }
