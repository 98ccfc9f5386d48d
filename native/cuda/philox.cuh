// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), as io.gatun.kernels.Philox: four words of key and counter.
DEVICE uint4 philox(i64 key, u32 c0, u32 c1, u32 c2, u32 c3) {
  u32 k0 = (u32)(u64)key, k1 = (u32)((u64)key >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const u64 a = (u64)c0 * 0xD2511F53u, b = (u64)c2 * 0xCD9E8D57u;
    c0 = (u32)(b >> 32) ^ c1 ^ k0;
    c1 = (u32)b;
    c2 = (u32)(a >> 32) ^ c3 ^ k1;
    c3 = (u32)a;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return make_uint4(c0, c1, c2, c3);
}
