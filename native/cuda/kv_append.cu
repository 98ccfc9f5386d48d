// Rows of keys and values into the rows of a cache that are named for them. One outside is counted and left out.
extern "C" __global__ void __launch_bounds__(256) kv_append(Matrix k, Matrix v, const int* rows, Matrix cache, u32* outside) {
  const i64 pieces = (k.cols + EIGHT - 1) / EIGHT;
  with_compute_type(k.dtype, [&](auto* t) {
    each_item(k.rows, 2 * pieces, [&](i64 i, i64 p) {
      const u32 to = (u32)rows[i];
      if (to >= cache.rows) {
        if (p == 0) atomicAdd(outside, 1u);
        return;
      }
      const bool value = p >= pieces;
      const i64 first = (p - (value ? pieces : 0)) * EIGHT;
      const int n = (int)min((i64)EIGHT, k.cols - first);
      float x[EIGHT];
      load8((value ? row(t, v, i) : row(t, k, i)) + first, n, x);
      store8(row(t, cache, to) + (value ? k.cols : 0) + first, n, x);
    });
  });
}
