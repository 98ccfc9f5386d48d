package io.gatun.kernels.cpu;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.Weight;

/** Writes weights into the frame of a call, as gatun_weight and gatun_nf4_band. */
public final class CpuWeights {
  private static final long MATRIX_BYTES = CpuFrame.MATRIX_BYTES;
  private static final long WEIGHT_BYTES = MATRIX_BYTES + 16;
  private static final long BAND_BYTES = 64;

  private CpuWeights() {}

  /**
   * Writes a gatun_weight.
   *
   * @param call the call
   * @param weight a weight on the call's device
   * @return its place, for {@link CpuCall#struct}
   */
  public static long weight(CpuCall call, Weight weight) {
    long at = call.place(WEIGHT_BYTES);
    switch (weight) {
      case Matrix m -> {
        call.writeMatrix(at, m);
        call.writeLong(at + MATRIX_BYTES, 0);
        call.writeLong(at + MATRIX_BYTES + 8, 0);
      }
      case Nf4Matrix m -> {
        call.writeMatrix(at, 0, m.rows(), m.cols(), 0, 0);
        int count = m.bands().size();
        long bands = call.place(count * BAND_BYTES);
        for (int i = 0; i < count; i++) {
          writeBand(call, bands + i * BAND_BYTES, m.bands().get(i));
        }
        call.writeLong(at + MATRIX_BYTES, call.address(bands));
        call.writeLong(at + MATRIX_BYTES + 8, count);
      }
    }
    return at;
  }

  /**
   * Writes a gatun_nf4_band.
   *
   * @param call the call
   * @param band a band on the call's device
   * @return its place, for {@link CpuCall#struct}
   */
  public static long band(CpuCall call, Band band) {
    long at = call.place(BAND_BYTES);
    writeBand(call, at, band);
    return at;
  }

  private static void writeBand(CpuCall call, long at, Band band) {
    call.writeLong(at, band.rows());
    call.writeLong(at + 8, band.cols());
    call.writeLong(at + 16, call.pin(band.codes(), 0));
    switch (band.scales()) {
      case Scales.Plain plain -> writeScales(call, at, call.pin(plain.absmax(), 0), 0, 0);
      case Scales.Nested nested ->
          writeScales(
              call, at, call.pin(nested.codes(), 0), call.pin(nested.absmax(), 0), nested.offset());
    }
    call.writeInt(at + 44, band.code().ordinal());
    call.writeInt(at + 48, band.blockSize());
    call.writeInt(at + 52, CpuCall.code(band.recordedDtype()));
    call.writeInt(at + 56, band.layout().ordinal());
    call.writeInt(at + 60, 0);
  }

  private static void writeScales(CpuCall call, long at, long scales, long nested, float offset) {
    call.writeLong(at + 24, scales);
    call.writeLong(at + 32, nested);
    call.writeFloat(at + 40, offset);
  }
}
