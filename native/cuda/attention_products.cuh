// Products of tiles of attention: fragments of mma.m16n8k16, or the same by single products of floats.
// How many steps of a product the assembler may mix: more take registers that are missing then. Found by trying.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr int AT_ONCE = 8;
#else
constexpr int AT_ONCE = 2;
#endif
#ifdef GATUN_EMULATOR
constexpr bool SKIPS_ZEROS = true;
#else
constexpr bool SKIPS_ZEROS = false;  // a branch between products costs more than products with zeros
#endif

// s += A Bᵀ, where A is 16 M rows and B 8 N rows of shared memory; of B only `count` rows, of all `depth` columns may be other than 0.
template <int MAX, int M, int N>
DEVICE void multiply_rows(const bf16* a, const bf16* b, int depth, int count, float (&s)[M][N][4]) {
  constexpr int P = PITCH<bf16, MAX>;
  a += lane() % 16 * P + lane() / 16 * 8;
  b += (lane() / 16 * 8 + lane() % 8) * P + lane() / 8 % 2 * 8;
#pragma unroll(M > 1 ? AT_ONCE : 2)
  for (int k = 0; k < MAX; k += 16) {
    if (SKIPS_ZEROS && k >= depth) continue;
    u32 left[M][4];
#pragma unroll
    for (int m = 0; m < M; m++) {
      const uint4 w = ldmatrix_x4(a + 16 * m * P + k);
      left[m][0] = w.x, left[m][1] = w.y, left[m][2] = w.z, left[m][3] = w.w;
    }
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      if (SKIPS_ZEROS && 8 * n >= count) continue;
      const uint4 w = ldmatrix_x4(b + 8 * n * P + k);
      const u32 even[2] = {w.x, w.y}, odd[2] = {w.z, w.w};
#pragma unroll
      for (int m = 0; m < M; m++) {
        mma_m16n8k16_bf16(s[m][n], left[m], even);
        mma_m16n8k16_bf16(s[m][n + 1], left[m], odd);
      }
    }
  }
}
// The same for 16 rows of A that a warp holds in fragments.
template <int MAX>
struct Held { u32 word[MAX / 16][4]; };
template <int MAX>
DEVICE void hold(const bf16* a, Held<MAX>& held) {
  a += lane() % 16 * PITCH<bf16, MAX> + lane() / 16 * 8;
#pragma unroll
  for (int k = 0; k < MAX / 16; k++) {
    const uint4 w = ldmatrix_x4(a + 16 * k);
    held.word[k][0] = w.x, held.word[k][1] = w.y, held.word[k][2] = w.z, held.word[k][3] = w.w;
  }
}
template <int MAX, int N>
DEVICE void multiply_rows(const Held<MAX>& a, const bf16* b, int depth, int count, float (&s)[1][N][4]) {
  constexpr int P = PITCH<bf16, MAX>;
  b += (lane() / 16 * 8 + lane() % 8) * P + lane() / 8 % 2 * 8;
#pragma unroll
  for (int k = 0; k < MAX / 16; k++) {
    if (SKIPS_ZEROS && 16 * k >= depth) continue;
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      if (SKIPS_ZEROS && 8 * n >= count) continue;
      const uint4 w = ldmatrix_x4(b + 8 * n * P + 16 * k);
      const u32 even[2] = {w.x, w.y}, odd[2] = {w.z, w.w};
      mma_m16n8k16_bf16(s[0][n], a.word[k], even);
      mma_m16n8k16_bf16(s[0][n + 1], a.word[k], odd);
    }
  }
}
DEVICE float dot4(const float4& x, const float4& y, float sum) {
  return __fmaf_rn(x.w, y.w, __fmaf_rn(x.z, y.z, __fmaf_rn(x.y, y.y, __fmaf_rn(x.x, y.x, sum))));
}
template <int MAX, int M, int N>
DEVICE void multiply_rows(const float* a, const float* b, int depth, int count, float (&s)[M][N][4]) {
  constexpr int P = PITCH<float, MAX>;
  a += lane() / 4 * P, b += lane() % 4 * 2 * P;
  for (int k = 0; k < depth; k += 4) {
#pragma unroll
    for (int m = 0; m < M; m++) {
      const float4 x = *(const float4*)(a + 16 * m * P + k), y = *(const float4*)(a + (16 * m + 8) * P + k);
#pragma unroll
      for (int n = 0; n < N; n++) {
        if (8 * n >= count) continue;
        const float4 z = *(const float4*)(b + 8 * n * P + k), w = *(const float4*)(b + (8 * n + 1) * P + k);
        s[m][n][0] = dot4(x, z, s[m][n][0]), s[m][n][1] = dot4(x, w, s[m][n][1]);
        s[m][n][2] = dot4(y, z, s[m][n][2]), s[m][n][3] = dot4(y, w, s[m][n][3]);
      }
    }
  }
}

