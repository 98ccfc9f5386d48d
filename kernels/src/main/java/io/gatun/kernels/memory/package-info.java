/**
 * What all devices know of their buffers: which live, how much they take, and whether one may still
 * be touched. Where memory comes from is the devices' own. Not exported: the devices call.
 */
package io.gatun.kernels.memory;
