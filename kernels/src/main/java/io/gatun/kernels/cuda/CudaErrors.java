package io.gatun.kernels.cuda;

import io.gatun.kernels.DeviceException;

/**
 * Says which operation failed. A kernel that fails is often seen only by a later call, or by its
 * own with {@code -Dgatun.syncEveryLaunch=true}. Under the device's lock.
 */
final class CudaErrors {
  private final CudaContext context;
  private final CudaFaults faults;
  private final boolean syncEveryLaunch = Boolean.getBoolean("gatun.syncEveryLaunch");
  private String last = ""; // what was launched last

  CudaErrors(CudaContext context, CudaFaults faults) {
    this.context = context;
    this.faults = faults;
  }

  /**
   * After a launch.
   *
   * @param operation what was launched
   * @param launchCode the driver's status
   * @param arguments said in the exception
   */
  void launched(String operation, int launchCode, Object arguments) {
    int code = launchCode != 0 || !syncEveryLaunch ? launchCode : context.synchronize();
    if (code != 0) {
      throw new DeviceException(
          "%s: %s (%s; %s)".formatted(operation, CudaStatus.text(code), arguments, context.gpu()));
    }
    last = operation;
    context.graphs().asked(operation);
    if (syncEveryLaunch) {
      faults.check();
    }
  }

  /** Whether each operation is waited for. */
  boolean syncEveryLaunch() {
    return syncEveryLaunch;
  }

  /** Waits, and says what was found wrong meanwhile. */
  void synchronize() {
    context.graphs().refuse("a wait");
    faults.check();
    later(() -> context.check(context.synchronize(), "synchronize"));
  }

  /** After a graph, of which kernels may have been given counters. */
  void watch() {
    faults.watch();
  }

  /** Runs what may be the first to see that an earlier kernel failed. */
  boolean later(Runnable work) {
    try {
      work.run();
      return true;
    } catch (DeviceException e) {
      if (last.isEmpty() || syncEveryLaunch) {
        throw e;
      }
      throw new DeviceException(
          "%s. An earlier kernel may have failed, the last one was %s; start with -Dgatun.syncEveryLaunch=true to see which"
              .formatted(e.getMessage(), last),
          e);
    }
  }
}
