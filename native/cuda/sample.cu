// After rank.cuh.
// Draws the next token among those that a repetition penalty, a temperature, top-k, top-p and min-p leave. A block has a row, which it
// reads several times. Probabilities are whole numbers, so that their sums are the same in any order: as in sample.cpp.
constexpr int SAMPLE_THREADS = 1024, SAMPLE_WARPS = SAMPLE_THREADS / WARP, DIGIT = 11, BINS = 1 << DIGIT, ALL_BITS = 64;
constexpr float FARTHEST = 28, BINS_PER_UNIT = 64;  // exp(-28) is less than 2^-40

namespace {
struct Logits {
  const float* values;
  const u8* seen;  // a bit for each token, or none
  int count;
  float penalty, temperature, largest;

  // f(token, logit) for this thread's tokens.
  template <class F>
  __device__ __forceinline__ void each(int begin, int end, F f) const {
    for (int first = begin + (int)threadIdx.x * EIGHT; first < end; first += SAMPLE_THREADS * EIGHT) {
      const int n = min(EIGHT, end - first);
      float v[EIGHT];
      load8(values + first, n, v);
      const u32 bits = seen != nullptr ? seen[first / EIGHT] : 0;
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        const float changed = v[k] > 0 ? __fdiv_rn(v[k], penalty) : __fmul_rn(v[k], penalty);
        if (k < n) f(first + k, bits >> k & 1 ? changed : v[k]);
      }
    }
  }
  template <class F>
  __device__ __forceinline__ void each(F f) const { each(0, count, f); }
  // How much less likely than the likeliest, as a logarithm; NaN of NaN.
  __device__ __forceinline__ float distance(float x) const {
    return x == largest ? 0 : __fdiv_rn(__fsub_rn(largest, x), temperature);
  }
};

// 2^40 exp(-distance), rounded down; 2^f for f in [0, 1] by a polynomial whose relative error is 9e-8, rounding included.
DEVICE u64 weight_of(float distance) {
  if (!(distance < FARTHEST)) return 0;
  const float t = __fmul_rn(distance, -1.44269504f);
  int whole = (int)t;
  if (t < (float)whole) whole--;
  const float f = __fsub_rn(t, (float)whole);
  float p = 0.00021612924f;
  const float factors[6] = {0.0012467843f, 0.0096754516f, 0.055485282f, 0.24022931f, 0.69314706f, 1};
#pragma unroll
  for (int i = 0; i < 6; i++) p = __fadd_rn(__fmul_rn(p, f), factors[i]);
  return (u64)(u32)__fmul_rn(p, 8388608.0f) << 17 >> -whole;
}

struct Sums {
  u64 warps[SAMPLE_WARPS];
};
DEVICE u64 of_lane_below(u64 v, int distance) {
  return (u64)__shfl_up_sync(~0u, (u32)(v >> 32), distance) << 32 | __shfl_up_sync(~0u, (u32)v, distance);
}
// The sum of the threads before this one, and of all.
DEVICE u64 sum_before(u64 mine, Sums& sums, u64& all) {
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  u64 up_to = mine;
#pragma unroll
  for (int d = 1; d < WARP; d *= 2) {
    const u64 below = of_lane_below(up_to, d);
    if (lane >= d) up_to += below;
  }
  __syncthreads();  // the sums of the last call were read
  if (lane == WARP - 1) sums.warps[warp] = up_to;
  __syncthreads();
  u64 before = up_to - mine;
  all = 0;
  for (int w = 0; w < SAMPLE_WARPS; w++) {
    if (w < warp) before += sums.warps[w];
    all += sums.warps[w];
  }
  return before;
}

struct Bins {
  u64 sum[BINS], rank[BINS];
  u32 count[BINS];
  Sums sums;
  u64 left, last;  // of the target in the chosen bin, and a token there
  u32 tokens;      // there
  int chosen;
};

