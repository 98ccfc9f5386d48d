// Rotary position embedding, rotate-half convention, in place. A thread turns eight neighbours of the low half of a head with
// those of its high half.
extern "C" __global__ void __launch_bounds__(256) rope(Matrix x, Matrix cos, Matrix sin, int headDim, int inverse) {
  const i64 half = cos.cols, pieces = (half + EIGHT - 1) / EIGHT;
  with_compute_type(x.dtype, [&](auto* t) {
    each_item(x.rows, x.cols / headDim * pieces, [&](i64 i, i64 item) {
      const i64 j = item % pieces * EIGHT;
      const int n = (int)(half - j < EIGHT ? half - j : EIGHT);
      auto* low = row(t, x, i) + item / pieces * headDim + j;
      float a[EIGHT], b[EIGHT], c[EIGHT], s[EIGHT];
      load8(low, n, a);
      load8(low + half, n, b);
      load8(row((float*)nullptr, cos, i) + j, n, c);
      load8(row((float*)nullptr, sin, i) + j, n, s);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        const float turn = inverse ? -s[k] : s[k], v = a[k];
        a[k] = __fmaf_rn(-b[k], turn, v * c[k]);
        b[k] = __fmaf_rn(v, turn, b[k] * c[k]);
      }
      store8(low, n, a);
      store8(low + half, n, b);
    });
  });
}
