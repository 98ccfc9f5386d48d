#include "gemm.h"

namespace gatun {
namespace {

constexpr int64_t kBlockRows = 4096;  // rows whose partial sums the scratch holds

// Terms of a panel, and so of a sum before it is added to the rest: in f32, where rounding of long sums is what one sees, few.
template <class X>
constexpr int64_t kDepth = std::is_same_v<X, float>
                               ? 128
                               : (128 << 10) / kColumns / (int64_t)sizeof(typename Compute<X>::Packed);

template <class X>
struct Scratch {
  using P = typename Compute<X>::Packed;
  alignas(64) P panel[kDepth<X> * kColumns];
  P low_panel[kMostRanks * kColumns];
  float partial[kBlockRows * kColumns];
  bf16 tail[kBlockRows * 2], low_tail[kBlockRows * 2];
};
static_assert(sizeof(Scratch<float>) <= kGemmScratch && sizeof(Scratch<bf16>) <= kGemmScratch);

// The smallest place after `col` where columns begin or end to be of one kind.
int64_t next_cut(const Product& product, int64_t col) {
  int64_t cut = product.cols;
  const auto consider = [&](int64_t at) {
    if (at > col && at < cut) cut = at;
  };
  if (product.b.columns_are_rows) {
    int64_t end = 0;
    for (int64_t i = 0; i < product.b.band_count; i++) consider(end += product.b.bands[i].rows);
  }
  const gatun_lora* lora = product.low.lora;
  if (lora == nullptr || !product.low.forward) return cut;
  for (int64_t i = 0; i < lora->count; i++) {
    for (int64_t j = 0; j < lora->rows[i].sibling_count; j++) {
      const gatun_lora_sibling& sibling = lora->rows[i].siblings[j];
      consider(sibling.first_row);
      consider(sibling.first_row + sibling.b.rows);
    }
  }
  return cut;
}

int64_t panels_in(int64_t columns) { return (columns + kColumns - 1) / kColumns; }

int64_t count_panels(const Product& product) {
  int64_t count = 0;
  for (int64_t col = 0, cut; col < product.cols; col = cut) {
    cut = next_cut(product, col);
    count += panels_in(cut - col);
  }
  return count;
}

struct Columns {
  int64_t first;
  int count;
};

Columns panel_columns(const Product& product, int64_t panel) {
  int64_t col = 0, cut = next_cut(product, 0);
  while (panel >= panels_in(cut - col)) {
    panel -= panels_in(cut - col);
    col = cut;
    cut = next_cut(product, col);
  }
  col += panel * kColumns;
  return {col, (int)std::min<int64_t>(kColumns, cut - col)};
}

// Low-rank terms of a panel that rows up to `end` share; none when depth is 0.
struct LowTerm {
  int64_t end = 0, first_rank = 0, depth = 0, col = 0;
  Source b;
};

LowTerm low_term(const LowRank& low, int64_t row, int64_t end, int64_t col) {
  LowTerm term;
  term.end = end;
  for (int64_t i = 0; low.lora != nullptr && i < low.lora->count; i++) {
    const gatun_lora_rows& rows = low.lora->rows[i];
    if (row < rows.first_row) {
      term.end = std::min(term.end, rows.first_row);
    } else if (row < rows.first_row + rows.row_count) {
      term.end = std::min(end, rows.first_row + rows.row_count);
      if (!low.forward) {
        term.depth = rows.a.rows;
        term.col = col;
        term.b = source_of(rows.a, 1, false);
      }
      for (int64_t j = 0; low.forward && j < rows.sibling_count; j++) {
        const gatun_lora_sibling& s = rows.siblings[j];
        if (col < s.first_row || col >= s.first_row + s.b.rows) continue;
        term.first_rank = s.first_rank;
        term.depth = s.b.cols;
        term.col = col - s.first_row;
        term.b = source_of(s.b, s.scale, true);
      }
      break;
    }
  }
  return term;
}

template <class Y>
void write_row(const Product& product, const float* c, int64_t row, Columns columns) {
  Y* y = gatun::row<Y>(&product.y, row) + columns.first;
  const float* bias = product.bias == nullptr ? nullptr : product.bias + columns.first;
  for (int j = 0; j < columns.count; j += W) {
    const int n = std::min(W, columns.count - j);
    vf v = load(c + j);
    if (n == W) {
      if (bias != nullptr) v = v + load(bias + j);
      if (product.add) v = v + load(y + j);
      store(y + j, v);
    } else {
      if (bias != nullptr) v = v + load(bias + j, n);
      if (product.add) v = v + load(y + j, n);
      store(y + j, v, n);
    }
  }
}

void write_rows(const Product& product, const float* c, int rows, int64_t row, Columns columns) {
  for (int i = 0; i < rows; i++, c += kColumns) {
    if (product.transposed) {
      for (int j = 0; j < columns.count; j++) {
        gatun::row<float>(&product.y, columns.first + j)[row + i] += product.scale * c[j];
      }
    } else if (product.y.dtype == GATUN_F32) {
      write_row<float>(product, c, row + i, columns);
    } else {
      write_row<bf16>(product, c, row + i, columns);
    }
  }
}

// The last term of each row, beside a zero, when terms go in pairs and their number is odd.
void copy_tail(const bf16* a, int64_t lda, int64_t depth, int64_t rows, bf16* tail) {
  for (int64_t i = 0; i < rows; i++) {
    tail[2 * i] = a[i * lda + depth - 1];
    tail[2 * i + 1] = bf16{0};
  }
}
void copy_tail(const float*, int64_t, int64_t, int64_t, bf16*) {}

template <class X>
class Panel {
 public:
  Panel(const Product& product, Columns columns, Scratch<X>* scratch)
      : product_(product), columns_(columns), scratch_(scratch), lda_(product.a.stride), depth_(product.a.cols) {}

