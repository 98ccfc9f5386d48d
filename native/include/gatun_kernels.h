// The C ABI of the CPU kernels. Rules: every function returns a gatun_status; nothing here prints, exits, throws,
// allocates or keeps state (the thread pool and gatun_memory_map aside); all memory, scratch included, belongs to the caller.
//
// Java binds each function by one line of io.gatun.kernels.cpu.CpuKernel, and a test compares that line with this file.
// Parameter types are therefore few: const gatun_context*, const gatun_matrix*, pointers to other structs of this file,
// int32_t, int64_t, float, double, and double* for a result. An output that accumulates (+=) ends in _sum, all others are written (=).
#ifndef GATUN_KERNELS_H
#define GATUN_KERNELS_H
#include <stdint.h>

#define GATUN_ABI_VERSION 4
#define GATUN_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

enum gatun_status {
  GATUN_OK = 0,
  GATUN_BAD_ARGUMENT = 1,  // a shape or dtype the Java side should have refused
  GATUN_BAD_INDEX = 2,     // an id, label or segment outside its table
  GATUN_NO_SCRATCH = 3,    // context scratch too small for this shape
  GATUN_NO_THREADS = 4,    // the operating system gave no thread
  GATUN_NO_MEMORY = 5,     // the operating system gave no memory
  GATUN_BAD_VALUE = 6      // a target outside 0 to 1
};

enum gatun_dtype { GATUN_F32 = 0, GATUN_F16 = 1, GATUN_BF16 = 2, GATUN_I32 = 3, GATUN_U8 = 4 };

enum gatun_activation { GATUN_SILU = 0, GATUN_GELU = 1, GATUN_GELU_TANH = 2, GATUN_RELU = 3, GATUN_TANH = 4 };

// Row-major; element (i, j) is data[i * stride + j]. An absent matrix has data == NULL.
// A list of n integers is an n x 1 matrix of GATUN_I32.
typedef struct {
  void* data;
  int64_t rows, cols, stride;  // in elements
  int32_t dtype;               // gatun_dtype
  int32_t reserved;
} gatun_matrix;

// The thread pool and the scratch every function may use while it runs.
typedef struct {
  void* pool;                // from gatun_pool_open; NULL when threads == 1
  void* scratch;             // threads * scratch_bytes, 64-byte aligned
  int64_t scratch_bytes;     // per thread
  int32_t threads;
  int32_t reserved;
} gatun_context;

enum gatun_code { GATUN_NF4 = 0, GATUN_FP4 = 1 };

// One tensor of a 4-bit weight, quantized over its elements in row order in blocks of block_size.
// Layout FILE: element 2i in the high half of byte i. Layout TILED: see nf4.h; needs cols % block_size == 0, block_size % 64 == 0.
// A scale is scales[block] (f32), or signed map[scales[block] (u8)] * nested[block / 256] + offset where nested is not NULL.
typedef struct {
  int64_t rows, cols;
  void* codes;
  void* scales;
  float* nested;
  float offset;
  int32_t code;        // gatun_code
  int32_t block_size;
  int32_t recorded;    // gatun_dtype a decoded value is rounded to
  int32_t tiled;       // 0 FILE, 1 TILED
  int32_t reserved;
} gatun_nf4_band;

// A frozen (out, in) weight: dense, or, with dense.data == NULL, 4-bit bands from top to bottom. dense.rows, dense.cols: its shape.
typedef struct {
  gatun_matrix dense;
  const gatun_nf4_band* bands;
  int64_t band_count;
} gatun_weight;

// Rows first_row .. of a weight and ranks first_rank .. of A: y += t * (scale b)^T there. b_sum, its gradient, absent in forward.
typedef struct {
  gatun_matrix b, b_sum;  // f32 (rows, rank)
  int64_t first_row, first_rank;
  float scale;
  int32_t reserved;
} gatun_lora_sibling;

// Rows first_row .. first_row + row_count - 1 of x use this adapter. a_sum, its gradient, absent in forward.
typedef struct {
  int64_t first_row, row_count;
  gatun_matrix a, a_sum;  // f32 (ranks of all siblings, in)
  const gatun_lora_sibling* siblings;
  int64_t sibling_count;
} gatun_lora_rows;

typedef struct {
  const gatun_lora_rows* rows;
  int64_t count;
} gatun_lora;

