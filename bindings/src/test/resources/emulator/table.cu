// y[i] = table[codes[i]] + x[i], 16 bytes a thread; the table is copied to shared memory first. 64 threads.
extern "C" __global__ void __launch_bounds__(64) look_up(const uint4* codes, const float4* x, const float* table, float4* y, u32 n) {
  __shared__ float copy[64];
  copy[threadIdx.x] = table[threadIdx.x];
  __syncthreads();
  const u32 i = blockIdx.x * 64 + threadIdx.x;
  if (i >= n) return;
  const uint4 c = codes[i];
  const float4 v = x[i];
  y[i] = make_float4(copy[c.x] + v.x, copy[c.y] + v.y, copy[c.z] + v.z, copy[c.w] + v.w);
}
