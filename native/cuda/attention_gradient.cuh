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

DEVICE float* delta_at(const Attention& a, float* deltas, const Rows& r, int i) {
  return deltas + (i64)(a.segments[r.segment].query_first + query_of(r, i)) * a.heads + head_of(r, i);
}
