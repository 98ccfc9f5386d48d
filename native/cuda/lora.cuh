// Adapters of rows of x, passed by value; as in io.gatun.kernels.cuda.CudaAdapters.

// scale * B of rows first_row .. end_row - 1 of the weight, for ranks first_rank .. first_rank + ranks - 1 of A.
struct LoraFactor {
  const float* b;
  int stride, first_row, end_row, first_rank, ranks;
  float scale;
};
// Rows first_row .. end_row - 1 of x use an A (ranks, in).
struct LoraRun {
  const float* a;
  int stride, ranks, first_row, end_row, first_factor, end_factor;
};
struct Lora {
  int count, reserved;  // of runs
  LoraRun run[32];
  LoraFactor factor[64];
};
