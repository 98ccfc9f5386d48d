// What attention and attention_decode share: the softmax of a walk over blocks of keys, with a running maximum, and which of them
// has a segment.
constexpr int FEW_ROWS = 16;  // one row of fragments

// Whether a segment has so few rows that its keys are split over blocks. No chain may have more owners than a segment parts.
DEVICE bool has_few_rows(const Attention& a, int segment, int limit) {
  const i64 rows = (i64)a.segments[segment].query_length * group_of(a);
  if (rows == 0 || rows > FEW_ROWS) return false;
  int owners = 0;
  for (int s = segment; s >= 0; s = a.segments[s].parent) owners++;
  return owners <= limit;
}

// Of a warp's rows, in fragments: the largest score so far, and a lane's part of the total relative to it.
template <int M>
struct Softmax {
  float largest[M][2], total[M][2];
  int low, high;         // positions of all rows of the warp
  const int* positions;  // of each, in shared memory, since registers are few
};
template <int M>
DEVICE void start(const Rows& rows, int first, int* positions, Softmax<M>& state) {
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      state.largest[m][h] = -infinity(), state.total[m][h] = 0;
    }
  }
  if (lane() < 16 * M) positions[lane()] = position_of(rows, first + lane());
  __syncwarp();
  state.positions = positions;
  state.low = positions[0], state.high = positions[16 * M - 1];
}

// Whether a row of the warp sees a key of a block.
template <int M>
DEVICE bool in_sight(const Attention& a, const Softmax<M>& state, const Keys& keys) {
  return keys.position <= state.high && (a.window == 0 || state.low - (keys.position + keys.count - 1) < a.window);
}

// Scores of keys from a position on that are not there, or that a row does not see, become -infinity.
template <int M, int N>
DEVICE void mask(const Attention& a, int first, int count, const Softmax<M>& state, float (&s)[M][N][4]) {
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const int own = state.positions[16 * m + 8 * h + lane() / 4] - first, last = min(own, count - 1) - lane() % 4 * 2;
      const int before = (a.window > 0 ? own - a.window : -1) - lane() % 4 * 2;
#pragma unroll
      for (int n = 0; n < N; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float& x = s[m][n][2 * h + i];
          x = 8 * n + i <= last && 8 * n + i > before ? x : -infinity();
        }
      }
    }
  }
}

// Turns the products of the rows with keys offset.. of a block into weights relative to the new maximum. What was added with older
// ones has to shrink.
template <bool CAPS, int M, int N>
DEVICE void weigh(const Attention& a, const Keys& keys, int offset, Softmax<M>& state, float (&s)[M][N][4], float (&shrink)[M][2]) {
  const int first = keys.position + offset, count = keys.count - offset;
  const bool all = count >= 8 * N && first + 8 * N - 1 <= state.low && (a.window == 0 || state.high - first < a.window);
  const float factor = factor_of(a);
  if (CAPS && scaled_before(a)) {
#pragma unroll
    for (int m = 0; m < M; m++) {
      by_turns(s[m], [&](int, float* x) {
#pragma unroll
        for (int k = 0; k < 4; k++) x[k] = scaled(a, x[k]);
      });
    }
  }
  if (!all) mask(a, first, count, state, s);
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float top = state.largest[m][h];
#pragma unroll
      for (int n = 0; n < N; n++) top = fmaxf(top, fmaxf(s[m][n][2 * h], s[m][n][2 * h + 1]));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
      // A row that has seen no key yet: any finite maximum gives weights of zero.
      const float base = top == -infinity() ? 0 : __fmul_rn(top, factor);
      shrink[m][h] = exp2_approx(__fmul_rn(state.largest[m][h], factor) - base);
      float total = 0;
#pragma unroll
      for (int n = 0; n < N; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float& x = s[m][n][2 * h + i];
          x = exp2_approx(__fmaf_rn(x, factor, -base));
          total += x;
        }
      }
      state.largest[m][h] = top;
      state.total[m][h] = __fmaf_rn(state.total[m][h], shrink[m][h], total);
    }
  }
}
template <int M, int N>
DEVICE void multiply(const float (&factor)[M][2], float (&sum)[M][N][4]) {
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      if (!__any_sync(~0u, factor[m][h] != 1)) continue;
#pragma unroll
      for (int n = 0; n < N; n++) sum[m][n][2 * h] *= factor[m][h], sum[m][n][2 * h + 1] *= factor[m][h];
    }
  }
}
template <int MAX, bool CAPS, int M, int N>
DEVICE void weigh(const Attention& a, const Keys& keys, int offset, Softmax<M>& state, float (&s)[M][N][4],
                  float (&sum)[M][MAX / 8][4]) {
  float shrink[M][2];
  weigh<CAPS>(a, keys, offset, state, s, shrink);
  multiply(shrink, sum);
}

DEVICE float sum_of_row(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}
// Log of the sum of exp(score), given the largest score to base 2 and the sum relative to it.
DEVICE float log_sum(float largest, float total) { return total == 0 ? -infinity() : (largest + log2f(total)) * LN2; }
// Stores what the rows of a warp came to, by way of room for them in shared memory.
template <int MAX, class T, int M>
DEVICE void finish(const Attention& a, const Rows& rows, int first, const Softmax<M>& state, float (&sum)[M][MAX / 8][4], T* room,
                   const Matrix& o, const Matrix& lse) {
#pragma unroll
  for (int m = 0; m < M; m++) {
    const int row = first + 16 * m;
    if (row >= rows.count) return;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const float total = sum_of_row(state.total[m][h]), factor = total > 0 ? 1 / total : total;
#pragma unroll
      for (int n = 0; n < MAX / 8; n++) sum[m][n][2 * h] *= factor, sum[m][n][2 * h + 1] *= factor;
      const int i = row + 8 * h + lane() / 4;
      if (lane() % 4 != 0 || i >= rows.count) continue;
      *row_of<float>(lse, rows, i, 1) = log_sum(state.largest[m][h] * factor_of(a), total);
    }
    store_rows<MAX>(sum[m], 1, room + 16 * m * PITCH<T, MAX>, min(16, rows.count - row), a.dim,
                    [&](int i) { return row_of<T>(o, rows, row + i, a.dim); });
  }
}