  void run(int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kBlockRows) run_block(first, std::min(first + kBlockRows, end));
  }

 private:
  using P = typename Compute<X>::Packed;
  static constexpr int64_t kGroup = Compute<X>::kGroup;

  void run_block(int64_t begin, int64_t end) {
    begin_ = begin;
    if (depth_ % kGroup != 0) copy_tail(row(begin), lda_, depth_, end - begin, scratch_->tail);
    int64_t k = 0;
    do {
      const int64_t depth = std::min(kDepth<X>, depth_ - k);
      const bool last = k + depth == depth_;
      pack<X>(product_.b, columns_.first, columns_.count, k, depth, scratch_->panel);
      for (int64_t m = begin; m < end;) {
        const LowTerm low = low_term(last ? product_.low : LowRank{}, m, end, columns_.first);
        if (low.depth > 0) pack_low(low, m);
        run_rows(m, low.end, k, depth, low, last);
        m = low.end;
      }
      k += depth;
    } while (k < depth_);
  }

  void pack_low(const LowTerm& low, int64_t m) {
    pack<X>(low.b, low.col, columns_.count, 0, low.depth, scratch_->low_panel);
    if (low.depth % kGroup != 0) {
      copy_tail(low_row(m, low), product_.low.factors.stride, low.depth, low.end - m, scratch_->low_tail + 2 * (m - begin_));
    }
  }

  void run_rows(int64_t begin, int64_t end, int64_t k, int64_t depth, const LowTerm& low, bool last) {
    const int step = tile_rows(std::min(columns_.count + W - 1, kStrip) / W);
    alignas(64) float local[8 * kColumns];
    for (int64_t m = begin; m < end; m += step) {
      const int rows = (int)std::min<int64_t>(step, end - m);
      float* c = last && k == 0 ? local : scratch_->partial + (m - begin_) * kColumns;
      for (int j = 0; j < columns_.count; j += kStrip) {
        const int width = strip_width(std::min(kStrip, columns_.count - j));
        Spans<X> spans;
        add_spans(&spans, row(m) + k, lda_, scratch_->tail + 2 * (m - begin_), scratch_->panel, depth, j, width);
        add_spans(&spans, low.depth > 0 ? low_row(m, low) : nullptr, product_.low.factors.stride,
                  scratch_->low_tail + 2 * (m - begin_), scratch_->low_panel, low.depth, j, width);
        any_tile<X>(spans, rows, width, c + j, kColumns, k > 0);
      }
      if (last) write_rows(product_, c, rows, m, columns_);
    }
  }

  static void add_spans(Spans<X>* spans, const X* a, int64_t lda, const bf16* tail, const P* panel, int64_t depth, int j,
                        int width) {
    const P* strip = panel + j * padded<X>(depth);
    const int64_t whole = depth / kGroup * kGroup;
    spans->add(a, lda, strip, whole);
    if constexpr (kGroup == 2) spans->add(tail, 2, strip + whole * width, depth - whole == 0 ? 0 : kGroup);
  }

  const X* row(int64_t m) const { return gatun::row<const X>(&product_.a, m); }
  const X* low_row(int64_t m, const LowTerm& low) const {
    return gatun::row<const X>(&product_.low.factors, m) + low.first_rank;
  }

  const Product& product_;
  const Columns columns_;
  Scratch<X>* const scratch_;
  const int64_t lda_, depth_;
  int64_t begin_ = 0;
};

// As many whole panels as there are multiples of threads; each of the others is shared by all threads, by rows.
template <class X>
void run(const gatun_context* context, const Product& product) {
  const int64_t rows = product.a.rows, panels = count_panels(product);
  const bool small = rows * product.cols * std::max<int64_t>(product.a.cols, 1) < 1 << 18;
  const int64_t threads = small ? 1 : context->threads;
  const int64_t parts = rows < 16 * threads ? 1 : threads, whole = parts == 1 ? panels : panels / threads * threads;
  const auto task = [&](int index, int thread) {
    const int64_t rest = index - whole, part = rest < 0 ? 0 : rest % parts, of = rest < 0 ? 1 : parts;
    const int64_t panel = rest < 0 ? index : whole + rest / parts;
    const auto edge = [&](int64_t p) { return p == of ? rows : rows * p / of / 24 * 24; };
    auto* memory = reinterpret_cast<Scratch<X>*>(scratch(context, thread));
    Panel<X>(product, panel_columns(product, panel), memory).run(edge(part), edge(part + 1));
  };
  const int tasks = (int)(whole + (panels - whole) * parts);
  if (small) {
    for (int i = 0; i < tasks; i++) task(i, 0);
  } else {
    parallel_tasks(context, tasks, task);
  }
}

}  // namespace

int32_t multiply(const gatun_context* context, const Product& product) {
  if (context->scratch_bytes < kGemmScratch) return GATUN_NO_SCRATCH;
  if (product.y.dtype != GATUN_F32 && product.y.dtype != GATUN_BF16) return GATUN_BAD_ARGUMENT;
  if (product.a.rows == 0 || product.cols == 0) return GATUN_OK;
  const bool known = with_compute_type(&product.a, [&](auto* x) { run<std::remove_pointer_t<decltype(x)>>(context, product); });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}

}  // namespace gatun
