// Loss and gradient of a row of logits in three passes: the largest logit; the exponentials, kept in scratch, and their sum;
// the gradient over the logits.
#include "elementwise.h"
#include "functions.h"

namespace {
using namespace gatun;

constexpr int32_t kIgnored = -100;

// Capping is monotone, so the largest capped logit is the capped largest logit.
template <class T>
float largest_of(const T* x, int64_t count) {
  vf top = set(-INFINITY);
  int64_t i = 0;
  for (; i + W <= count; i += W) top = max(load(x + i), top);
  float result = largest(top);
  for (; i < count; i++) result = std::max(result, to_float(x[i]));
  return result;
}

template <bool kCap>
vf capped(vf x, float cap) {
  return kCap ? set(cap) * tanh(x / set(cap)) : x;
}

// One number through the same arithmetic as the vectors.
template <bool kCap>
float capped_one(float x, float cap) {
  float lane[W];
  store(lane, capped<kCap>(set(x), cap));
  return lane[0];
}

// Returns weight * (logsumexp(z) - z[label]); x becomes weight * (softmax(z) - onehot(label)) * dz/dx. kept: count numbers.
template <bool kCap, class T>
float loss_and_gradient(T* x, float* kept, int64_t count, int32_t label, float weight, float cap) {
  const float top = capped_one<kCap>(largest_of(x, count), cap);
  const float z_label = capped_one<kCap>(to_float(x[label]), cap);
  const vf one = set(1.0f), inverse_cap = set(1.0f / cap);
  const float total = sum_of(count, [&](int64_t i, auto n) {
    const vf z = capped<kCap>(load(x + i, n), cap);
    const vf e = exp(z - set(top)), part = z * inverse_cap;
    store(kept + i, kCap ? e * fnma(part, part, one) : e, n);
    return e;
  });
  const vf scale = set(weight / total);
  each_vector(count, [&](int64_t i, auto n) { store(x + i, load(kept + i, n) * scale, n); });
  const double part = z_label / (double)cap;
  const double at_label = std::exp((double)z_label - top) / total - 1.0;
  x[label] = from_float<T>((float)(weight * at_label * (kCap ? 1.0 - part * part : 1.0)));
  return (float)(weight * (std::log((double)total) + top - z_label));
}

bool labels_fit(const gatun_matrix* labels, int64_t vocabulary) {
  const int32_t* label = row<int32_t>(labels, 0);
  for (int64_t i = 0; i < labels->rows; i++)
    if (label[i] != kIgnored && (label[i] < 0 || label[i] >= vocabulary)) return false;
  return true;
}

bool column_of(const gatun_matrix* m, int64_t rows) { return m->dtype == GATUN_F32 && m->rows == rows && m->cols == 1; }
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_cross_entropy(const gatun_context* context, const gatun_matrix* logits,
                                                    const gatun_matrix* labels, const gatun_matrix* weights,
                                                    float soft_cap, const gatun_matrix* row_loss) {
  if (labels->dtype != GATUN_I32 || labels->rows != logits->rows || !column_of(weights, logits->rows) ||
      !column_of(row_loss, logits->rows) || !(soft_cap >= 0))
    return GATUN_BAD_ARGUMENT;
  if (!labels_fit(labels, logits->cols)) return GATUN_BAD_INDEX;
  if (logits->cols > context->scratch_bytes / (int64_t)sizeof(float)) return GATUN_NO_SCRATCH;
  const bool known = with_compute_type(logits, [&](auto* t) {
    using T = element<decltype(t)>;
    parallel_range(context, logits->rows, row_grain(logits->cols), [&](int64_t begin, int64_t end, int thread) {
      float* kept = reinterpret_cast<float*>(scratch(context, thread));
      for (int64_t i = begin; i < end; i++) {
        T* x = row<T>(logits, i);
        const int32_t label = row<int32_t>(labels, 0)[i];
        const float weight = *row<float>(weights, i);
        float& loss = *row<float>(row_loss, i);
        if (label == kIgnored) {
          std::memset(x, 0, logits->cols * sizeof(T));
          loss = 0;
        } else if (soft_cap > 0) {
          loss = loss_and_gradient<true>(x, kept, logits->cols, label, weight, soft_cap);
        } else {
          loss = loss_and_gradient<false>(x, kept, logits->cols, label, weight, soft_cap);
        }
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
