// After functions.cuh.
// x = cap * tanh(x / cap).
extern "C" __global__ void __launch_bounds__(256) soft_cap(Matrix x, float cap) {
  with_compute_type(x.dtype, [&](auto* t) {
    each_piece(x, [&](i64 i, i64 first, int n) {
      float v[EIGHT];
      load8(row(t, x, i) + first, n, v);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) v[k] = cap * hyperbolic_tangent(v[k] / cap);
      store8(row(t, x, i) + first, n, v);
    });
  });
}
