// After philox.cuh.
// Inverted dropout with counter-based masks: y = or += kept ? x * scale : 0, scale = 1 / (1 - p). A feature is kept when the upper
// 24 bits of its word reach the threshold; a dropped NaN becomes zero as well.
extern "C" __global__ void __launch_bounds__(256) dropout(Matrix x, i64 seed, int step, int purpose, const int* tokenIndex, int threshold,
                                                          float scale, Matrix y, int add) {
  with_compute_type(x.dtype, [&](auto* t) {
    each_piece(x, [&](i64 i, i64 first, int n) {
      float v[EIGHT], sum[EIGHT];
      load8(row(t, x, i) + first, n, v);
      if (add) load8(row(t, y, i) + first, n, sum);
#pragma unroll
      for (int k = 0; k < EIGHT; k += 4) {
        const uint4 w = philox(seed, (u32)(first + k) / 4, (u32)tokenIndex[i], (u32)step, (u32)purpose);
        const u32 words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
        for (int l = 0; l < 4; l++) {
          const float kept = words[l] >> 8 < (u32)threshold ? 0 : v[k + l] * scale;
          v[k + l] = add ? kept + sum[k + l] : kept;
        }
      }
      store8(row(t, y, i) + first, n, v);
    });
  });
}
