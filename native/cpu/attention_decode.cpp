// Cuts the chains of segments with few query rows into chunks of keys. Where a chain is cut depends on its own segment
// alone; how many chunks wait to be joined depends on the scratch, and changes nothing.
#include "attention_decode.h"

#include "attention_chunk.h"

namespace {
using namespace gatun;

constexpr int64_t kPartFloats = 1 << 20;  // room for parts between two joins

int64_t part_floats(const AttentionCall& call) {
  return call.shape.kv_heads * Part::floats((call.head_dim() + 2 * W - 1) / (2 * W) * (2 * W));
}
int max_parts(const AttentionCall& call) { return (int)(kPartFloats / part_floats(call)); }

// The keys of an owner that the rows see, from the start of a piece on.
Range pieces_of(const AttentionCall& call, const Tile& rows, int owner) {
  const Range keys = call.keys_of(rows, owner);
  return {keys.begin / kPieceKeys * kPieceKeys, keys.end};
}

int chunks_of(const AttentionCall& call, int s, int size) {
  int chunks = 0;
  for (int owner = s; owner >= 0; owner = call.packing.segments[owner].parent) {
    const Range keys = pieces_of(call, call.few_rows(s, 0), owner);
    if (!keys.empty()) chunks += (keys.end - keys.begin + size - 1) / size;
  }
  return chunks;
}

int chunk_size(const AttentionCall& call, int s) {
  int size = kPieceKeys;
  while (chunks_of(call, s, size) > max_parts(call)) size *= 2;
  return size;
}

// Chunk number `index` of a segment, from the root of its chain on.
Chunk chunk_at(const AttentionCall& call, int s, int index) {
  const int size = chunk_size(call, s);
  for (int owner = next_in_chain(call.packing, s, -1);; owner = next_in_chain(call.packing, s, owner)) {
    const Range keys = pieces_of(call, call.few_rows(s, 0), owner);
    const int chunks = keys.empty() ? 0 : (keys.end - keys.begin + size - 1) / size;
    const int first = keys.begin + index * size;
    if (index < chunks) return {s, owner, first, std::min(size, keys.end - first)};
    index -= chunks;
  }
}

template <class Dot, class T>
int32_t decode(const gatun_context* context, AttentionCall& call, const gatun_matrix* o, const gatun_matrix* lse) {
  const int stride = DecodeChunk<Dot, T>::stride_of(call.head_dim()), heads = call.shape.kv_heads;
  const int64_t step = heads * Part::floats(stride);
  Scratch memory(context, 0, call.used);
  float* parts = memory.take(kPartFloats);
  AttentionCall inner = call;
  inner.used = reinterpret_cast<char*>(memory.take(0)) - scratch(context, 0);
  if (!DecodeChunk<Dot, T>(inner, context, 0).fits()) return GATUN_NO_SCRATCH;
  Packing& packing = call.packing;
  const int32_t* first = packing.first;
  for (int from = 0, to = 0; from < packing.count; from = to) {
    int total = 0;
    for (to = from; to < packing.count; to++) {
      const int more = has_few_rows(call, to) ? chunks_of(call, to, chunk_size(call, to)) : 0;
      if (total + more > max_parts(call)) break;
      packing.first[to] = total;
      total += more;
    }
    packing.first[to] = total;
    parallel_tasks(context, total, [&](int task, int thread) {
      const int s = (int)(std::upper_bound(first + from, first + to + 1, task) - first) - 1;
      DecodeChunk<Dot, T>(inner, context, thread).run(chunk_at(call, s, task - first[s]), parts + task * step);
    });
    parallel_tasks(context, (to - from) * heads, [&](int task, int) {
      const int s = from + task / heads, head = task % heads, chunks = first[s + 1] - first[s];
      if (chunks == 0) return;
      float* memory = parts + first[s] * step + head * Part::floats(stride);
      join_parts<T>(call, call.few_rows(s, head), memory, chunks, step, stride, o, lse);
    });
  }
  return GATUN_OK;
}
}  // namespace

bool gatun::has_few_rows(const AttentionCall& call, int segment) {
  const Segment& s = call.packing.segments[segment];
  if (call.drops() || s.query_length == 0 || (int64_t)s.query_length * call.group() > kFewRows) return false;
  int owners = 0;
  for (int owner = segment; owner >= 0; owner = call.packing.segments[owner].parent) owners++;
  return owners <= max_parts(call);
}

int32_t gatun::decode_few_rows(const gatun_context* context, AttentionCall& call, const gatun_matrix* o,
                               const gatun_matrix* lse) {
  int32_t status = GATUN_OK;
  with_dot(call.q, [&](auto dot, auto element) {
    status = decode<decltype(dot), decltype(element)>(context, call, o, lse);
  });
  return status;
}