// ---- Library, memory, threads: bound by NativeLibrary, not by CpuKernel ----
int32_t gatun_abi_version(void);
// Bit 0: AVX2, FMA and F16C. Bit 1: AVX-512 F, BW, DQ, VL. Bit 2: AVX-512 BF16. The operating system's consent is included.
int32_t gatun_cpu_features(void);
// Zeroed pages of the operating system, aligned to 2 MiB and offered to huge pages when bytes >= 4 MiB.
int32_t gatun_memory_map(int64_t bytes, void** memory);
int32_t gatun_memory_unmap(void* memory, int64_t bytes);
// threads >= 2, the calling thread included: threads - 1 are started.
int32_t gatun_pool_open(int32_t threads, void** pool);
int32_t gatun_pool_close(void* pool);

// ---- Kernels ----
// "float matrix" below: f32 or bf16, computed in f32, rounded once to nearest even.

// y += x. Same shape; two float matrices.
int32_t gatun_add(const gatun_context* context, const gatun_matrix* x, const gatun_matrix* y_sum);

// found[i] = the first of the columns below count with the largest number of x[i]; NaN is less than any. x is f32.
int32_t gatun_arg_max(const gatun_context* context, const gatun_matrix* x, int32_t count, const gatun_matrix* found);

// found[i] = a token drawn from softmax(x[i] / temperature) of the columns below count, where choices[2 i] of 2^32 says which, and
// choices[2 i + 1] which sequence it is, or -1: words of `seen` have a bit for each token of a sequence, whose logit the penalty makes
// less likely, and get that of the drawn one. Kept are the top_k likeliest (0: all), of these the fewest with top_p / 2^24 of all, of
// these those with least / 2^40 of the likeliest one's probability. Temperature 0 takes the likeliest. x is f32; seen may be absent.
int32_t gatun_sample(const gatun_context* context, const gatun_matrix* x, int32_t count, const gatun_matrix* choices,
                     const gatun_matrix* seen, int32_t words, float penalty, float temperature, int32_t top_k, int32_t top_p,
                     int64_t least, const gatun_matrix* found);

// y[i] = table[ids[i]] * scale. GATUN_BAD_INDEX for an id outside the table.
int32_t gatun_embedding_forward(const gatun_context* context, const gatun_matrix* table, const gatun_matrix* ids,
                                float scale, const gatun_matrix* y);
// d_table[ids[i]] += dy[i] * scale, in the order of i.
int32_t gatun_embedding_backward(const gatun_context* context, const gatun_matrix* dy, const gatun_matrix* ids,
                                 float scale, const gatun_matrix* d_table_sum);

// cache[rows[i]] = k[i] | v[i], side by side. One type; GATUN_BAD_INDEX for a row outside the cache. No row is named twice.
int32_t gatun_kv_append(const gatun_context* context, const gatun_matrix* k, const gatun_matrix* v, const gatun_matrix* rows,
                        const gatun_matrix* cache);

// In each group of n = gamma->cols columns: rstd = 1 / sqrt(mean(x^2) + eps), y = x * rstd * (gamma + gamma_offset).
// Without offset x * rstd is rounded to the type of x before gamma. rstd: f32 (rows, cols / n). gamma: f32 (1, n).
int32_t gatun_rms_norm_forward(const gatun_context* context, const gatun_matrix* x, const gatun_matrix* gamma,
                               float gamma_offset, float eps, const gatun_matrix* y, const gatun_matrix* rstd);
// dx = rstd * (g - h * mean(g * h)), g = dy * (gamma + gamma_offset), h = x * rstd; dx += it when add is 1. dx may be dy.
int32_t gatun_rms_norm_backward(const gatun_context* context, const gatun_matrix* dy, const gatun_matrix* x,
                                const gatun_matrix* gamma, float gamma_offset, const gatun_matrix* rstd,
                                const gatun_matrix* dx, int32_t add);

// In each row: mean and rstd = 1 / sqrt(mean((x - mean)^2) + eps), f32 (rows, 1); y = (x - mean) * rstd * gamma + beta.
// gamma, beta: f32 (1, cols). y may be x.
int32_t gatun_layer_norm_forward(const gatun_context* context, const gatun_matrix* x, const gatun_matrix* gamma,
                                 const gatun_matrix* beta, float eps, const gatun_matrix* y, const gatun_matrix* mean,
                                 const gatun_matrix* rstd);
// dx = rstd * (g - mean(g) - h * mean(g * h)), g = dy * gamma, h = (x - mean) * rstd; dx += it when add is 1. dx may be dy.
int32_t gatun_layer_norm_backward(const gatun_context* context, const gatun_matrix* dy, const gatun_matrix* x,
                                  const gatun_matrix* gamma, const gatun_matrix* mean, const gatun_matrix* rstd,
                                  const gatun_matrix* dx, int32_t add);

// In place, in each head of head_dim columns, h = cos->cols: (a, b) = (x[j], x[j + h]) becomes
// (a cos - b sin, b cos + a sin); with inverse 1 (a cos + b sin, b cos - a sin). cos, sin: f32 (rows, h).
int32_t gatun_rope(const gatun_context* context, const gatun_matrix* x, const gatun_matrix* cos, const gatun_matrix* sin,
                   int32_t head_dim, int32_t inverse);

