// After functions.cuh.
// Gated linear unit: h = f(gate) * up, gate and up side by side.
extern "C" __global__ void __launch_bounds__(256) glu_forward(int activation, Matrix gateUp, Matrix h) {
  with_activation(activation, [&](auto f) {
    with_compute_type(h.dtype, [&](auto* t) {
      each_piece(h, [&](i64 i, i64 first, int n) {
        auto* gate = row(t, gateUp, i) + first;
        float g[EIGHT], u[EIGHT];
        load8(gate, n, g);
        load8(gate + h.cols, n, u);
#pragma unroll
        for (int k = 0; k < EIGHT; k++) u[k] *= f.value(g[k]);
        store8(row(t, h, i) + first, n, u);
      });
    });
  });
}

// dGate = dh * up * f'(gate), dUp = dh * f(gate); in place where dGateUp is gateUp.
extern "C" __global__ void __launch_bounds__(256) glu_backward(int activation, Matrix gateUp, Matrix dh, Matrix dGateUp) {
  with_activation(activation, [&](auto f) {
    with_compute_type(dh.dtype, [&](auto* t) {
      each_piece(dh, [&](i64 i, i64 first, int n) {
        auto* gate = row(t, gateUp, i) + first;
        auto* dGate = row(t, dGateUp, i) + first;
        float g[EIGHT], u[EIGHT], d[EIGHT];
        load8(gate, n, g);
        load8(gate + dh.cols, n, u);
        load8(row(t, dh, i) + first, n, d);
#pragma unroll
        for (int k = 0; k < EIGHT; k++) {
          const ValueAndSlope at = f.both(g[k]);
          u[k] = d[k] * u[k] * at.slope;
          d[k] *= at.value;
        }
        store8(dGate, n, u);
        store8(dGate + dh.cols, n, d);
      });
    });
  });
}
