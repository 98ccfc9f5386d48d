// Attention of segments with few query rows, as in decoding.
#pragma once
#include "attention_scores.h"

namespace gatun {

// Whether a segment has so few rows that reading its keys once, row by row, beats a tile; never with
// dropout, which tiles alone apply.
bool has_few_rows(const AttentionCall& call, int segment);

// Forward for all segments with few rows. Uses call.packing.first.
int32_t decode_few_rows(const gatun_context* context, AttentionCall& call, const gatun_matrix* o, const gatun_matrix* lse);

}  // namespace gatun