// h = f(gate) * up; gate_up is (rows, 2 F), h (rows, F). activation: gatun_activation.
int32_t gatun_glu_forward(const gatun_context* context, int32_t activation, const gatun_matrix* gate_up,
                          const gatun_matrix* h);
// d_gate = dh * up * f'(gate), d_up = dh * f(gate). d_gate_up may be gate_up.
int32_t gatun_glu_backward(const gatun_context* context, int32_t activation, const gatun_matrix* gate_up,
                           const gatun_matrix* dh, const gatun_matrix* d_gate_up);

// y = f(x). activation: gatun_activation. y may be x.
int32_t gatun_activate_forward(const gatun_context* context, int32_t activation, const gatun_matrix* x,
                               const gatun_matrix* y);
// dx = dy * f'(x). dx may be dy, or x.
int32_t gatun_activate_backward(const gatun_context* context, int32_t activation, const gatun_matrix* x,
                                const gatun_matrix* dy, const gatun_matrix* dx);

// x = cap * tanh(x / cap), in place.
int32_t gatun_soft_cap(const gatun_context* context, const gatun_matrix* x, float cap);

// z = logits, or soft_cap * tanh(logits / soft_cap) when soft_cap > 0. row_loss = weight * (logsumexp(z) - z[label]);
// logits = weight * (softmax(z) - onehot(label)) * dz/dlogits. Label -100: loss 0, gradient 0. weights, row_loss: f32 (rows, 1).
int32_t gatun_cross_entropy(const gatun_context* context, const gatun_matrix* logits, const gatun_matrix* labels,
                            const gatun_matrix* weights, float soft_cap, const gatun_matrix* row_loss);

// p = 1 / (1 + e^-logit). row_loss = weight * mean over the classes of -t log(p) - (1 - t) log(1 - p), t from 0 to 1
// (GATUN_BAD_VALUE for another); logits = weight / classes * (p - t). targets: f32 (rows, classes); weights, row_loss: f32 (rows, 1).
int32_t gatun_binary_cross_entropy(const gatun_context* context, const gatun_matrix* logits, const gatun_matrix* targets,
                                   const gatun_matrix* weights, const gatun_matrix* row_loss);
// row_loss = weight * mean over the columns of (z - t)^2; z = 2 weight / columns * (z - t). Shapes as above.
int32_t gatun_squared_error(const gatun_context* context, const gatun_matrix* z, const gatun_matrix* targets,
                            const gatun_matrix* weights, const gatun_matrix* row_loss);

// y = kept ? x / (1 - p) : 0; y += it when add is 1. Feature f of a row is kept when word f % 4 of Philox 4x32-10 with key
// seed and counter (f / 4, token_index[row], step, purpose), its upper 24 bits times 2^-24, is >= p. y may be x.
int32_t gatun_dropout(const gatun_context* context, const gatun_matrix* x, int64_t seed, int32_t step, int32_t purpose,
                      const gatun_matrix* token_index, double p, const gatun_matrix* y, int32_t add);

// to = from, any of f32, f16, bf16 to any, to nearest even; equal types copy bits.
int32_t gatun_cast(const gatun_context* context, const gatun_matrix* from, const gatun_matrix* to);

// g = grads * grad_scale; p = p (1 - lr weight_decay); m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
// p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps). All f32, one shape.
int32_t gatun_adam_w(const gatun_context* context, const gatun_matrix* params, const gatun_matrix* grads,
                     const gatun_matrix* m, const gatun_matrix* v, double lr, double beta1, double beta2, double eps,
                     double weight_decay, int32_t t, float grad_scale);

// *result = sum of squares of x, in f64, in a fixed order.
int32_t gatun_squared_norm(const gatun_context* context, const gatun_matrix* x, double* result);

typedef struct {
  int32_t heads, kv_heads;  // query head h reads key head h / (heads / kv_heads)
  int32_t head_dim;
  int32_t window;           // 0: none; else key j is visible to query i only when i - j < window, in positions
  float scale;
  float soft_cap;           // 0: none; else scores become soft_cap * tanh(score / soft_cap)
  int32_t causal;           // 0: a query sees all keys of its segment, which has no parent, and window is 0
} gatun_attention_shape;

// Dropout of the weights: that of a query for a key is multiplied by 0 or 1 / (1 - p). It is kept when word k % 4 of Philox 4x32-10
// with key seed and counter (head << 20 | k / 4, token_index[query row], step, purpose), its upper 24 bits times 2^-24, is >= p;
// k: position of the key in its parent chain. At most 4096 heads, and 2^22 keys in a chain.
typedef struct {
  gatun_matrix token_index;  // of each query row; absent when p is 0
  int64_t seed;
  double p;                  // 0: no weight is dropped
  int32_t step, purpose;
} gatun_attention_dropout;