// c += W B, where W is 16 M x 8 N numbers in fragments, rounded to B's type, and B 8 N rows of shared memory; again other than 0 only
// to `count` and `depth`. With floats a warp needs room for its W.
template <int MAX, int M, int N>
DEVICE void multiply_weights(const float (&w)[M][N][4], const bf16* b, int depth, int count, float (&c)[M][MAX / 8][4], bf16*) {
  constexpr int P = PITCH<bf16, MAX>;
  b += lane() % 16 * P + lane() / 16 * 8;
#pragma unroll
  for (int j = 0; j < N; j += 2) {
    if (SKIPS_ZEROS && 8 * j >= count) continue;
    u32 left[M][4];
#pragma unroll
    for (int m = 0; m < M; m++) {
#pragma unroll
      for (int i = 0; i < 4; i++) left[m][i] = bf16x2_rn(w[m][j + i / 2][i % 2 * 2], w[m][j + i / 2][i % 2 * 2 + 1]);
    }
#pragma unroll
    for (int n = 0; n < MAX / 8; n += 2) {
      if (SKIPS_ZEROS && 8 * n >= depth) continue;
      const uint4 z = ldmatrix_x4_trans(b + 8 * j * P + 8 * n);
      const u32 even[2] = {z.x, z.y}, odd[2] = {z.z, z.w};
#pragma unroll
      for (int m = 0; m < M; m++) {
        mma_m16n8k16_bf16(c[m][n], left[m], even);
        mma_m16n8k16_bf16(c[m][n + 1], left[m], odd);
      }
    }
  }
}
template <int N>
constexpr int ROOM = 16 * (8 * N + 4);  // floats of a warp
template <int MAX, int M, int N>
DEVICE void multiply_weights(const float (&w)[M][N][4], const float* b, int depth, int count, float (&c)[M][MAX / 8][4],
                             float* room) {
  static_assert(M == 1, "one tile of rows");
  constexpr int P = PITCH<float, MAX>, R = 8 * N + 4;
  const int g = lane() / 4, t = lane() % 4;
#pragma unroll
  for (int n = 0; n < N; n++) {
#pragma unroll
    for (int h = 0; h < 4; h++) room[(g + h / 2 * 8) * R + 8 * n + 2 * t + h % 2] = w[0][n][h];
  }
  __syncwarp();
  for (int j = 0; j < count; j++) {
    const float x = room[g * R + j], y = room[(g + 8) * R + j];
#pragma unroll
    for (int n = 0; n < MAX / 8; n++) {
      if (8 * n >= depth) continue;
      const float2 z = *(const float2*)(b + j * P + 8 * n + 2 * t);
      c[0][n][0] = __fmaf_rn(x, z.x, c[0][n][0]), c[0][n][1] = __fmaf_rn(x, z.y, c[0][n][1]);
      c[0][n][2] = __fmaf_rn(y, z.x, c[0][n][2]), c[0][n][3] = __fmaf_rn(y, z.y, c[0][n][3]);
    }
  }
  __syncwarp();
}

template <int N>
DEVICE void turn(float (&s)[N][4]) {
#pragma unroll
  for (int k = 0; k < 4; k++) {
    const float first = s[0][k];
#pragma unroll
    for (int n = 0; n + 1 < N; n++) s[n][k] = s[n + 1][k];
    s[N - 1][k] = first;
  }
}
// f(n, four) of all columns of eight by turns: what takes many instructions is there once. Registers have no index that is not
// known, so the numbers move along.
template <int N, class F>
DEVICE void by_turns(float (&s)[N][4], F f) {
#pragma unroll 1
  for (int n = 0; n < N; n++) {
    f(n, s[0]);
    turn(s);
  }
}

template <int M, int N>
DEVICE void clear(float (&s)[M][N][4]) {
#pragma unroll
  for (int m = 0; m < M; m++) {
#pragma unroll
    for (int n = 0; n < N; n++) s[m][n][0] = s[m][n][1] = s[m][n][2] = s[m][n][3] = 0;
  }
}
