// Rows of a table by number, and the sum of gradient rows back into it. An id outside the table is counted and left out.
extern "C" __global__ void __launch_bounds__(256) embedding_forward(Matrix table, const int* ids, float scale, Matrix y, u32* outside) {
  with_compute_type(table.dtype, [&](auto* tx) {
    with_compute_type(y.dtype, [&](auto* ty) {
      each_piece(y, [&](i64 i, i64 first, int n) {
        const u32 id = (u32)ids[i];
        if (id >= table.rows) {
          if (first == 0) atomicAdd(outside, 1u);
          return;
        }
        float v[EIGHT];
        load8(row(tx, table, id) + first, n, v);
#pragma unroll
        for (int k = 0; k < EIGHT; k++) v[k] *= scale;
        store8(row(ty, y, i) + first, n, v);
      });
    });
  });
}

// Eight columns of all rows of dy that have the id of row i, in order, by the block of the first such row.
template <class X, class Y>
DEVICE void add_rows(X* tx, Y* ty, const Matrix& dy, const int* ids, float scale, const Matrix& sum, i64 i, i64 first) {
  __shared__ u32 masks[BLOCK / WARP];
  const int n = (int)max(0ll, min((i64)EIGHT, dy.cols - first));
  Y* to = row(ty, sum, ids[i]) + first;
  float total[EIGHT];
  for (i64 base = 0; base < dy.rows; base += BLOCK) {
    const i64 mine = base + threadIdx.x;
    const u32 mask = __ballot_sync(~0u, mine < dy.rows && ids[mine] == ids[i]);
    __syncthreads();  // the last masks have been read
    if (threadIdx.x % WARP == 0) masks[threadIdx.x / WARP] = mask;
    __syncthreads();
    for (int w = 0; w < BLOCK / WARP; w++) {
      for (u32 m = masks[w]; m != 0; m &= m - 1) {
        const i64 k = base + w * WARP + __ffs((int)m) - 1;
        if (k < i) return;
        float v[EIGHT];
        load8(row(tx, dy, k) + first, n, v);
        if (k == i) load8(to, n, total);
#pragma unroll
        for (int e = 0; e < EIGHT; e++) total[e] = rounded(ty, __fmaf_rn(v[e], scale, total[e]));
      }
    }
  }
  store8(to, n, total);
}

extern "C" __global__ void __launch_bounds__(256) embedding_backward(Matrix dy, const int* ids, float scale, Matrix dTableSum,
                                                                     u32* outside) {
  const i64 spans = (dy.cols + BLOCK * EIGHT - 1) / (BLOCK * EIGHT);
  with_compute_type(dy.dtype, [&](auto* tx) {
    with_compute_type(dTableSum.dtype, [&](auto* ty) {
      for (i64 b = blockIdx.x; b < dy.rows * spans; b += gridDim.x) {
        const i64 i = b / spans, span = b % spans;
        if ((u32)ids[i] < dTableSum.rows) {
          add_rows(tx, ty, dy, ids, scale, dTableSum, i, (span * BLOCK + threadIdx.x) * EIGHT);
        } else if (span == 0 && threadIdx.x == 0) {
          atomicAdd(outside, 1u);
        }
      }
    });
  });
}
