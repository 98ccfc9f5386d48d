// After rows.cuh.
// Layer norm of rows.

// The corrected two-pass algorithm (Chan, Golub and LeVeque 1983): the sum of x - near would be 0 but for the rounding of the mean,
// so it improves both the mean and the sum of squares. A row of equal numbers has that number as its mean.
template <class TEAM, class T>
DEVICE float2 moments(Row<TEAM, T>& x, i64 n, float eps) {
  float sum[1] = {0}, rest[2] = {0, 0};
  each_of_row<TEAM, T>(n, [&](u32 first, int count, int j) {
    float v[EIGHT];
    x.read(first, count, j, v);
#pragma unroll
    for (int k = 0; k < EIGHT; k++) sum[0] += v[k];
  });
  team_reduce<Sum, TEAM::size>(sum);
  const float near = sum[0] / (float)n;
  each_of_row<TEAM, T>(n, [&](u32 first, int count, int j) {
    float v[EIGHT];
    x.again(first, count, j, v);
#pragma unroll
    for (int k = 0; k < EIGHT; k++) {
      const float d = k < count ? v[k] - near : 0;
      rest[0] += d;
      rest[1] = __fmaf_rn(d, d, rest[1]);
    }
  });
  team_reduce<Sum, TEAM::size>(rest);
  const float variance = (rest[1] - rest[0] * rest[0] / (float)n) / (float)n;
  return make_float2(near + rest[0] / (float)n, 1.0f / sqrtf((variance < 0 ? 0 : variance) + eps));
}

template <class TEAM, class T>
DEVICE void forward(T* t, const Matrix& x, const Matrix& gamma, const Matrix& beta, float eps, const Matrix& y, const Matrix& mean,
                    const Matrix& rstd) {
  const float *scale = (const float*)gamma.data, *shift = (const float*)beta.data;
  each_row<TEAM>(x.rows, [&](i64 i) {
    Row<TEAM, T> from{row(t, x, i)};
    T* to = row(t, y, i);
    const float2 m = moments(from, x.cols, eps);
    each_of_row<TEAM, T>(x.cols, [&](u32 first, int count, int j) {
      float v[EIGHT], s[EIGHT], b[EIGHT];
      from.again(first, count, j, v);
      load8(piece<TEAM>(scale, first), count, s);
      load8(piece<TEAM>(shift, first), count, b);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) v[k] = __fmaf_rn((v[k] - m.x) * m.y, s[k], b[k]);
      store8(piece<TEAM>(to, first), count, v);
    });
    if (threadIdx.x % TEAM::size == 0) {
      *row((float*)nullptr, mean, i) = m.x;
      *row((float*)nullptr, rstd, i) = m.y;
    }
  });
}

// dx = rstd * (g - mean(g) - (x - mean) * rstd^2 * mean(g * (x - mean))), g = dy * gamma
template <class TEAM, class T>
DEVICE void backward(T* t, const Matrix& dy, const Matrix& x, const Matrix& gamma, const Matrix& mean, const Matrix& rstd, const Matrix& dx,
                     bool add) {
  const float* scale = (const float*)gamma.data;
  each_row<TEAM>(x.rows, [&](i64 i) {
    Row<TEAM, T> from{row(t, x, i)}, d{row(t, dy, i)};
    T* to = row(t, dx, i);
    const float middle = *row((float*)nullptr, mean, i), root = *row((float*)nullptr, rstd, i);
    float sums[2] = {0, 0};
    each_of_row<TEAM, T>(x.cols, [&](u32 first, int count, int j) {
      float v[EIGHT], w[EIGHT], s[EIGHT];
      from.read(first, count, j, v);
      d.read(first, count, j, w);
      load8(piece<TEAM>(scale, first), count, s);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        const float g = w[k] * s[k];
        sums[0] += g;
        sums[1] = __fmaf_rn(g, v[k] - middle, sums[1]);
      }
    });
    team_reduce<Sum, TEAM::size>(sums);
    const float level = sums[0] / (float)x.cols, slope = root * root * (sums[1] / (float)x.cols);
    each_of_row<TEAM, T>(x.cols, [&](u32 first, int count, int j) {
      float v[EIGHT], w[EIGHT], s[EIGHT], sum[EIGHT];
      from.again(first, count, j, v);
      d.again(first, count, j, w);
      load8(piece<TEAM>(scale, first), count, s);
      if (add) load8(piece<TEAM>(to, first), count, sum);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        const float out = __fmaf_rn(-(v[k] - middle), slope, w[k] * s[k] - level) * root;
        sum[k] = add ? sum[k] + out : out;
      }
      store8(piece<TEAM>(to, first), count, sum);
    });
  });
}

extern "C" __global__ void __launch_bounds__(256) layer_norm_forward(Matrix x, Matrix gamma, Matrix beta, float eps, Matrix y, Matrix mean,
                                                                     Matrix rstd) {
  with_compute_type(x.dtype, [&](auto* t) {
    with_team(x.cols, in_pieces(x) && in_pieces(gamma) && in_pieces(beta) && in_pieces(y), [&](auto team) {
      forward<decltype(team)>(t, x, gamma, beta, eps, y, mean, rstd);
    });
  });
}

extern "C" __global__ void __launch_bounds__(256) layer_norm_backward(Matrix dy, Matrix x, Matrix gamma, Matrix mean, Matrix rstd, Matrix dx,
                                                                      int add) {
  with_compute_type(x.dtype, [&](auto* t) {
    with_team(x.cols, in_pieces(dy) && in_pieces(x) && in_pieces(gamma) && in_pieces(dx), [&](auto team) {
      backward<decltype(team)>(t, dy, x, gamma, mean, rstd, dx, add != 0);
    });
  });
}
