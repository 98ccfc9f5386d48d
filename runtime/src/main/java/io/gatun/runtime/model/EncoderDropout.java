package io.gatun.runtime.model;

/**
 * With which probability an encoder and its head drop what, while something is trained on them; 0
 * drops nothing.
 *
 * @param embeddings features of the embeddings, normalised
 * @param weights attention's weights, which softmax gives
 * @param output what attention's output projection gives
 * @param down what the down projection gives
 * @param dense what the head's hidden layer reads
 * @param labels what the head's output layer reads
 */
public record EncoderDropout(
    float embeddings, float weights, float output, float down, float dense, float labels) {
  /** Drops nothing. */
  public static final EncoderDropout NONE = new EncoderDropout(0, 0, 0, 0, 0, 0);
}
