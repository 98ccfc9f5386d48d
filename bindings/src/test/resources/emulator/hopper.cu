// z = (x yT) y of 64 x 64 numbers, by one warpgroup: the first product from shared memory, the second from registers.
DEVICE void load_tile(const bf16* from, bf16* to) {
  for (int i = threadIdx.x; i < 64 * 8; i += 128) cp_async_16(to + swizzled<64>(i / 8, i % 8 * 8), from + 8 * i);
}
extern "C" __global__ void __launch_bounds__(128) chain(const bf16* x, const bf16* y, float* z) {
  DYNAMIC_SHARED(uint4, shared);
  bf16* const left = (bf16*)(((u64)shared + ATOM - 1) / ATOM * ATOM);
  bf16* const right = left + 64 * 64;
  load_tile(x, left);
  load_tile(y, right);
  cp_async_commit();
  cp_async_wait<0>();
  fence_proxy_async();
  __syncthreads();
  float s[8][4], sum[8][4];
  u32 w[4][4];
  wgmma_fence();
  multiply_tiles<64, 64, 64>(s, left, right);
  wgmma_commit();
  wgmma_wait<0>();
  pin(s);
  as_operand(s, w);
  wgmma_fence(); // again
  multiply_turned<64>(sum, w, right, false);
  wgmma_commit(); // second
  wgmma_wait<0>(); // second
  pin(sum);
  const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, col = threadIdx.x % 4 * 2;
  for (int n = 0; n < 8; n++) {
    for (int i = 0; i < 4; i++) z[(row + i / 2 * 8) * 64 + 8 * n + col + i % 2] = sum[n][i];
  }
}
