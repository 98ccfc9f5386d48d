/** Devices, buffers and matrices: what every operation takes. Reads no files and knows no model. */
package io.gatun.kernels;
