// What must not alarm: neighbours in one word, changes in place, an exchange ordered by __syncwarp, atomics, shared variables in
// templates, tables. data[i] = 2 data[i] + (i ^ 1) % 64 + TABLE[i % 4]; count: how many threads ran.
__constant__ float TABLE[4] = {1, 2, 3, 4};
template <int N>
__device__ __forceinline__ u32 partner(u32 v) {
  __shared__ u8 bytes[N];
  bytes[threadIdx.x] = 0;
  __syncthreads();
  bytes[threadIdx.x] = v;
  __syncwarp();
  return bytes[threadIdx.x ^ 1];
}
extern "C" __global__ void __launch_bounds__(64) exchange(u16* data, u32* count) {
  const int t = threadIdx.x, i = blockIdx.x * 64 + t;
  data[i] = data[i] * 2 + partner<64>(t) + (u32)TABLE[t & 3];
  if (__ballot_sync(0xffffffff, t & 1) == 0xaaaaaaaa) atomicAdd(count, 1u);
}
