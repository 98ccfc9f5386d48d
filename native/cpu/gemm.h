// The driver of all products: y (+)= a b (+ low-rank terms) (+ bias). Threads share the outputs by panels of 64 columns; a panel of
// the right operand is packed once for each and stays in the second-level cache while the rows of a pass by. Sums are carried in
// f32 over the whole depth and rounded once. The order of a sum is a function of its depth alone.
#pragma once
#include "gemm_pack.h"
#include "pool.h"

namespace gatun {

// Further terms of the sums, from adapters. Forward: columns of a sibling get t (scale b)^T. Backward: all columns get u a.
struct LowRank {
  const gatun_lora* lora = nullptr;
  gatun_matrix factors = {};  // t or u
  bool forward = true;
};

struct Product {
  gatun_matrix a;  // (rows, depth), of the compute type
  Source b;
  int64_t cols;
  gatun_matrix y;  // (rows, cols); f32 (cols, rows) when transposed
  const float* bias = nullptr;
  LowRank low = {};
  bool add = false;
  bool transposed = false;  // y^T += scale * a b, without the other terms
  float scale = 1;
};

constexpr int64_t kMostRanks = 2048;
constexpr int64_t kGemmScratch = 2 << 20;  // bytes of each thread's scratch that products use; the rest is free for their callers

// GATUN_OK, or why not. The compute type is a's.
int32_t multiply(const gatun_context* context, const Product& product);

}  // namespace gatun
