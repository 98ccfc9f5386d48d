// Kernels that work on whole rows, a team of threads for each: norms.

// A team: SIZE threads for a row. Of a WHOLE row all pieces are whole and aligned, and its threads keep the first HELD of theirs in
// 64 bytes of registers; others are read again, by a warp.
template <int SIZE, bool WHOLE>
struct Team {
  static constexpr int size = SIZE;
  static constexpr bool whole = WHOLE;
  template <class T>
  static constexpr int held = WHOLE ? 64 / sizeof(Piece<T>) : 0;
};
constexpr int WARP_COLUMNS = 1024;

DEVICE bool in_pieces(const Matrix& m) { return ((u64)m.data | m.stride * 2 | m.cols * 2) % 16 == 0; }
// f(team) for rows of n elements. It depends on n and on whether rows are whole, never on how many there are.
template <class F>
DEVICE void with_team(i64 n, bool whole, F f) {
  if (!whole || n % EIGHT != 0) f(Team<WARP, false>{});
  else if (n <= WARP_COLUMNS) f(Team<WARP, true>{});
  else f(Team<BLOCK, true>{});
}
// f(i) for each row, by one team, whatever the number of blocks.
template <class TEAM, class F>
DEVICE void each_row(i64 rows, F f) {
  constexpr int TEAMS = BLOCK / TEAM::size;
  for (i64 i = (i64)blockIdx.x * TEAMS + threadIdx.x / TEAM::size; i < rows; i += (i64)gridDim.x * TEAMS) f(i);
}
// f(first, count, j) for this thread's pieces of a row of n elements; j is -1 for those that are not kept.
template <class TEAM, class T, class F>
DEVICE void each_of_row(i64 n, F f) {
  constexpr u32 STEP = TEAM::size * EIGHT;
  constexpr int HELD = TEAM::template held<T>;
  const u32 start = threadIdx.x % TEAM::size * EIGHT, end = (u32)n;
#pragma unroll
  for (int j = 0; j < HELD; j++) {
    const u32 first = start + j * STEP;
    if (first < end) f(first, EIGHT, j);
  }
#pragma unroll 1
  for (u32 first = start + HELD * STEP; first < end; first += STEP) f(first, TEAM::whole ? EIGHT : (int)min(end - first, (u32)EIGHT), -1);
}

// The address of a piece, which is known to be aligned in a whole row.
template <class TEAM, class T>
DEVICE T* piece(T* row, u32 first) {
  return TEAM::whole ? (T*)__builtin_assume_aligned(row + first, 16) : row + first;
}

// A row that is read twice.
template <class TEAM, class T>
struct Row {
  const T* row;
  Piece<T> kept[TEAM::template held<T> + !TEAM::whole];
  __device__ __forceinline__ void read(u32 first, int count, int j, float* v) {
    Piece<T> e;
    read8(piece<TEAM>(row, first), count, e);
    if (j >= 0) kept[j] = e;
    unpack(e, v);
  }
  __device__ __forceinline__ void again(u32 first, int count, int j, float* v) {
    Piece<T> e;
    if (j < 0) read8(piece<TEAM>(row, first), count, e);
    else e = kept[j];
    unpack(e, v);
  }
};
