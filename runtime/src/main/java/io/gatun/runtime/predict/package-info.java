/**
 * What a trained classifier says of texts: {@link io.gatun.runtime.predict.Predictor} takes texts
 * and pairs of texts, and gives labels and scores.
 *
 * <p>Knows tokenizers, classifiers and their adapters; packs texts into batches. Must not know
 * files, training or the command line. Called by the command line and by whoever embeds Gatun.
 */
package io.gatun.runtime.predict;
