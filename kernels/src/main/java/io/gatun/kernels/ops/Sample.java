package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaKernel;
import java.util.Optional;

/**
 * A token drawn from the logits of each row. The same logits and the same random word give the same
 * token on every device: probabilities are whole numbers, 2^40 for the likeliest token, whose sums
 * do not depend on their order. C: gatun_sample.
 */
public final class Sample {
  private static final float ALL = 0x1p24f; // of the probabilities that top-p keeps a part of
  private static final double LIKELIEST = 0x1p40;

  private Sample() {}

  /**
   * What is kept of a row. The filters apply in this order: penalty, temperature, top-k, top-p,
   * min-p; at least one token stays.
   *
   * @param temperature divisor of the logits; 0 takes the likeliest token
   * @param topK keep the k likeliest tokens; 0 keeps all
   * @param topP keep the fewest of the likeliest tokens whose probabilities sum to at least this; 1
   *     keeps all
   * @param minP drop tokens less likely than this fraction of the likeliest; 0 keeps all
   * @param penalty logits of tokens that were seen are divided by this where positive and
   *     multiplied where negative (CTRL, arXiv 1909.05858); 1 is off
   */
  public record Filters(float temperature, int topK, float topP, float minP, float penalty) {
    /** Checks every range. */
    public Filters {
      boolean good = temperature >= 0 && Float.isFinite(temperature) && topK >= 0;
      good = good && topP > 0 && topP <= 1 && minP >= 0 && minP < 1;
      if (!good || !(penalty > 0) || Float.isInfinite(penalty)) {
        throw new IllegalArgumentException(
            "sample: no temperature %s with top-k %s, top-p %s, min-p %s and penalty %s"
                .formatted(temperature, topK, topP, minP, penalty));
      }
    }

    /** A part of 2^24. */
    int part() {
      return Math.max(1, (int) (topP * ALL));
    }

    /** Of 2^40. */
    long least() {
      return (long) Math.ceil(minP * LIKELIEST);
    }
  }

  /**
   * The tokens that sequences have: a bit each.
   *
   * @param bits words for each sequence, one sequence after the other; token t of a sequence is bit
   *     t % 32 of its word t / 32
   * @param words for a sequence
   */
  public record Seen(Ints bits, int words) {
    /**
     * Words of a sequence.
     *
     * @param count tokens of the vocabulary
     * @return how many
     */
    public static int words(int count) {
      return Math.ceilDiv(count, Integer.SIZE);
    }
  }

  /**
   * Draws. NaN is never taken where there is a number; of infinite logits all are equally likely.
   *
   * @param x (rows, cols) F32
   * @param count columns that are looked at, from the first on; at least 1
   * @param filters what is kept
   * @param choices two integers a row: 32 random bits, and the sequence it belongs to, none twice,
   *     or -1 for none
   * @param seen the tokens of the sequences, for the penalty; the drawn token is added
   * @param found one integer a row, written
   * @throws IllegalArgumentException when shapes do not fit, or a sequence has too few words
   */
  public static void run(
      Matrix x, int count, Filters filters, Ints choices, Optional<Seen> seen, Ints found) {
    Device device = Check.compute("sample", "x", x);
    Check.matrix("sample", "x", x, DType.F32, x.rows(), x.cols(), x);
    Check.ints("sample", "choices", choices, 2 * x.rows(), x);
    Check.ints("sample", "found", found, x.rows(), x);
    if (count < 1 || count > x.cols()) {
      throw Check.wrong("sample", "%s columns of %s", count, x.shape());
    }
    int words = seen.map(Seen::words).orElse(0);
    if (seen.isPresent() && words < Seen.words(count)) {
      throw Check.wrong("sample", "%s words of seen tokens for %s columns", words, count);
    }
    seen.ifPresent(s -> Check.ints("sample", "seen", s.bits(), s.bits().length(), x));
    switch (device) {
      case CudaDevice cuda -> launch(cuda, x, count, filters, choices, seen, found);
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.SAMPLE,
              c -> {
                c.matrix(x).integer(count).ints(choices);
                seen.ifPresentOrElse(s -> c.ints(s.bits()), c::absent);
                c.integer(words)
                    .number(filters.penalty())
                    .number(filters.temperature())
                    .integer(filters.topK())
                    .integer(filters.part())
                    .count(filters.least())
                    .ints(found);
              });
    }
  }

  private static void launch(
      CudaDevice cuda,
      Matrix x,
      int count,
      Filters filters,
      Ints choices,
      Optional<Seen> seen,
      Ints found) {
    var launch =
        cuda.launch(CudaKernel.SAMPLE)
            .matrix("x", x)
            .integer("count", count)
            .pointer("choices", choices.buffer(), choices.offset());
    seen.ifPresentOrElse(
        s -> launch.pointer("seen", s.bits().buffer(), s.bits().offset()),
        () -> launch.absent("seen"));
    int words = seen.map(Seen::words).orElse(0);
    launch
        .integer("words", words)
        .integer("sequences", seen.map(s -> s.bits().length() / s.words()).orElse(0))
        .number("penalty", filters.penalty())
        .number("temperature", filters.temperature())
        .integer("top_k", filters.topK())
        .integer("top_p", filters.part())
        .count("least", filters.least())
        .pointer("found", found.buffer(), found.offset())
        .enqueue(x.rows());
  }
}