// o = dropout(softmax(scores)) v with scores = scale * q kT for each query head; lse = log of the sum of exp(scores),
// without dropout.
// segments: six int32 a segment: query_first, query_length, key_first, key_length, parent or -1, position of its first key.
// Causal: a query sees the keys of its segment and parent chain up to its own position; one that sees none has o 0, lse
// -infinity.
// q, o: (tokens, heads * head_dim); k, v: (key rows, kv_heads * head_dim), one dtype, f32 or bf16; lse: f32 (tokens, heads).
int32_t gatun_attention_forward(const gatun_context* context, const gatun_attention_shape* shape,
                                const gatun_attention_dropout* dropout, const gatun_matrix* segments,
                                const gatun_matrix* q, const gatun_matrix* k, const gatun_matrix* v, const gatun_matrix* o,
                                const gatun_matrix* lse);
// p = exp(scores - lse), dp = d_o vT through dropout, ds = p (dp - sum of d_o * o), through the soft cap; dq = scale ds k,
// dk = scale dsT q and dv = dropout(p)T d_o summed over all queries that see a key. Key rows of no segment are left as they are.
int32_t gatun_attention_backward(const gatun_context* context, const gatun_attention_shape* shape,
                                 const gatun_attention_dropout* dropout, const gatun_matrix* segments,
                                 const gatun_matrix* q, const gatun_matrix* k, const gatun_matrix* v, const gatun_matrix* o,
                                 const gatun_matrix* lse, const gatun_matrix* d_o, const gatun_matrix* dq,
                                 const gatun_matrix* dk, const gatun_matrix* dv);

// y = x w^T (+ bias); y += it when add is 1. x: float matrix, its type is the compute type. bias: f32 (1, out) or absent.
int32_t gatun_mat_mul_forward(const gatun_context* context, const gatun_matrix* x, const gatun_weight* w,
                              const gatun_matrix* bias, const gatun_matrix* y, int32_t add);
// dx = dy w; dx += it when add is 1.
int32_t gatun_mat_mul_backward(const gatun_context* context, const gatun_matrix* dy, const gatun_weight* w,
                               const gatun_matrix* dx, int32_t add);

// t = xa a^T in the rows of each adapter; y = x w^T + t (scale b)^T (+ bias). t: type of x.
int32_t gatun_lora_mat_mul_forward(const gatun_context* context, const gatun_matrix* x, const gatun_matrix* xa,
                                   const gatun_weight* w, const gatun_matrix* bias, const gatun_lora* lora,
                                   const gatun_matrix* t, const gatun_matrix* y);
// u = dy (scale b); b_sum += scale dy^T t; a_sum += u^T xa; dx = dy w + u a, or, where dxa is there, dx = dy w and dxa = u a.
int32_t gatun_lora_mat_mul_backward(const gatun_context* context, const gatun_matrix* dy, const gatun_matrix* xa,
                                    const gatun_matrix* t, const gatun_weight* w, const gatun_lora* lora,
                                    const gatun_matrix* u, const gatun_matrix* dx, const gatun_matrix* dxa);

// dw_sum += dy^T x, db_sum += the sums of dy's columns. dy: (rows, out), x: (rows, in), one type; dw_sum: f32 (out, in),
// db_sum: f32 (1, out).
int32_t gatun_linear_gradient(const gatun_context* context, const gatun_matrix* dy, const gatun_matrix* x,
                              const gatun_matrix* dw_sum, const gatun_matrix* db_sum);

// Writes codes of out from x, f32 without gaps, and its scales to absmax: f32 (1, blocks), out->scales itself when those are
// plain. Nested: then codes and scales of absmax - *offset, its mean. binned 1: a nested code is the one of the nearest of 65536
// equidistant numbers, as bitsandbytes' CPU library chooses it; 0: the nearest.
int32_t gatun_nf4_quantize(const gatun_context* context, const gatun_matrix* x, const gatun_nf4_band* out,
                           const gatun_matrix* absmax, int32_t binned, double* offset);
// y = w, rounded to its recorded type and then to y's (f32, f16 or bf16).
int32_t gatun_nf4_dequantize(const gatun_context* context, const gatun_weight* w, const gatun_matrix* y);
// Codes of from to the layout of to.
int32_t gatun_nf4_repack(const gatun_context* context, const gatun_nf4_band* from, const gatun_nf4_band* to);

#ifdef __cplusplus
}
#endif
#endif
