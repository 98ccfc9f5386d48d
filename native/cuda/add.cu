// ySum += x, summed in fp32 and rounded once.
extern "C" __global__ void __launch_bounds__(256) add(Matrix x, Matrix ySum) {
  with_compute_type(x.dtype, [&](auto* tx) {
    with_compute_type(ySum.dtype, [&](auto* ty) {
      each_piece(x, [&](i64 i, i64 first, int n) {
        float a[EIGHT], b[EIGHT];
        load8(row(tx, x, i) + first, n, a);
        load8(row(ty, ySum, i) + first, n, b);
#pragma unroll
        for (int k = 0; k < EIGHT; k++) b[k] += a[k];
        store8(row(ty, ySum, i) + first, n, b);
      });
    });
  });
}
