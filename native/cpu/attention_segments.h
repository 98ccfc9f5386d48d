// Who attends to whom: packed segments, their parent chains, and the pieces of work cut from them.
#pragma once
#include <algorithm>

#include "attention_tile.h"
#include "pool.h"

namespace gatun {

// Six integers of the segment table. Queries are the last query_length of the segment's own keys; start is the position of
// its first key, counted along the parent chain.
struct Segment {
  int32_t query_first, query_length, key_first, key_length, parent, start;
};

struct Packing {
  const Segment* segments;
  int count;
  int32_t* first;  // first task of each segment, and the end: count + 1
  int32_t* last;   // last segment of the chains that begin with each segment, or itself

  int query_position(int s, int query) const {
    return segments[s].start + segments[s].key_length - segments[s].query_length + query;
  }
  // The segment holding task, when tasks are numbered by `first`.
  int segment_of(int task) const { return (int)(std::upper_bound(first, first + count + 1, task) - first) - 1; }
};

struct Range {
  int begin, end;
  bool empty() const { return begin >= end; }
};

// Keys of the longest chain.
inline int longest_chain(const Packing& packing) {
  int longest = 0;
  for (int s = 0; s < packing.count; s++) {
    longest = std::max(longest, packing.segments[s].start + packing.segments[s].key_length);
  }
  return longest;
}

inline int64_t packing_bytes(const gatun_matrix* table) { return (table->rows / 6 * 2 + 1) * 4; }

// False if the table is no list of segments, a range is outside the matrices, or there are parents where nothing is causal.
inline bool open_packing(const gatun_matrix* table, bool causal, int64_t query_rows, int64_t key_rows, char* memory,
                         Packing* packing) {
  if (table->dtype != GATUN_I32 || table->stride != 1 || table->rows % 6 != 0) return false;
  const Segment* segments = static_cast<const Segment*>(table->data);
  const int count = (int)(table->rows / 6);
  int32_t* const first = reinterpret_cast<int32_t*>(memory);
  *packing = {segments, count, first, first + count + 1};
  for (int s = 0; s < packing->count; s++) {
    const Segment& x = segments[s];
    if (x.parent < -1 || x.parent >= s || (x.parent >= 0 && !causal)) return false;
    if (x.query_length < 0 || x.query_length > x.key_length) return false;
    if (x.query_first < 0 || (int64_t)x.query_first + x.query_length > query_rows) return false;
    if (x.key_first < 0 || (int64_t)x.key_first + x.key_length > key_rows) return false;
    if (x.start != (x.parent < 0 ? 0 : segments[x.parent].start + segments[x.parent].key_length)) return false;
    packing->last[s] = s;
  }
  for (int s = count - 1; s >= 0; s--) {
    const int parent = segments[s].parent;
    if (parent >= 0) packing->last[parent] = std::max(packing->last[parent], packing->last[s]);
  }
  return true;
}

// Numbers tasks by segment, count_of(s) each; returns how many there are.
template <class F>
inline int number_tasks(Packing& packing, F count_of) {
  int total = 0;
  for (int s = 0; s < packing.count; s++) {
    packing.first[s] = total;
    total += count_of(s);
  }
  packing.first[packing.count] = total;
  return total;
}

// The ancestor of s (or s itself) that comes next after `seen`, from the root down; seen == -1 asks for the root.
inline int next_in_chain(const Packing& packing, int s, int seen) {
  while (packing.segments[s].parent != seen) s = packing.segments[s].parent;
  return s;
}

inline bool is_in_chain(const Packing& packing, int ancestor, int s) {
  while (s > ancestor) s = packing.segments[s].parent;
  return s == ancestor;
}

// Own keys of segment `owner` that any query at positions [first, last] sees.
inline Range visible_keys(const Packing& packing, int owner, int first, int last, int window) {
  const int base = packing.segments[owner].start;
  const int begin = window > 0 ? std::max(0, first - window + 1 - base) : 0;
  return {begin, std::min(packing.segments[owner].key_length, last + 1 - base)};
}

// A tile: rows [first, first + rows) of a segment, where row = query * group + head within the group.
struct Tile {
  int segment, kv_head, first, rows;
};

inline int tiles_of(int64_t query_length, int group) { return (int)((query_length * group + kTileRows - 1) / kTileRows); }

inline Tile tile_at(const Packing& packing, int s, int index, int kv_head, int group) {
  const int first = index * kTileRows;
  return {s, kv_head, first, std::min(kTileRows, packing.segments[s].query_length * group - first)};
}

}  // namespace gatun
