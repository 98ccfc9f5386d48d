package io.gatun.kernels;

import io.gatun.kernels.cuda.CudaSurvey;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What there is of CUDA on this machine. A machine without it is an ordinary one: looking never
 * throws.
 *
 * @param libraries NVIDIA's libraries that a GPU needs
 * @param gpus what the driver lists; none where it does not start
 * @param refusal why {@link Device#cuda()} would throw, in its words; empty where it would not
 * @param cache where compiled kernels are kept, among other files; it may not exist yet
 */
public record CudaFindings(
    List<Library> libraries, List<Gpu> gpus, Optional<String> refusal, Path cache) {
  /** Copies the lists. */
  public CudaFindings {
    libraries = List.copyOf(libraries);
    gpus = List.copyOf(gpus);
  }

  /**
   * A library.
   *
   * @param name what it is
   * @param version of CUDA that it is or supports, "13.0"; empty where that is not known
   * @param text the file that was opened, or what was tried and what to install
   * @param found whether it was opened
   */
  public record Library(String name, String version, String text, boolean found) {}

  /**
   * A GPU.
   *
   * @param ordinal its number
   * @param name as the driver tells it
   * @param capability its compute capability, "9.0"
   * @param memory bytes
   */
  public record Gpu(int ordinal, String name, String capability, long memory) {}

  /**
   * Looks.
   *
   * @return what was found
   */
  public static CudaFindings look() {
    return CudaSurvey.take();
  }
}
