// After rows.cuh, row_loss.cuh.
// Loss and gradient of independent yes-or-no questions, from logits.

// Counts the targets that are not from 0 to 1; NaN is none.
extern "C" __global__ void __launch_bounds__(256) binary_cross_entropy_targets(Matrix targets, u32* wrong) {
  each_piece(targets, [&](i64 i, i64 first, int n) {
    float t[EIGHT];
    load8(row((float*)nullptr, targets, i) + first, n, t);
    u32 here = 0;
#pragma unroll
    for (int k = 0; k < EIGHT; k++) here += !(t[k] >= 0 && t[k] <= 1);
    if (here > 0) atomicAdd(wrong, here);
  });
}

// Nothing where a target was wrong. The loss max(z, 0) - z t + log(1 + e^-|z|), its first two terms as one product without cancellation. The gradient p - t likewise
// from p and 1 - p, both from e^-|z|, so that both keep their digits where the answer is sure.
extern "C" __global__ void __launch_bounds__(256) binary_cross_entropy(Matrix logits, Matrix targets, Matrix weights, Matrix rowLoss,
                                                                       const u32* wrong) {
  if (*wrong > 0) return;
  each_row_loss(logits, targets, weights, rowLoss, [](float z, float t, float& d) {
    const float decay = expf(-fabsf(z)), large = 1.0f / (1.0f + decay), small = decay * large, other = 1.0f - t;
    const float value = z < 0 ? small : large, rest = z < 0 ? large : small;
    d = __fmaf_rn(-t, rest, other * value);
    return __fmaf_rn(fabsf(z), z < 0 ? t : other, log1pf(decay));
  });
}
