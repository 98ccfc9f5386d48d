// After rows.cuh.
// Root-mean-square norm in groups of n columns.
template <class TEAM, class T>
DEVICE void forward(T* t, const Matrix& x, const Matrix& gamma, float offset, float eps, const Matrix& y, const Matrix& rstd) {
  const i64 n = gamma.cols, groups = rstd.cols;
  const float* scale = (const float*)gamma.data;
  each_row<TEAM>(x.rows * groups, [&](i64 g) {
    const i64 i = g / groups, at = g % groups * n;
    Row<TEAM, T> from{row(t, x, i) + at};
    T* to = row(t, y, i) + at;
    float squares[1] = {0};
    each_of_row<TEAM, T>(n, [&](u32 first, int count, int j) {
      float v[EIGHT];
      from.read(first, count, j, v);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) squares[0] = __fmaf_rn(v[k], v[k], squares[0]);
    });
    team_reduce<Sum, TEAM::size>(squares);
    const float root = 1.0f / sqrtf(squares[0] / (float)n + eps);
    each_of_row<TEAM, T>(n, [&](u32 first, int count, int j) {
      float v[EIGHT], s[EIGHT];
      from.again(first, count, j, v);
      load8(piece<TEAM>(scale, first), count, s);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        const float normed = v[k] * root;
        // Without an offset, as where such models were trained: rounded to the type of x before gamma.
        v[k] = (offset == 0 ? rounded(t, normed) : normed) * (s[k] + offset);
      }
      store8(piece<TEAM>(to, first), count, v);
    });
    if (threadIdx.x % TEAM::size == 0) row((float*)nullptr, rstd, i)[g % groups] = root;
  });
}

// dx = rstd * g - x * rstd^3 * mean(g * x), g = dy * (gamma + offset)
template <class TEAM, class T>
DEVICE void backward(T* t, const Matrix& dy, const Matrix& x, const Matrix& gamma, float offset, const Matrix& rstd, const Matrix& dx,
                     bool add) {
  const i64 n = gamma.cols, groups = rstd.cols;
  const float* scale = (const float*)gamma.data;
  each_row<TEAM>(x.rows * groups, [&](i64 g) {
    const i64 i = g / groups, at = g % groups * n;
    Row<TEAM, T> from{row(t, x, i) + at}, d{row(t, dy, i) + at};
    T* to = row(t, dx, i) + at;
    const float root = row((float*)nullptr, rstd, i)[g % groups];
    float dot[1] = {0};
    each_of_row<TEAM, T>(n, [&](u32 first, int count, int j) {
      float v[EIGHT], w[EIGHT], s[EIGHT];
      from.read(first, count, j, v);
      d.read(first, count, j, w);
      load8(piece<TEAM>(scale, first), count, s);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) dot[0] = __fmaf_rn(w[k] * (s[k] + offset), v[k], dot[0]);
    });
    team_reduce<Sum, TEAM::size>(dot);
    const float back = root * root * root * (dot[0] / (float)n);
    each_of_row<TEAM, T>(n, [&](u32 first, int count, int j) {
      float v[EIGHT], w[EIGHT], s[EIGHT], sum[EIGHT];
      from.again(first, count, j, v);
      d.again(first, count, j, w);
      load8(piece<TEAM>(scale, first), count, s);
      if (add) load8(piece<TEAM>(to, first), count, sum);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        const float out = __fmaf_rn(-v[k], back, w[k] * (s[k] + offset) * root);
        sum[k] = add ? sum[k] + out : out;
      }
      store8(piece<TEAM>(to, first), count, sum);
    });
  });
}

extern "C" __global__ void __launch_bounds__(256) rms_norm_forward(Matrix x, Matrix gamma, float gammaOffset, float eps, Matrix y,
                                                                   Matrix rstd) {
  let_next_launch_begin();
  with_compute_type(x.dtype, [&](auto* t) {
    with_team(gamma.cols, in_pieces(x) && in_pieces(gamma) && in_pieces(y), [&](auto team) {
      forward<decltype(team)>(t, x, gamma, gammaOffset, eps, y, rstd);
    });
  });
}

extern "C" __global__ void __launch_bounds__(256) rms_norm_backward(Matrix dy, Matrix x, Matrix gamma, float gammaOffset, Matrix rstd,
                                                                    Matrix dx, int add) {
  with_compute_type(x.dtype, [&](auto* t) {
    with_team(gamma.cols, in_pieces(dy) && in_pieces(x) && in_pieces(gamma) && in_pieces(dx), [&](auto team) {
      backward<decltype(team)>(t, dy, x, gamma, gammaOffset, rstd, dx, add != 0);
    });
  });
}
