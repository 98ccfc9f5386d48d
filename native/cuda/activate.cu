// After functions.cuh.
// y = f(x), dx = dy * f'(x).
extern "C" __global__ void __launch_bounds__(256) activate_forward(int activation, Matrix x, Matrix y) {
  with_activation(activation, [&](auto f) {
    with_compute_type(x.dtype, [&](auto* t) {
      each_piece(x, [&](i64 i, i64 first, int n) {
        float v[EIGHT];
        load8(row(t, x, i) + first, n, v);
#pragma unroll
        for (int k = 0; k < EIGHT; k++) v[k] = f.value(v[k]);
        store8(row(t, y, i) + first, n, v);
      });
    });
  });
}

extern "C" __global__ void __launch_bounds__(256) activate_backward(int activation, Matrix x, Matrix dy, Matrix dx) {
  with_activation(activation, [&](auto f) {
    with_compute_type(x.dtype, [&](auto* t) {
      each_piece(x, [&](i64 i, i64 first, int n) {
        float v[EIGHT], d[EIGHT];
        load8(row(t, x, i) + first, n, v);
        load8(row(t, dy, i) + first, n, d);
#pragma unroll
        for (int k = 0; k < EIGHT; k++) d[k] *= f.both(v[k]).slope;
        store8(row(t, dx, i) + first, n, d);
      });
    });
  });
}
