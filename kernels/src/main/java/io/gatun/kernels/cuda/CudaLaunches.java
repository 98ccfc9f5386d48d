package io.gatun.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;

/** Launches of the kernels of a device. */
final class CudaLaunches {
  private final CudaDevice device;
  private final CudaContext context;
  private final CudaModules modules;
  private final CudaErrors errors;
  private final AtomicReference<CudaLaunch> spare = new AtomicReference<>(); // to be used again

  CudaLaunches(CudaDevice device, CudaContext context, CudaModules modules, CudaErrors errors) {
    this.device = device;
    this.context = context;
    this.modules = modules;
    this.errors = errors;
  }

  /** A launch that has no arguments yet; takes the device's lock only to load a kernel. */
  CudaLaunch begin(CudaKernel kernel) {
    if (!modules.has(kernel)) {
      device.guarded(() -> modules.load(kernel));
    }
    var launch = spare.getAndSet(null);
    return (launch != null ? launch : new CudaLaunch(this)).begin(modules.get(kernel));
  }

  /** Enqueues a launch, whose object is then free for the next. */
  void enqueue(CudaLaunch launch, int blocks) {
    device.enter();
    try {
      var arguments = launch.arguments();
      boolean early = launch.early() && context.overlaps() && arguments.bandsRest(context);
      context.beginLaunch();
      var extra = arguments.complete(device);
      if (blocks > 0) {
        var kernel = arguments.kernel();
        String name = kernel.signature.kernel();
        context.profile().begin(name, context.current());
        int code = modules.enqueue(kernel, blocks, launch.sharedBytes(), early, extra);
        context.profile().end();
        errors.launched(name, code, arguments);
      }
    } finally {
      device.leave();
      spare.setRelease(launch);
    }
  }

  /** Enqueues a launch and waits for what it leaves at the beginning of the scratch. */
  long ask(CudaLaunch launch, int blocks) {
    String name = launch.arguments().kernel().signature.kernel();
    var answer = new long[1];
    device.guarded(() -> {
      enqueue(launch, blocks);
      return device.downloadScratch(MemorySegment.ofArray(answer), name);
    });
    return answer[0];
  }
}
