// Dropout of attention's weights, as io.gatun.kernels.AttentionDropout says: drawn from where a weight stands, so no mask is kept.

// The parts of a counter that belong to a row of a tile.
struct Draw { u32 head, token; };
DEVICE Draw draw_of(const Attention& a, const Rows& rows, int i) {
  i = min(i, rows.count - 1);
  const int token = rows.query_first + query_of(rows, i);
  return {(u32)head_of(rows, i) << 20, (u32)a.dropout.token_index[token]};
}
// What dropout multiplies the weight of a key at a position by.
DEVICE float keep(const Attention& a, const Draw& draw, int key) {
  const Dropout& d = a.dropout;
  const uint4 words = philox(d.seed, draw.head | (u32)key / 4, draw.token, (u32)d.step, (u32)d.word);
  const u32 word = key % 4 < 2 ? (key % 4 == 0 ? words.x : words.y) : (key % 4 == 2 ? words.z : words.w);
  return (float)(word >> 8) < d.threshold ? 0 : d.factor;
}
