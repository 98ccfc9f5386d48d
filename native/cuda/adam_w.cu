// AdamW as in PyTorch; every operation rounds where the kernel of the CPU rounds.
extern "C" __global__ void __launch_bounds__(256)
    adam_w(Matrix params, Matrix grads, Matrix m, Matrix v, float gradScale, float keep, float beta1, float oneMinusBeta1,
           float beta2, float oneMinusBeta2, float step, float root, float eps) {
  float* const f32 = nullptr;
  each_piece(params, [&](i64 i, i64 first, int n) {
    float p[EIGHT], g[EIGHT], mean[EIGHT], square[EIGHT];
    load8(row(f32, params, i) + first, n, p);
    load8(row(f32, grads, i) + first, n, g);
    load8(row(f32, m, i) + first, n, mean);
    load8(row(f32, v, i) + first, n, square);
#pragma unroll
    for (int k = 0; k < EIGHT; k++) {
      const float scaled = __fmul_rn(g[k], gradScale);
      mean[k] = __fmaf_rn(oneMinusBeta1, scaled, __fmul_rn(beta1, mean[k]));
      square[k] = __fmaf_rn(__fmul_rn(oneMinusBeta2, scaled), scaled, __fmul_rn(beta2, square[k]));
      const float down = __fmaf_rn(__fsqrt_rn(square[k]), root, eps);
      p[k] = __fmaf_rn(-step, __fdiv_rn(mean[k], down), __fmul_rn(p[k], keep));
    }
    store8(row(f32, params, i) + first, n, p);
    store8(row(f32, m, i) + first, n, mean);
    store8(row(f32, v, i) + first, n, square);
  });
}
