// Products over tokens: the gradients of the factors of an adapter, and of a trained dense layer.
#pragma once
#include "gemm.h"

namespace gatun {

// sum += scale * low^T x, or its transpose. low: (tokens, ranks), x: (tokens, n), both of the compute type; sum: f32 (ranks, n),
// or (n, ranks) when transposed.
int32_t add_gradient(const gatun_context* context, const gatun_matrix& low, const gatun_matrix& x, const gatun_matrix& sum,
                     float scale, bool transposed);

}  // namespace gatun
