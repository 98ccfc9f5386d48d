// After attention.cuh, attention_products.cuh, attention_softmax.cuh.
// Attention of segments with few query rows, as in decoding: their keys are cut into chunks, a block for each. A block's warps
// share its keys, 16 of each block of keys a warp. What warps and blocks leave is joined in order, by the block that comes last.
// Where a chain is cut depends on its own segment alone.
constexpr int CHUNK = 256;  // keys, doubled while there are too many chunks
constexpr int START = 64;   // a chunk's first key is a multiple of it

// A part is for each row the largest score to base 2, the total relative to it, and a sum of `dim` columns.
DEVICE int part_floats(const Attention& a) { return FEW_ROWS * (a.dim + 2); }

// Adds parts, `step` floats apart, in order; put(row, column, sum, largest, total).
template <class F>
DEVICE void join(const Attention& a, const float* parts, int count, i64 step, int rows, F put) {
  for (int i = warp(); i < rows; i += WARPS) {
    const float* const part = parts + i * (a.dim + 2);
    float largest = -infinity(), total = 0;
    for (int p = 0; p < count; p++) largest = fmaxf(largest, part[p * step]);
    const float base = largest == -infinity() ? 0 : largest;
    for (int p = 0; p < count; p++) total = __fmaf_rn(part[p * step + 1], exp2_approx(part[p * step] - base), total);
    for (int c = lane(); c < a.dim; c += 32) {
      float sum = 0;
      for (int p = 0; p < count; p++) sum = __fmaf_rn(part[p * step + 2 + c], exp2_approx(part[p * step] - base), sum);
      put(i, c, sum, largest, total);
    }
  }
}

// All rows of a segment, for one key head.
DEVICE Rows few_rows(const Attention& a, int segment, int kv_head) { return tile_of(a, segment, kv_head, 0, FEW_ROWS); }

// The keys of an owner that the rows see, from a start of chunks on.
DEVICE Range keys_of(const Attention& a, int segment, int owner) {
  const int length = a.segments[segment].query_length;
  const Range keys = visible(a, owner, position(a, segment, 0), position(a, segment, length - 1));
  return {keys.begin / START * START, keys.end};
}
DEVICE int chunks_of(const Range& keys, int size) { return keys.begin < keys.end ? (keys.end - keys.begin + size - 1) / size : 0; }
DEVICE int chunks_of(const Attention& a, int segment, int size) {
  int chunks = 0;
  for (int owner = segment; owner >= 0; owner = a.segments[owner].parent) chunks += chunks_of(keys_of(a, segment, owner), size);
  return chunks;
}
DEVICE int chunk_size(const Attention& a, int segment, int parts) {
  int size = CHUNK;
  while (chunks_of(a, segment, size) > parts) size *= 2;
  return size;
}
// Chunk number `index` of a segment, from the root of its chain on.
DEVICE Keys chunk_at(const Attention& a, int segment, int index, int size) {
  for (int owner = next_in_chain(a, segment, -1);; owner = next_in_chain(a, segment, owner)) {
    const Range keys = keys_of(a, segment, owner);
    const int chunks = chunks_of(keys, size), first = keys.begin + index * size;
    if (index < chunks) return keys_at(a, owner, first, min(size, keys.end - first));
    index -= chunks;
  }
}

// Leaves the parts of SIZE / 16 warps in shared memory.
template <class T, int MAX, int SIZE>
DEVICE const float* run_chunk(const Attention& a, const Rows& rows, const Keys& chunk, const Matrix& q, const Matrix& k,
                              const Matrix& v) {
  constexpr bool APART = sizeof(T) == 2;  // weights need no room in shared memory
  constexpr int P = PITCH<T, MAX>;
  DYNAMIC_SHARED(uint4, shared);
  T *const query = (T*)shared, *const key = query + FEW_ROWS * P, *const value = key + SIZE * P;
  const int depth = padded(a.dim), mine = 16 * warp();
  const auto keys_from = [&](int i) {
    return Keys{chunk.owner, chunk.first + i, min(SIZE, chunk.count - i), chunk.position + i, chunk.row + i};
  };
  const auto fetch = [&](const Matrix& m, int first, T* to) {
    load_keys<MAX, SIZE>(a, m, keys_from(first), rows.kv_head, to);
    cp_async_commit();
  };
  load_rows<MAX, FEW_ROWS>(a, q, rows, query);
  fetch(k, 0, key);
  Softmax<1> state;
  __shared__ int positions[WARPS][FEW_ROWS];
  start(rows, 0, positions[warp()], state);
  float sum[1][MAX / 8][4];
  clear(sum);
  for (int first = 0; first < chunk.count; first += SIZE) {
    const Keys keys = keys_from(first);
    const bool busy = mine < keys.count;
    cp_async_wait<0>();
    __syncthreads();
    fetch(v, first, value);
    float s[1][2][4];
    if (busy) {
      clear(s);
      multiply_rows<MAX>(query, key + mine * P, depth, 16, s);
      weigh<MAX, true>(a, keys, mine, state, s, sum);
    }
    cp_async_wait<0>();
    __syncthreads();
    const bool more = first + SIZE < chunk.count;
    if (APART && more) fetch(k, first + SIZE, key);
    if (busy) multiply_weights<MAX>(s, value + mine * P, depth, 16, sum, key + (APART ? 0 : warp() * ROOM<2>));
    if (!APART) {
      __syncthreads();
      if (more) fetch(k, first + SIZE, key);
    }
  }
  __syncthreads();
  float* const part = (float*)key + warp() * part_floats(a);
#pragma unroll
  for (int h = 0; h < 2; h++) {
    if (mine >= SIZE) continue;
    float* const to = part + (lane() / 4 + 8 * h) * (a.dim + 2);
    const float total = sum_of_row(state.total[0][h]);
    if (lane() % 4 == 0) to[0] = state.largest[0][h] * factor_of(a), to[1] = total;
#pragma unroll
    for (int n = 0; n < MAX / 8; n++) {
      const int c = 8 * n + lane() % 4 * 2;
      if (c < a.dim) to[2 + c] = sum[0][n][2 * h];
      if (c + 1 < a.dim) to[3 + c] = sum[0][n][2 * h + 1];
    }
  }
  __syncthreads();
  return (const float*)key;
}

