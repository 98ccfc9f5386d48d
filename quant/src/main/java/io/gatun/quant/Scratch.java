package io.gatun.quant;

import java.lang.foreign.Arena;
import java.util.Optional;

/**
 * Memory that one tensor after another uses while it is loaded, and that grows to what the largest
 * needs: fresh memory for each would be mapped, zeroed and given back hundreds of times.
 *
 * @param <T> what memory is, on the device or beside it
 */
final class Scratch<T> implements AutoCloseable {
  private final Allocator<T> allocator;
  private Optional<Held<T>> held = Optional.empty();

  Scratch(Allocator<T> allocator) {
    this.allocator = allocator;
  }

  /** Where memory comes from. */
  interface Allocator<T> {
    /** So many bytes, freed with the arena. */
    T allocate(long bytes, Arena arena);
  }

  private record Held<T>(long bytes, T memory, Arena arena) {}

  /** Memory of at least so many bytes, with whatever is in it; what was given before is invalid. */
  T atLeast(long bytes) {
    if (held.isEmpty() || held.get().bytes() < bytes) {
      close();
      held = Optional.of(allocate(bytes));
    }
    return held.get().memory();
  }

  private Held<T> allocate(long bytes) {
    var arena = Arena.ofShared();
    try {
      return new Held<>(bytes, allocator.allocate(bytes, arena), arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public void close() {
    held.ifPresent(memory -> memory.arena().close());
    held = Optional.empty();
  }
}
