/**
 * Files that can be made again, in the user's cache: unpacked libraries and compiled kernels.
 *
 * <p>A file is written beside its place and renamed into it, so several JVMs may write the same one
 * and a killed one leaves none half written. Nothing here knows what the files are. Not exported:
 * the devices call.
 */
package io.gatun.kernels.cache;
