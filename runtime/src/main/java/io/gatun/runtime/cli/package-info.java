/**
 * The command line: one class a command, options as records of flags, messages for people.
 *
 * <p>Turns flags into the library's records and prints what the library returns. Must not hold
 * mathematics, file formats or native memory. Called by the launcher only.
 */
package io.gatun.runtime.cli;
