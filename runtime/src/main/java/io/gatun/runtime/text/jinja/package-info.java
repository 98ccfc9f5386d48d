/**
 * The part of Jinja2 that chat templates use, as an interpreter over a tree of records.
 *
 * <p>What lives here: lexer, parser, syntax tree, values with Python's semantics, filters, tests,
 * methods and the interpreter with its limits. The environment is the one Hugging Face gives its
 * templates: {@code trim_blocks}, {@code lstrip_blocks}, loop controls, {@code {% generation %}},
 * no autoescape, an immutable sandbox.
 *
 * <p>What must not: files, tokens, messages. Nothing here reads a file, reflects, or evaluates the
 * text of a value: only the template's own source is ever parsed.
 *
 * <p>Who may call: {@code io.gatun.runtime.text.ChatTemplate}, nobody else; the package is not
 * exported.
 */
package io.gatun.runtime.text.jinja;
