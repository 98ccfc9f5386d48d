/**
 * The house rules as tests: sizes, names, fences, comments, and that every kernel has its parts.
 *
 * <p>Here lives what reads the sources and class files of the whole tree. Facts are gathered in
 * {@code SourceFacts}, {@code ClassFacts} and {@code KernelParts}; rules are tests over facts;
 * every exception to a rule stands in {@code Exceptions} with its reason. Nothing here runs the
 * product.
 */
package io.gatun.bench.house;
