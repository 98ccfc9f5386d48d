// Loss and gradient of rows of logits, a block for each, in two passes: the largest logit and the sum of exponentials, found
// together; then the gradient over the logits, last ones first, which a cache still holds.
constexpr int THREADS = 512, IGNORED = -100;
constexpr i64 STEP = THREADS * EIGHT;
constexpr float LOWEST = -3.402823466e+38f;

template <bool CAP>
DEVICE float capped(float x, float cap) {
  return CAP ? cap * tanhf(x / cap) : x;
}

template <bool CAP, class T>
DEVICE void load_capped(const T* x, int n, float cap, float* z) {
  load8(x, n, z);
#pragma unroll
  for (int k = 0; k < EIGHT; k++) z[k] = capped<CAP>(z[k], cap);
}

// total = sum of e^(z - top), top the largest so far. An exponential of -infinity is 0, also before anything larger was seen.
struct Exponentials {
  float top = LOWEST, total = 0;
  __device__ __forceinline__ void add(const float* z, int n) {
    float high = top;
#pragma unroll
    for (int k = 0; k < EIGHT; k++) high = k < n ? max(high, z[k]) : high;
    if (high > top) {
      total *= expf(top - high);
      top = high;
    }
#pragma unroll
    for (int k = 0; k < EIGHT; k++) total += k < n ? expf(z[k] - top) : 0;
  }
  // Those of all threads of a block.
  __device__ __forceinline__ void join() {
    float most[1] = {top};
    team_reduce<Largest, THREADS>(most);
    float sum[1] = {total * expf(top - most[0])};
    team_reduce<Sum, THREADS>(sum);
    top = most[0];
    total = sum[0];
  }
};

template <bool CAP, class T>
DEVICE void loss_and_gradient(T* x, i64 cols, int label, float weight, float cap, float* loss) {
  const i64 start = (i64)threadIdx.x * EIGHT;
  Exponentials sum;
  float z[EIGHT];
  i64 at = start;
  for (; at < cols; at += STEP) {
    const int n = (int)min(cols - at, (i64)EIGHT);
    load_capped<CAP>(x + at, n, cap, z);
    sum.add(z, n);
  }
  const float at_label = threadIdx.x == 0 ? capped<CAP>(load(x + label), cap) : 0;
  sum.join();  // after which that logit becomes a gradient
  if (threadIdx.x == 0) *loss = weight * (logf(sum.total) + (sum.top - at_label));
  const float scale = weight / sum.total;
  for (at -= STEP; at >= 0; at -= STEP) {
    const int n = (int)min(cols - at, (i64)EIGHT);
    load_capped<CAP>(x + at, n, cap, z);
#pragma unroll
    for (int k = 0; k < EIGHT; k++) {
      const float e = expf(z[k] - sum.top), part = z[k] / cap;
      const float d = at + k == label ? weight * (e / sum.total - 1) : e * scale;
      z[k] = CAP ? d * __fmaf_rn(-part, part, 1.0f) : d;
    }
    store8(x + at, n, z);
  }
}

template <class T>
DEVICE void no_gradient(T* x, i64 cols) {
  const float zeros[EIGHT] = {};
  for (i64 at = (i64)threadIdx.x * EIGHT; at < cols; at += STEP) store8(x + at, (int)min(cols - at, (i64)EIGHT), zeros);
}

// A label outside the vocabulary is counted, and its row left as it is.
extern "C" __global__ void __launch_bounds__(512)
    cross_entropy(Matrix logits, const int* labels, Matrix weights, float softCap, Matrix rowLoss, u32* outside) {
  with_compute_type(logits.dtype, [&](auto* t) {
    for (i64 i = blockIdx.x; i < logits.rows; i += gridDim.x) {
      auto* x = row(t, logits, i);
      const int label = labels[i];
      const float* weight = row((float*)nullptr, weights, i);
      float* loss = row((float*)nullptr, rowLoss, i);
      if (label == IGNORED) {
        no_gradient(x, logits.cols);
        if (threadIdx.x == 0) *loss = 0;
      } else if (label < 0 || label >= logits.cols) {
        if (threadIdx.x == 0) atomicAdd(outside, 1u);
      } else if (softCap > 0) {
        loss_and_gradient<true>(x, logits.cols, label, *weight, softCap, loss);
      } else {
        loss_and_gradient<false>(x, logits.cols, label, *weight, softCap, loss);
      }
    }
  });
}
