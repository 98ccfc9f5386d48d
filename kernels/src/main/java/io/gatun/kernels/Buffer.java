package io.gatun.kernels;

import io.gatun.kernels.cpu.CpuBuffer;
import io.gatun.kernels.cuda.CudaBuffer;

/** Named memory of a device, made by {@link Device#allocate} and freed when its arena closes. */
public sealed interface Buffer permits CpuBuffer, CudaBuffer {
  /**
   * The device that owns the memory.
   *
   * @return the device
   */
  Device device();

  /**
   * What the memory is for, as given to {@link Device#allocate}.
   *
   * @return the name
   */
  String name();

  /**
   * Size.
   *
   * @return bytes
   */
  long bytes();
}