// The rank of the last token that a sum of weights needs to reach a target, from the first token on; 0 if all do not. First the tokens
// are told apart by their distance, which spreads them, then those of one distance by digits of their rank, until one is left.
template <class W, class T>
DEVICE u64 last_rank(const Logits& x, u64 bound, Bins& bins, W weight, T target_of) {
  int bin = -1, shift = ALL_BITS;
  u64 prefix = 0, target = 0;
  for (;;) {
    const int below = max(shift - DIGIT, 0), mask = (1 << (shift - below)) - 1;
    for (int i = threadIdx.x; i < BINS; i += SAMPLE_THREADS) bins.sum[i] = bins.count[i] = 0;
    if (threadIdx.x == 0) bins.chosen = -1, bins.left = bins.last = bins.tokens = 0;
    __syncthreads();
    x.each([&](int token, float logit) {
      const float distance = x.distance(logit);
      const u64 rank = rank_of(logit, token);
      if (!(distance < FARTHEST) || rank < bound) return;
      int at = (int)__fmul_rn(distance, BINS_PER_UNIT);
      if (bin >= 0) {
        if (at != bin || (shift < ALL_BITS && rank >> shift != prefix)) return;
        at = mask - (int)(rank >> below & mask);
      }
      atomicAdd(&bins.sum[at], weight(distance));
      if (atomicAdd(&bins.count[at], 1u) == 0) bins.rank[at] = rank;
    });
    __syncthreads();
    const int first = 2 * (int)threadIdx.x;
    const u64 one = bins.sum[first], two = bins.sum[first + 1];
    u64 all;
    const u64 before = sum_before(one + two, bins.sums, all);
    if (bin < 0) target = target_of(all);
    if (before < target && target <= before + one + two) {
      const int at = first + (target > before + one);
      bins.chosen = at;
      bins.left = target - before - (at == first ? 0 : one);
      bins.tokens = bins.count[at];
      bins.last = bins.rank[at];
    }
    __syncthreads();
    const int chosen = bins.chosen;
    const u64 last = bins.last;
    const bool found = chosen < 0 || bins.tokens == 1;
    target = bins.left;
    __syncthreads();
    if (found) return chosen < 0 ? 0 : last;
    if (bin < 0) {
      bin = chosen;
    } else {
      prefix = prefix << (shift - below) | (u64)(mask - chosen);
      shift = below;
    }
  }
}

DEVICE u64 largest_rank(const Logits& x, u64* best) {
  u64 mine = 0;
  x.each([&](int token, float logit) { mine = max(mine, rank_of(logit, token)); });
  best[threadIdx.x] = mine;
  for (int half = SAMPLE_THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if ((int)threadIdx.x < half) best[threadIdx.x] = max(best[threadIdx.x], best[threadIdx.x + half]);
  }
  __syncthreads();
  const u64 all = best[0];
  __syncthreads();
  return all;
}

// In the order of tokens, the first one at which the sum of weights exceeds a part of all: `word` of 2^32.
DEVICE int drawn(const Logits& x, u64 bound, u64 least, u32 word, Sums& sums, int* found) {
  const auto weight = [&](int token, float logit) {
    if (rank_of(logit, token) < bound) return (u64)0;
    const u64 w = weight_of(x.distance(logit));
    return w < least ? 0 : w;
  };
  u64 mine = 0, all, before = 0;
  x.each([&](int token, float logit) { mine += weight(token, logit); });
  sum_before(mine, sums, all);
  const u64 target = (all >> 32) * word + ((all & 0xffffffffu) * word >> 32);
  for (int begin = 0; begin < x.count; begin += SAMPLE_THREADS * EIGHT) {
    const int end = min(x.count, begin + SAMPLE_THREADS * EIGHT);
    u64 part = 0, tile;
    x.each(begin, end, [&](int token, float logit) { part += weight(token, logit); });
    u64 up_to = before + sum_before(part, sums, tile);
    if (up_to <= target && target < up_to + part) {
      bool over = false;
      x.each(begin, end, [&](int token, float logit) {
        up_to += weight(token, logit);
        if (!over && up_to > target) *found = token, over = true;
      });
    }
    before += tile;
    if (before > target) break;
  }
  __syncthreads();
  return *found;
}
}  // namespace

extern "C" __global__ void __launch_bounds__(1024)
    sample(Matrix x, int count, const int* choices, u8* seen, int words, int sequences, float penalty, float temperature,
           int top_k, int top_p, i64 least, int* found) {
  __shared__ Bins bins;
  __shared__ int token;
  for (i64 i = blockIdx.x; i < x.rows; i += gridDim.x) {
    const u32 word = (u32)choices[2 * i];
    const int sequence = choices[2 * i + 1];
    u8* const own = seen != nullptr && sequence >= 0 && sequence < sequences ? seen + 4 * (i64)words * sequence : nullptr;
    Logits logits{row((const float*)nullptr, x, i), own, count, penalty, temperature, 0};
    const u64 best = largest_rank(logits, bins.rank);
    int chosen = index_of(best);
    if (best >> 32 != 0 && temperature > 0) {
      logits.largest = value_of(best);
      u64 bound = 0;
      if (top_k > 0) bound = last_rank(logits, bound, bins, [](float) { return (u64)1; }, [&](u64) { return (u64)top_k; });
      if (top_p < 1 << 24) {
        bound = max(bound, last_rank(logits, bound, bins, weight_of, [&](u64 all) {
          return max((all >> 24) * (u64)top_p + ((all & 0xffffffu) * (u64)top_p >> 24), (u64)1);
        }));
      }
      chosen = drawn(logits, bound, (u64)least, word, bins.sums, &token);
    }
    if (threadIdx.x == 0) {
      found[i] = chosen;
      if (own != nullptr) own[chosen / 8] |= (u8)(1 << chosen % 8);
    }
    __syncthreads();
  }
}
