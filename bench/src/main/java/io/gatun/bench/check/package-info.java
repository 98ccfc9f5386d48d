/**
 * {@code gatun bench check}: what a machine with a GPU is asked to show. The GPU tests, then the
 * figures that performance has targets for, each against a ceiling that is measured in turns with
 * it, and one table of them.
 *
 * <p>Each part is a process of its own under a time limit, because a fault on a GPU ends a process;
 * what fails or cannot run is a line of the table with its reason. Parts name operations and
 * models, never kernels, so they run on any device. Nothing depends on this package.
 */
package io.gatun.bench.check;
