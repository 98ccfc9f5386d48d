// Draws the next token among those that a repetition penalty, a temperature, top-k, top-p and min-p leave. Probabilities are whole
// numbers, so that their sums are the same in any order: as in sample.cu.
#include <cstring>
#include <limits>

#include "elementwise.h"

namespace gatun {
namespace {

constexpr int kDigit = 11, kBins = 1 << kDigit, kAllBits = 64;
constexpr float kFarthest = 28, kBinsPerUnit = 64;  // exp(-28) is less than 2^-40

// The larger the earlier; of equal logits the first, NaN after all.
inline uint64_t rank_of(float x, int32_t token) {
  x += 0.0f;  // 0 and -0 are equal
  uint32_t bits;
  memcpy(&bits, &x, 4);
  const uint32_t order = x != x ? 0 : bits >> 31 ? ~bits : bits | 0x80000000u;
  return (uint64_t)order << 32 | (uint32_t)~token;
}
// The smallest logit that can have at least this rank; 0 is the rank of none.
inline float logit_of(uint64_t rank) {
  if (rank == 0) return -std::numeric_limits<float>::infinity();
  const uint32_t order = (uint32_t)(rank >> 32), bits = order >> 31 ? order & 0x7fffffffu : ~order;
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

struct Logits {
  const float* values;
  const uint32_t* seen;  // a bit for each token, or none
  int32_t count;
  float penalty, temperature, largest;

  float of(int32_t token) const {
    const float v = values[token];
    if (seen == nullptr || !(seen[token / 32] >> token % 32 & 1)) return v;
    return v > 0 ? v / penalty : v * penalty;
  }
  // f(token, logit) of those that have at least this rank, and no NaN.
  template <class F>
  void each(uint64_t bound, F f) const {
    const float lowest = logit_of(bound);  // few reach it, and most can be left after one comparison
    for (int32_t token = 0; token < count; token++) {
      const float logit = of(token);
      if (logit >= lowest && rank_of(logit, token) >= bound) f(token, logit);
    }
  }
  // How much less likely than the likeliest, as a logarithm; NaN of NaN.
  float distance(float x) const { return x == largest ? 0 : (largest - x) / temperature; }
};

// 2^40 exp(-distance), rounded down; 2^f for f in [0, 1] by a polynomial whose relative error is 9e-8, rounding included.
inline uint64_t weight_of(float distance) {
  if (!(distance < kFarthest)) return 0;
  const float t = distance * -1.44269504f;
  int whole = (int)t;
  if (t < (float)whole) whole--;
  const float f = t - (float)whole;
  float p = 0.00021612924f;
  for (float factor : {0.0012467843f, 0.0096754516f, 0.055485282f, 0.24022931f, 0.69314706f, 1.0f}) p = p * f + factor;
  return (uint64_t)(uint32_t)(p * 0x1p23f) << 17 >> -whole;
}

struct Bins {
  uint64_t sum[kBins], rank[kBins];
  uint32_t count[kBins];
};

// The rank of the last token that a sum of weights needs to reach a target, from the first token on; 0 if all do not. First the tokens
// are told apart by their distance, which spreads them, then those of one distance by digits of their rank, until one is left.
template <class W, class T>
uint64_t last_rank(const Logits& x, uint64_t bound, W weight, T target_of) {
  Bins bins;
  int bin = -1, shift = kAllBits;
  uint64_t prefix = 0, target = 0;
  for (;;) {
    const int below = std::max(shift - kDigit, 0), mask = (1 << (shift - below)) - 1;
    memset(bins.sum, 0, sizeof bins.sum);
    memset(bins.count, 0, sizeof bins.count);
    uint64_t all = 0;
    x.each(bound, [&](int32_t token, float logit) {
      const float distance = x.distance(logit);
      if (!(distance < kFarthest)) return;
      int at = (int)(distance * kBinsPerUnit);
      if (bin >= 0 && at != bin) return;
      const uint64_t rank = rank_of(logit, token);
      if (bin >= 0) {
        if (shift < kAllBits && rank >> shift != prefix) return;
        at = mask - (int)(rank >> below & mask);
      }
      const uint64_t w = weight(distance);
      all += w;
      bins.sum[at] += w;
      bins.count[at]++;
      bins.rank[at] = rank;
    });
    if (bin < 0) target = target_of(all);
    if (target > all) return 0;
    int chosen = 0;
    for (; target > bins.sum[chosen]; chosen++) target -= bins.sum[chosen];
    if (bins.count[chosen] == 1) return bins.rank[chosen];
    if (bin < 0) {
      bin = chosen;
    } else {
      prefix = prefix << (shift - below) | (uint64_t)(mask - chosen);
      shift = below;
    }
  }
}

// In the order of tokens, the first one at which the sum of weights exceeds a part of all: `word` of 2^32.
int32_t drawn(const Logits& x, uint64_t bound, uint64_t least, uint32_t word) {
  const auto weight = [&](float logit) {
    const uint64_t w = weight_of(x.distance(logit));
    return w < least ? 0 : w;
  };
  uint64_t all = 0, sum = 0;
  x.each(bound, [&](int32_t, float logit) { all += weight(logit); });
  const uint64_t target = (all >> 32) * word + ((all & 0xffffffffu) * word >> 32);
  int32_t drawn = -1;
  x.each(bound, [&](int32_t token, float logit) {
    if (drawn >= 0) return;
    sum += weight(logit);
    if (sum > target) drawn = token;
  });
  return drawn;
}

// The first of the likeliest tokens; the first of all where there is no number.
int32_t likeliest(const Logits& x) {
  float most = -std::numeric_limits<float>::infinity();
  int32_t best = -1;
  for (int32_t token = 0; token < x.count; token++) {
    const float logit = x.of(token);
    if (logit > most || (best < 0 && logit == most)) best = token, most = logit;
  }
  return best;
}

struct Limits {
  int32_t top_k, top_p;
  uint64_t least;
};

int32_t choose(Logits x, const Limits& limits, uint32_t word) {
  const int32_t best = likeliest(x);
  if (best < 0 || x.temperature == 0) return std::max(best, 0);
  x.largest = x.of(best);
  uint64_t bound = 0;
  if (limits.top_k > 0) bound = last_rank(x, bound, [](float) { return (uint64_t)1; }, [&](uint64_t) { return (uint64_t)limits.top_k; });
  if (limits.top_p < 1 << 24) {
    const uint64_t part = (uint64_t)limits.top_p;
    bound = std::max(bound, last_rank(x, bound, weight_of, [&](uint64_t all) {
      return std::max<uint64_t>((all >> 24) * part + ((all & 0xffffffu) * part >> 24), 1);
    }));
  }
  return drawn(x, bound, limits.least, word);
}

}  // namespace
}  // namespace gatun

extern "C" GATUN_EXPORT int32_t gatun_sample(const gatun_context* context, const gatun_matrix* x, int32_t count,
                                             const gatun_matrix* choices, const gatun_matrix* seen, int32_t words, float penalty,
                                             float temperature, int32_t top_k, int32_t top_p, int64_t least,
                                             const gatun_matrix* found) {
  using namespace gatun;
  if (x->dtype != GATUN_F32 || count < 1 || count > x->cols || found->dtype != GATUN_I32 || found->rows != x->rows ||
      choices->dtype != GATUN_I32 || choices->rows != 2 * x->rows || !(temperature >= 0) || top_p < 1 || least < 0)
    return GATUN_BAD_ARGUMENT;
  uint32_t* const bits = seen->data == nullptr ? nullptr : row<uint32_t>(seen, 0);
  if (bits != nullptr && (words < (count + 31) / 32 || seen->dtype != GATUN_I32)) return GATUN_BAD_ARGUMENT;
  const int32_t* const choice = row<int32_t>(choices, 0);
  const Limits limits{top_k, top_p, (uint64_t)least};
  parallel_range(context, x->rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; i++) {
      const int32_t sequence = choice[2 * i + 1];
      const bool known = bits != nullptr && sequence >= 0 && sequence < seen->rows / words;
      uint32_t* const own = known ? bits + (int64_t)words * sequence : nullptr;
      const Logits logits{row<float>(x, i), own, count, penalty, temperature, 0};
      const int32_t token = choose(logits, limits, (uint32_t)choice[2 * i]);
      row<int32_t>(found, 0)[i] = token;
      if (own != nullptr) own[token / 32] |= 1u << token % 32;
    }
  });
  return GATUN_OK;
}
