// Products of a warpgroup (128 threads) on Hopper: PTX of sm_90a alone, so it stands beside the prelude.

// f() in a kernel that only Hopper runs; for other GPUs nothing of it is compiled.
template <class F>
DEVICE void on_hopper(F f) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || defined(GATUN_EMULATOR)
  f();
#else
  __trap();
#endif
}

// A tile of bf16 numbers lies in shared memory as panels of 64 columns: rows of 128 bytes, of which the 16 bytes in place c of row r
// lie in place c ^ r % 8, from an address that is a multiple of 1024 on.
constexpr int WARPGROUP = 128, PANEL = 64, ATOM = 1024;  // ATOM: bytes of eight rows
// Element (row, column) of a tile of ROWS rows.
template <int ROWS>
DEVICE int swizzled(int row, int col) {
  return col / PANEL * ROWS * PANEL + row * PANEL + ((col / EIGHT ^ row) % EIGHT * EIGHT + col % EIGHT);
}

#ifndef GATUN_EMULATOR
// What the generic proxy wrote to shared memory, cp.async too, is seen by products after this and a barrier.
DEVICE void fence_proxy_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
// No use of these registers moves over this.
template <int N>
DEVICE void pin(float (&d)[N][4]) {
#pragma unroll
  for (int n = 0; n < N; n++) asm volatile("" : "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])::"memory");
}
// Before the first product of a group: what registers hold is seen.
DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Until at most PENDING younger groups are under way. Nobody touches sums or operands of a product before.
template <int PENDING>
DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}
#define GATUN_SUMS4(n) "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])
#define GATUN_SUMS32(n)                                                                                         \
  GATUN_SUMS4(n), GATUN_SUMS4(n + 1), GATUN_SUMS4(n + 2), GATUN_SUMS4(n + 3), GATUN_SUMS4(n + 4), GATUN_SUMS4(n + 5), \
      GATUN_SUMS4(n + 6), GATUN_SUMS4(n + 7)
#define GATUN_LIST32                                                                                                           \
  "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define GATUN_LIST64                                                                                                             \
  GATUN_LIST32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59," \
               "%60,%61,%62,%63"
// d (64 x 8 N, fp32) = or += a (64 x 16, bf16) b (16 x 8 N, bf16). Warp w of the four has rows 16 w on of d, and of a where that is
// in registers, in the fragments of mma.m16n8k16. In shared memory a has rows of columns, and b as well, of rows where TURNED.
template <bool TURNED>
DEVICE void wgmma(float (&d)[8][4], u64 a, u64 b, bool add) {
  asm volatile("{.reg .pred p; setp.ne.b32 p, %34, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " GATUN_LIST32
            "}, %32, %33, p, 1, 1, 0, %35;}" : GATUN_SUMS32(0) : "l"(a), "l"(b), "r"((int)add), "n"((int)TURNED));
}
template <bool TURNED>
DEVICE void wgmma(float (&d)[16][4], u64 a, u64 b, bool add) {
  asm volatile("{.reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " GATUN_LIST64
            "}, %64, %65, p, 1, 1, 0, %67;}" : GATUN_SUMS32(0), GATUN_SUMS32(8) : "l"(a), "l"(b), "r"((int)add), "n"((int)TURNED));
}
template <bool TURNED>
DEVICE void wgmma(float (&d)[8][4], const u32 (&a)[4], u64 b, bool add) {
  asm volatile("{.reg .pred p; setp.ne.b32 p, %37, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " GATUN_LIST32
            "}, {%32,%33,%34,%35}, %36, p, 1, 1, %38;}"
            : GATUN_SUMS32(0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add), "n"((int)TURNED));
}
template <bool TURNED>
DEVICE void wgmma(float (&d)[16][4], const u32 (&a)[4], u64 b, bool add) {
  asm volatile("{.reg .pred p; setp.ne.b32 p, %69, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " GATUN_LIST64
            "}, {%64,%65,%66,%67}, %68, p, 1, 1, %70;}"
            : GATUN_SUMS32(0), GATUN_SUMS32(8) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add), "n"((int)TURNED));
}
#endif

// Where a tile's 16 columns or rows begin, bytes from a panel of the columns of a product to the next, bytes from eight rows on.
DEVICE u64 descriptor(const void* p, int panel) {
  return (u64)(shared_address(p) >> 4 & 0x3fff) | (u64)(panel >> 4) << 16 | (u64)(ATOM >> 4) << 32 | (u64)1 << 62;
}
// The descriptor of what lies `elements` further, less than a panel's rows.
DEVICE u64 further(u64 from, int elements) { return from + (u64)(elements * (int)sizeof(bf16) / 16); }
// The step from 16 columns of a tile of ROWS rows to the k-th.
template <int ROWS>
DEVICE int columns(int k) { return k / PANEL * PANEL * ROWS + k % PANEL; }

// d = or += A Bᵀ: 64 rows of a tile of ROWS_A rows from `a` on, times the first 8 N rows of a tile of ROWS_B; DEPTH columns.
template <int DEPTH, int ROWS_A, int ROWS_B, int N>
DEVICE void multiply_tiles(float (&d)[N][4], const bf16* a, const bf16* b, bool add = false) {
  const u64 left = descriptor(a, ATOM), right = descriptor(b, ATOM);
#pragma unroll
  for (int k = 0; k < DEPTH; k += 16) wgmma<false>(d, further(left, columns<ROWS_A>(k)), further(right, columns<ROWS_B>(k)), add || k > 0);
}
// Of the products in a loop, one has an operand in registers: ptxas 13.0 was seen to give those of two the same ones.
// d = or += W B: W in registers, B the first 16 K rows and 8 N columns of a tile of ROWS_B rows.
template <int ROWS_B, int N, int K>
DEVICE void multiply_turned(float (&d)[N][4], const u32 (&w)[K][4], const bf16* b, bool add = true) {
  const u64 right = descriptor(b, ROWS_B * PANEL * (int)sizeof(bf16));
#pragma unroll
  for (int k = 0; k < K; k++) wgmma<true>(d, w[k], further(right, 16 * k * PANEL), add || k > 0);
}
// Sums of a product as what is multiplied next.
template <int N>
DEVICE void as_operand(const float (&s)[N][4], u32 (&w)[N / 2][4]) {
#pragma unroll
  for (int k = 0; k < N / 2; k++) {
#pragma unroll
    for (int i = 0; i < 4; i++) w[k][i] = bf16x2_rn(s[2 * k + i / 2][i % 2 * 2], s[2 * k + i / 2][i % 2 * 2 + 1]);
  }
}
