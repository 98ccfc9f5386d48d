package io.gatun.quant.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes files that exist whole or not at all: each goes to a temporary file in its folder, is
 * forced to disk, and then takes its name; several files take their names together, after the last
 * one has been written. Whatever fails, the temporary files are removed.
 */
final class AtomicFile implements Closeable {
  private static final int STAGE = 1 << 20;

  private final Path file;
  private final Path temporary;
  private final Target target;
  private final ByteBuffer stage;
  private long written;

  /** What bytes go to: a file, or in tests a disk that is full. */
  interface Target extends Closeable {
    int write(ByteBuffer bytes) throws IOException;

    /** Forces the bytes to disk. */
    void force() throws IOException;
  }

  /** Opens the target of a temporary file, which must not exist. */
  interface Opener {
    Target open(Path temporary) throws IOException;
  }

  /** Writes the contents of one file. */
  interface Contents {
    void write(AtomicFile out) throws IOException;
  }

  /** A file to be written. */
  record Job(Path file, Contents contents) {}

  private AtomicFile(Path file, Opener opener, ByteBuffer stage) throws IOException {
    this.stage = stage;
    this.file = file;
    var mark =
        Long.toHexString(ProcessHandle.current().pid()) + Long.toHexString(System.nanoTime());
    this.temporary = file.resolveSibling("." + file.getFileName() + "." + mark + ".partial");
    this.target = opener.open(temporary);
  }

  /** The opener of real files. */
  static Target disk(Path temporary) throws IOException {
    var channel =
        FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    return new Target() {
      @Override
      public int write(ByteBuffer bytes) throws IOException {
        return channel.write(bytes);
      }

      @Override
      public void force() throws IOException {
        channel.force(true);
      }

      @Override
      public void close() throws IOException {
        channel.close();
      }
    };
  }

  /**
   * Writes all files, or none.
   *
   * @throws CheckpointException naming the file that could not be written, and why
   */
  static void writeAll(List<Job> jobs, Opener opener) {
    var files = new ArrayList<AtomicFile>();
    var stage = ByteBuffer.allocateDirect(STAGE);
    try {
      for (var job : jobs) {
        writeOne(job, opener, stage.clear(), files);
      }
      for (var out : files) {
        Files.move(out.temporary, out.file, StandardCopyOption.ATOMIC_MOVE);
      }
      for (var folder :
          jobs.stream().map(j -> j.file().toAbsolutePath().getParent()).distinct().toList()) {
        forceFolder(folder);
      }
    } catch (IOException e) {
      throw new CheckpointException(
          jobs.getFirst().file(), "cannot be written: " + Sentences.of(e));
    } finally {
      files.forEach(AtomicFile::discard);
    }
  }

  private static void writeOne(Job job, Opener opener, ByteBuffer stage, List<AtomicFile> files) {
    try {
      var out = new AtomicFile(job.file(), opener, stage);
      files.add(out);
      try (out) {
        job.contents().write(out);
        out.flush();
        out.target.force();
      }
    } catch (IOException e) {
      throw new CheckpointException(
          job.file(),
          "cannot be written: %s; what was written so far has been removed"
              .formatted(Sentences.of(e)));
    }
  }

  /** Appends bytes. */
  void append(MemorySegment bytes) throws IOException {
    for (long at = 0; at < bytes.byteSize(); ) {
      if (!stage.hasRemaining()) {
        flush();
      }
      int n = (int) Math.min(stage.remaining(), bytes.byteSize() - at);
      MemorySegment.ofBuffer(stage).asSlice(0, n).copyFrom(bytes.asSlice(at, n));
      stage.position(stage.position() + n);
      at += n;
      written += n;
    }
  }

  /** Appends bytes. */
  void append(byte[] bytes) throws IOException {
    append(MemorySegment.ofArray(bytes));
  }

  /** The bytes appended so far. */
  long written() {
    return written;
  }

  private void flush() throws IOException {
    stage.flip();
    while (stage.hasRemaining()) {
      target.write(stage);
    }
    stage.clear();
  }

  @Override
  public void close() throws IOException {
    target.close();
  }

  /** Removes the temporary file if it is still there. */
  private void discard() {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException _) {
      // The failure that led here is the one worth reporting.
    }
  }

  private static void forceFolder(Path folder) throws IOException {
    try (var channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