// Whether the calling block is the last of `count` that come here with a ticket; it has then seen what the others wrote.
DEVICE bool last_of(u32* ticket, u32 count) {
  __shared__ u32 before;
  __syncthreads();
  if (threadIdx.x == 0) before = atomic_add_acq_rel(ticket, 1);
  __syncthreads();
  const bool last = before == count - 1;
  if (last && threadIdx.x == 0) store_release(ticket, 0);
  return last;
}

template <class T, int MAX, int SIZE>
DEVICE void decode(const Attention& a, int from, int to, int limit, float* parts, u32* tickets, const Matrix& q, const Matrix& k,
                   const Matrix& v, const Matrix& o, const Matrix& lse) {
  const int floats = part_floats(a);
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task;
    const int s = segment_of(from, to, rest, [&](int i) {
      return has_few_rows(a, i, limit) ? a.kv_heads * chunks_of(a, i, chunk_size(a, i, limit)) : 0;
    });
    if (s < 0) return;
    const int size = chunk_size(a, s, limit), chunks = chunks_of(a, s, size), head = rest % a.kv_heads;
    const Rows rows = few_rows(a, s, head);
    const auto put = [&](int i, int c, float sum, float largest, float total) {
      store(row_of<T>(o, rows, i, a.dim) + c, total > 0 ? sum / total : total);
      if (c == 0) *row_of<float>(lse, rows, i, 1) = log_sum(largest, total);
    };
    const float* const warps = run_chunk<T, MAX, SIZE>(a, rows, chunk_at(a, s, rest / a.kv_heads, size), q, k, v);
    if (chunks == 1) {
      join(a, warps, SIZE / 16, floats, rows.count, put);
    } else {
      float* const mine = parts + (i64)task * floats;
      join(a, warps, SIZE / 16, floats, rows.count, [&](int i, int c, float sum, float largest, float total) {
        float* const part = mine + i * (a.dim + 2);
        part[2 + c] = sum;
        if (c == 0) part[0] = largest, part[1] = total;
      });
      if (last_of(tickets + (s - from) * a.kv_heads + head, chunks)) {
        join(a, parts + (i64)(task - rest + head) * floats, chunks, (i64)a.kv_heads * floats, rows.count, put);
      }
    }
    __syncthreads();
  }
}

extern "C" __global__ void __launch_bounds__(128)
    attention_decode_64(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int from, int to,
    int limit, float* parts, u32* tickets) {
  const Attention a = attention_of(segments, to, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  decode<bf16, 64, 64>(a, from, to, limit, parts, tickets, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_decode_128(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int from, int to,
    int limit, float* parts, u32* tickets) {
  const Attention a = attention_of(segments, to, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  decode<bf16, 128, 64>(a, from, to, limit, parts, tickets, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_decode_256(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int from, int to,
    int limit, float* parts, u32* tickets) {
  const Attention a = attention_of(segments, to, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  decode<bf16, 256, 64>(a, from, to, limit, parts, tickets, q, k, v, o, lse);
}
extern "C" __global__ void __launch_bounds__(128)
    attention_decode_f32(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse,
    const int* segments, int kv_heads, int window, int causal, float scale, float soft_cap, int from, int to,
    int limit, float* parts, u32* tickets) {
  const Attention a = attention_of(segments, to, kv_heads, window, causal, scale, soft_cap, {}, lse, k, v, q);
  if (a.dim <= 64) decode<float, 64, 64>(a, from, to, limit, parts, tickets, q, k, v, o, lse);
  else if (a.dim <= 128) decode<float, 128, 64>(a, from, to, limit, parts, tickets, q, k, v, o, lse);
  else decode<float, 256, 32>(a, from, to, limit, parts, tickets, q, k, v, o, lse);
}
