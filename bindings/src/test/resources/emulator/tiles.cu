// c (m, n) = a (m, k) b (k, n), bf16 in, fp32 out; a block has 64 x 16 of c, 4 warps, two buffers filled by cp.async. And
// sums (m, n / 16): the sum of each row over a tile, by shuffles.
extern "C" __global__ void __launch_bounds__(128) multiply(const u16* a, const u16* b, float* c, float* sums, int n, int k) {
  DYNAMIC_SHARED(u16, memory);
  u16* const as = memory;                    // [2][64][24]: 16 columns, padded by 8
  u16* const bs = memory + 2 * 64 * 24;      // [2][16][24]
  const int t = threadIdx.x, lane = t & 31, warp = t >> 5;
  const int m0 = blockIdx.y * 64, n0 = blockIdx.x * 16, steps = k / 16;
  float d0[4] = {0, 0, 0, 0}, d1[4] = {0, 0, 0, 0};
  auto fetch = [&](int step) {
    const int buffer = step & 1, k0 = step * 16;
    cp_async_16(as + (buffer * 64 + (t >> 1)) * 24 + (t & 1) * 8, a + (u64)(m0 + (t >> 1)) * k + k0 + (t & 1) * 8);
    if (t < 32) cp_async_16(bs + (buffer * 16 + (t >> 1)) * 24 + (t & 1) * 8, b + (u64)(k0 + (t >> 1)) * n + n0 + (t & 1) * 8);
    cp_async_commit();
  };
  fetch(0);
  for (int step = 0; step < steps; step++) {
    if (step + 1 < steps) { fetch(step + 1); cp_async_wait<1>(); } else cp_async_wait<0>();
    __syncthreads(); // ready
    const int buffer = step & 1;
    const uint4 a4 = ldmatrix_x4(as + (buffer * 64 + warp * 16 + (lane & 15)) * 24 + (lane >> 4) * 8);
    const uint4 b4 = ldmatrix_x4_trans(bs + (buffer * 16 + (lane & 15)) * 24 + (lane >> 4) * 8);
    const u32 fragment[4] = {a4.x, a4.y, a4.z, a4.w}, b0[2] = {b4.x, b4.y}, b1[2] = {b4.z, b4.w};
    mma_m16n8k16_bf16(d0, fragment, b0);
    mma_m16n8k16_bf16(d1, fragment, b1);
    __syncthreads(); // reuse
  }
  const int row = m0 + warp * 16 + (lane >> 2), col = n0 + (lane & 3) * 2;
  float* out = c + (u64)row * n + col;
  *(float2*)out = make_float2(d0[0], d0[1]);
  *(float2*)(out + 8) = make_float2(d1[0], d1[1]);
  *(float2*)(out + 8 * n) = make_float2(d0[2], d0[3]);
  *(float2*)(out + 8 * n + 8) = make_float2(d1[2], d1[3]);
  float low = (d0[0] + d0[1]) + (d1[0] + d1[1]), high = (d0[2] + d0[3]) + (d1[2] + d1[3]);
  for (int o = 1; o < 4; o <<= 1) {
    low += __shfl_xor_sync(0xffffffff, low, o);
    high += __shfl_xor_sync(0xffffffff, high, o);
  }
  if ((lane & 3) == 0) {
    sums[(u64)row * gridDim.x + blockIdx.x] = low;
    sums[(u64)(row + 8) * gridDim.x + blockIdx.x] = high;
  }
}
