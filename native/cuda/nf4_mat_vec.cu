// After functions.cuh, nf4.cuh, nf4_mat_vec.cuh.
// Products of few rows with a 4-bit weight.
extern "C" __global__ void __launch_bounds__(512) nf4_mat_vec_1(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk) {
  mat_vec<1>(x, w, {parts, chunk}, Plain{}, {bias, residual, add, activation, y});
}
extern "C" __global__ void __launch_bounds__(512) nf4_mat_vec_8(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk) {
  mat_vec<8>(x, w, {parts, chunk}, Plain{}, {bias, residual, add, activation, y});
}
extern "C" __global__ void __launch_bounds__(512) nf4_mat_vec_16(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk) {
  mat_vec<16>(x, w, {parts, chunk}, Plain{}, {bias, residual, add, activation, y});
}
extern "C" __global__ void __launch_bounds__(384) nf4_mat_vec_32(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk) {
  mat_vec<32>(x, w, {parts, chunk}, Plain{}, {bias, residual, add, activation, y});
}
