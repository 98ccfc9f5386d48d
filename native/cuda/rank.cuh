// An order of the elements of a row: the larger the earlier, of equal ones the first, NaN after all.
DEVICE u64 rank_of(float x, u32 index) {
  const u32 bits = __float_as_uint(x + 0.0f);  // 0 and -0 are equal
  const u32 order = x != x ? 0 : bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
  return (u64)order << 32 | (u32)~index;
}
DEVICE float value_of(u64 rank) {
  const u32 order = (u32)(rank >> 32);
  return __uint_as_float(order >> 31 != 0 ? order & 0x7fffffffu : ~order);
}
DEVICE int index_of(u64 rank) { return (int)~(u32)rank; }
