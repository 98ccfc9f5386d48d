// What attention_dq and attention_dkv share:
//   P = exp(S - lse)   dP = M * dO vT   dS = P * (dP - delta) * dcap(S)   delta = sum of dO * o, M: dropout's factors
//   dq += dS k         dk += dST q      dv += (M * P)T dO                 (dq and dk are scaled when they are stored)
// From a product q k and a product dO v to a weight times its factor and the gradient of a score; lse to base 2.
DEVICE void gradient(const Attention& a, bool seen, float lse, float delta, float factor, float& s, float& d) {
  if (scaled_before(a)) s = scaled(a, s);
  const float p = seen ? exp2_approx(__fmaf_rn(s, factor_of(a), -lse)) : 0;
  d = seen ? p * (d * factor - delta) : 0;
  if (a.soft_cap > 0) {
    const float t = s / (a.soft_cap * LOG2E);
    d *= __fmaf_rn(-t, t, 1);
  }
  s = p * factor;
}
// A row that saw no key weighs nothing: 2^-infinity.
DEVICE float base_of(float lse) { return lse == -infinity() ? infinity() : lse * LOG2E; }

// The same of all products of a lane. Of the element in column i of eight n, row h: lse(n, h, i) to base 2, delta(n, h, i); where not
// all are seen, seen(n, h, i); where some are dropped, kept(n, h, i) is the factor.
template <int N, class L, class D, class S, class K>
DEVICE void gradients(const Attention& a, bool all, float (&s)[1][N][4], float (&d)[1][N][4], L lse, D delta, S seen, K kept) {
  const bool drops = a.dropout.token_index != nullptr;
  if (drops || scaled_before(a)) {
    by_turns(s[0], [&](int n, float* x) {
#pragma unroll
      for (int k = 0; k < 4; k++) {
        const int h = k / 2, i = k % 2;
        gradient(a, all || seen(n, h, i), lse(n, h, i), delta(n, h, i), drops ? kept(n, h, i) : 1, x[k], d[0][0][k]);
      }
      turn(d[0]);
    });
    return;
  }
  const float factor = factor_of(a);
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const float p = exp2_approx(__fmaf_rn(s[0][n][k], factor, -lse(n, k / 2, k % 2)));
      d[0][n][k] = p * (d[0][n][k] - delta(n, k / 2, k % 2));
      s[0][n][k] = p;
    }
  }
  if (all) return;
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const bool there = seen(n, k / 2, k % 2);
      s[0][n][k] = there ? s[0][n][k] : 0, d[0][n][k] = there ? d[0][n][k] : 0;
    }
  }
}

DEVICE float* delta_at(const Attention& a, float* deltas, const Rows& r, int i) {
  return deltas + (i64)(r.query_first + query_of(r, i)) * a.heads + head_of(r, i);
}
// delta of the 16 rows of a warp, two lanes for each; lane 2 i returns that of row i.
template <class T>
DEVICE float delta_of(const Attention& a, const Rows& rows, int first, const Matrix& o, const Matrix& d_o, float* deltas) {
  const int i = first + lane() / 2;
  float x[EIGHT], y[EIGHT], sum = 0;
  for (int c = lane() % 2 * EIGHT; i < rows.count && c < a.dim; c += 2 * EIGHT) {
    load8(row_of<const T>(o, rows, i, a.dim) + c, min(EIGHT, a.dim - c), x);
    load8(row_of<const T>(d_o, rows, i, a.dim) + c, min(EIGHT, a.dim - c), y);
#pragma unroll
    for (int k = 0; k < EIGHT; k++) sum = __fmaf_rn(x[k], y[k], sum);
  }
  sum += __shfl_xor_sync(~0u, sum, 1);
  if (i < rows.count && lane() % 2 == 0) *delta_at(a, deltas, rows, i) = sum;
  return sum;
}
