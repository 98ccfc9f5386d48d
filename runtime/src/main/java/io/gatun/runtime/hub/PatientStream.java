package io.gatun.runtime.hub;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/**
 * A body that may be slow, but not silent: a read that waits too long fails. The JDK's client
 * limits only the time until an answer begins.
 */
final class PatientStream extends InputStream {
  private static final long IDLE = 0;

  private final InputStream in;
  private final Duration silence;
  private volatile long waitingSince = IDLE;
  private volatile boolean expired;
  private volatile boolean closed;

  PatientStream(InputStream in, Duration silence) {
    this.in = in;
    this.silence = silence;
    Thread.ofVirtual().start(this::watch);
  }

  private void watch() {
    try {
      while (!closed) {
        Thread.sleep(silence.dividedBy(4));
        long since = waitingSince;
        if (since != IDLE && System.nanoTime() - since > silence.toNanos()) {
          expired = true;
          in.close(); // wakes the reader
          return;
        }
      }
    } catch (InterruptedException | IOException _) {
      // the reader sees what became of the body
    }
  }

  @Override
  public int read(byte[] to, int offset, int length) throws IOException {
    waitingSince = Math.max(1, System.nanoTime());
    try {
      int n = in.read(to, offset, length);
      if (expired) {
        throw silent();
      }
      return n;
    } catch (IOException e) {
      throw expired ? silent() : e;
    } finally {
      waitingSince = IDLE;
    }
  }

  private IOException silent() {
    return new IOException("nothing came for %d seconds".formatted(silence.toSeconds()));
  }

  @Override
  public int read() throws IOException {
    var one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public void close() throws IOException {
    closed = true;
    in.close();
  }
}
