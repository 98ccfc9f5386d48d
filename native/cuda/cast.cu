// Changes the element type, to nearest even; equal types copy bits.
template <class X, class Y>
DEVICE void convert(const X* x, Y* y, int n) {
  float v[EIGHT];
  load8(x, n, v);
  store8(y, n, v);
}
template <class T>
DEVICE void convert(const T* x, T* y, int n) {
  if (whole(x, n) && whole(y, n)) {
#pragma unroll
    for (int k = 0; k < (int)sizeof(T) / 2; k++) ((uint4*)y)[k] = ((const uint4*)x)[k];
    return;
  }
#pragma unroll 1
  for (int k = 0; k < EIGHT; k++) {
    if (k < n) y[k] = x[k];
  }
}

extern "C" __global__ void __launch_bounds__(256) cast(Matrix from, Matrix to) {
  with_type(from.dtype, [&](auto* tx) {
    with_type(to.dtype, [&](auto* ty) {
      each_piece(from, [&](i64 i, i64 first, int n) { convert(row(tx, from, i) + first, row(ty, to, i) + first, n); });
    });
  });
}
