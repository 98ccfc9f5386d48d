package io.gatun.runtime.train;

import java.util.Arrays;

/**
 * How near predicted numbers are.
 *
 * @param meanSquaredError mean of (predicted − actual)²
 * @param pearson Σ (a − ā)(p − p̄) / √(Σ (a − ā)² Σ (p − p̄)²), Pearson's correlation; NaN where
 *     all actual or all predicted numbers are equal
 */
public record RegressionScore(double meanSquaredError, double pearson) {
  /**
   * Scores rows.
   *
   * @param actual number of each row
   * @param predicted number that each row was given
   * @return the scores
   */
  public static RegressionScore of(double[] actual, double[] predicted) {
    if (actual.length != predicted.length || actual.length == 0) {
      throw new IllegalArgumentException(
          "%d numbers and %d predictions; there must be as many, and at least one"
              .formatted(actual.length, predicted.length));
    }
    double actualMean = Arrays.stream(actual).average().orElseThrow();
    double predictedMean = Arrays.stream(predicted).average().orElseThrow();
    double squaredError = 0;
    double covariance = 0;
    double actualSquares = 0;
    double predictedSquares = 0;
    for (int i = 0; i < actual.length; i++) {
      double error = predicted[i] - actual[i];
      double a = actual[i] - actualMean;
      double p = predicted[i] - predictedMean;
      squaredError += error * error;
      covariance += a * p;
      actualSquares += a * a;
      predictedSquares += p * p;
    }
    double pearson = covariance / Math.sqrt(actualSquares * predictedSquares);
    return new RegressionScore(squaredError / actual.length, pearson);
  }
}
