package io.gatun.runtime.hub;

/** Hears of downloads while they go. */
public interface HubListener {
  /** Hears nothing. */
  HubListener NONE =
      new HubListener() {
        @Override
        public void transfer(String file, long done, long total) {}

        @Override
        public void notice(String sentence) {}
      };

  /**
   * Bytes have come, or were there from an earlier download.
   *
   * @param file that is being downloaded
   * @param done bytes of all files of this download
   * @param total bytes that there will be
   */
  void transfer(String file, long done, long total);

  /**
   * Something a person should know, such as that a download waits.
   *
   * @param sentence for people
   */
  void notice(String sentence);
}
