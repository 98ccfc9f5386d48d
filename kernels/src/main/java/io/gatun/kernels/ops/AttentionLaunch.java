package io.gatun.kernels.ops;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.cuda.CudaLaunch;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToLongFunction;

/**
 * Launches of attention's CUDA kernels. Segments with few query rows go to attention_decode, which
 * cuts their keys into chunks; the others to attention, by tiles of query rows. Which, and where a
 * chain is cut, depends on the segment and its chain alone.
 */
final class AttentionLaunch {
  // As in the kernels.
  private static final int MAX_HEAD = 256;
  private static final int FEW_ROWS = 16;
  private static final int CHUNK = 256;
  private static final int CHUNK_START = 64;

  private static final DropoutKey NO_KEY = new DropoutKey(0, 0, 0);
  private static final int MOST_CHUNKS = 64; // of a segment: enough to fill a GPU, quickly joined
  private static final int RESIDENT = 4; // blocks of attention_decode on a multiprocessor

  private final CudaDevice cuda;
  private final AttentionShape shape;
  private final Optional<AttentionDropout> dropout;
  private final Segments segments;
  private final List<Segment> list;
  private final Tiles tiles;
  private final int group;
  private final long scratchBytes;
  private final int chunkLimit;
  private final int resident;

  /**
   * The kernels for a type and size of heads, with the rows or keys of a block and its shared
   * memory. Rows lie 16 bytes more than their length apart there.
   */
  enum Tiles {
    HEAD_64(
        new Block(CudaKernel.ATTENTION_64, 128, (128 + 2 * 64) * 72 * 2),
        new Block(CudaKernel.ATTENTION_DROP_64, 64, (64 + 2 * 64) * 72 * 2),
        new Block(CudaKernel.ATTENTION_DECODE_64, 0, (16 + 2 * 64) * 72 * 2),
        new Block(CudaKernel.ATTENTION_DQ_64, 64, (2 * 64 + 4 * 64) * 72 * 2),
        new Block(CudaKernel.ATTENTION_DKV_64, 64, (2 * 64 + 4 * 64) * 72 * 2 + 2 * 64 * 8)),
    HEAD_128(
        new Block(CudaKernel.ATTENTION_128, 128, (128 + 2 * 64) * 136 * 2),
        new Block(CudaKernel.ATTENTION_DROP_128, 64, (64 + 2 * 64) * 136 * 2),
        new Block(CudaKernel.ATTENTION_DECODE_128, 0, (16 + 2 * 64) * 136 * 2),
        new Block(CudaKernel.ATTENTION_DQ_128, 64, (2 * 64 + 4 * 32) * 136 * 2),
        new Block(CudaKernel.ATTENTION_DKV_128, 64, (2 * 64 + 4 * 32) * 136 * 2 + 2 * 32 * 8)),
    HEAD_256(
        new Block(CudaKernel.ATTENTION_256, 64, (64 + 2 * 32) * 264 * 2),
        new Block(CudaKernel.ATTENTION_DROP_256, 64, (64 + 2 * 32) * 264 * 2),
        new Block(CudaKernel.ATTENTION_DECODE_256, 0, (16 + 2 * 64) * 264 * 2),
        new Block(CudaKernel.ATTENTION_DQ_256, 64, (2 * 64 + 2 * 32) * 264 * 2),
        new Block(CudaKernel.ATTENTION_DKV_256, 64, (2 * 64 + 2 * 16) * 264 * 2 + 16 * 8)),
    /** Sizes of the larger heads; smaller ones need less. */
    F32(
        new Block(CudaKernel.ATTENTION_F32, 64, (64 + 2 * 16) * 260 * 4),
        new Block(CudaKernel.ATTENTION_F32, 64, (64 + 2 * 16) * 260 * 4),
        new Block(CudaKernel.ATTENTION_DECODE_F32, 0, (16 + 2 * 32) * 260 * 4),
        new Block(CudaKernel.ATTENTION_DQ_F32, 16, (2 * 64 + 2 * 16) * 132 * 4 + 4 * 16 * 20 * 4),
        new Block(
            CudaKernel.ATTENTION_DKV_F32,
            16,
            (2 * 64 + 2 * 16) * 132 * 4 + 4 * 16 * 20 * 4 + 16 * 8));

    final Block forward;
    final Block dropping;
    final Block decode;
    final Block dq;
    final Block dkv;

    Tiles(Block forward, Block dropping, Block decode, Block dq, Block dkv) {
      this.forward = forward;
      this.dropping = dropping;
      this.decode = decode;
      this.dq = dq;
      this.dkv = dkv;
    }

    static Tiles of(DType dtype, int headDim) {
      if (dtype == DType.F32) {
        return F32;
      }
      return headDim <= 64 ? HEAD_64 : headDim <= 128 ? HEAD_128 : HEAD_256;
    }
  }

  record Block(CudaKernel kernel, int rows, int sharedBytes) {}

  AttentionLaunch(
      String op,
      CudaDevice cuda,
      AttentionShape shape,
      Optional<AttentionDropout> dropout,
      Segments segments,
      DType dtype,
      long scratchBytes) {
    if (shape.headDim() > MAX_HEAD) {
      throw Check.wrong(
          op,
          "heads of %d columns; the CUDA kernels take up to %d, use Device.cpu()",
          shape.headDim(),
          MAX_HEAD);
    }
    this.cuda = cuda;
    this.shape = shape;
    this.dropout = dropout.filter(d -> d.p() > 0);
    this.segments = segments;
    this.scratchBytes = scratchBytes;
    list = segments.list();
    tiles = Tiles.of(dtype, shape.headDim());
    resident = RESIDENT * CudaGrid.multiprocessors(cuda);
    group = shape.heads() / shape.kvHeads();
    boolean splits = shape.kvHeads() <= CudaDevice.TICKETS && this.dropout.isEmpty();
    chunkLimit = splits ? (int) Math.min(MOST_CHUNKS, scratchBytes / chunkBytes()) : 0;
  }

  /** What the blocks of one chunk leave in scratch. */
  private long chunkBytes() {
    return 4L * shape.kvHeads() * FEW_ROWS * (shape.headDim() + 2);
  }

  void forward(Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse) {
    Block block = isPlain() && tiles != Tiles.F32 ? forwardTiles() : tiles.dropping;
    long blocks = blocks(s -> hasFewRows(s) ? 0 : tilesOf(s, block));
    if (blocks > 0) {
      CudaLaunch launch = inputs(results(begin(block, q, k, v), o, lse));
      (block == tiles.dropping ? dropout(launch) : launch)
          .integer("count", list.size())
          .integer("limit", chunkLimit)
          .enqueue(grid(blocks));
    }
    for (int from = 0, to; chunkLimit > 0 && from < list.size(); from = to) {
      int chunks = 0;
      for (to = from; to < list.size(); to++) {
        int more = hasFewRows(to) ? chunks(to) : 0;
        if ((chunks + more) * chunkBytes() > scratchBytes
            || (to + 1 - from) * (long) shape.kvHeads() > CudaDevice.TICKETS) {
          break;
        }
        chunks += more;
      }
      decode(from, to, chunks, q, k, v, o, lse);
    }
  }

  private Block forwardTiles() {
    return AttentionHopper.of(cuda, tiles).map(h -> h.forward).orElse(tiles.forward);
  }

  private void decode(
      int from, int to, int chunks, Matrix q, Matrix k, Matrix v, Matrix o, Matrix lse) {
    if (chunks > 0) {
      inputs(results(begin(tiles.decode, q, k, v), o, lse))
          .integer("from", from)
          .integer("to", to)
          .integer("limit", chunkLimit)
          .scratch("parts", chunks * chunkBytes())
          .tickets("tickets", (to - from) * shape.kvHeads())
          .enqueue(Math.min(grid((long) chunks * shape.kvHeads()), resident));
    }
  }

  /** dq first: it leaves the sums of dO * o for dk and dv. */
  void backward(
      Matrix q,
      Matrix k,
      Matrix v,
      Matrix o,
      Matrix lse,
      Matrix dO,
      Matrix dq,
      Matrix dk,
      Matrix dv) {
    var hopper = isPlain() ? AttentionHopper.of(cuda, tiles) : Optional.<AttentionHopper>empty();
    Block rows = hopper.map(h -> h.dq).orElse(tiles.dq);
    Block keys = hopper.map(h -> h.dkv).orElse(tiles.dkv);
    long blocks = blocks(s -> tilesOf(s, rows));
    if (blocks > 0) {
      var launch = results(begin(rows, q, k, v), o, lse).matrix("d_o", dO).matrix("dq", dq);
      gradient(inputs(launch), hopper.isPresent()).enqueue(grid(blocks));
    }
    blocks = blocks(s -> Math.ceilDiv(list.get(s).keyLength(), keys.rows()));
    if (blocks > 0) {
      var launch = begin(keys, q, k, v).matrix("lse", lse).matrix("d_o", dO);
      launch = inputs(launch.matrix("dk", dk).matrix("dv", dv));
      gradient(launch, hopper.isPresent()).enqueue(grid(blocks));
    }
  }

  private CudaLaunch gradient(CudaLaunch launch, boolean onHopper) {
    return (onHopper ? launch : dropout(launch))
        .integer("count", list.size())
        .scratch("deltas", 4L * segments.queryRows() * shape.heads());
  }

  /** Without what takes more registers than a block's products leave: dropout, caps. */
  private boolean isPlain() {
    return dropout.isEmpty() && shape.softCap() == 0 && shape.scale() > 0;
  }

  private CudaLaunch begin(Block block, Matrix q, Matrix k, Matrix v) {
    return cuda.launch(block.kernel())
        .shared(block.sharedBytes())
        .matrix("q", q)
        .matrix("k", k)
        .matrix("v", v);
  }

  private static CudaLaunch results(CudaLaunch launch, Matrix o, Matrix lse) {
    return launch.matrix("o", o).matrix("lse", lse);
  }

  private static int grid(long blocks) {
    return (int) Math.min(blocks, Integer.MAX_VALUE);
  }

  /** Blocks for pieces of all segments and key heads; the kernels work with any number. */
  private long blocks(IntToLongFunction pieces) {
    long sum = 0;
    for (int s = 0; s < list.size(); s++) {
      sum += pieces.applyAsLong(s);
    }
    return shape.kvHeads() * sum;
  }

  private CudaLaunch inputs(CudaLaunch launch) {
    return launch
        .pointer("segments", segments.table().buffer(), segments.table().offset())
        .integer("kv_heads", shape.kvHeads())
        .integer("window", shape.window())
        .integer("causal", shape.causal() ? 1 : 0)
        .number("scale", shape.scale())
        .number("soft_cap", shape.softCap());
  }

  /** A word is kept whose upper 24 bits reach p of 2^24. */
  private CudaLaunch dropout(CudaLaunch launch) {
    if (dropout.isPresent()) {
      Ints index = dropout.get().tokenIndex();
      launch.pointer("token_index", index.buffer(), index.offset());
    } else {
      launch.absent("token_index");
    }
    DropoutKey key = dropout.isPresent() ? dropout.get().key() : NO_KEY;
    double p = dropout.isPresent() ? dropout.get().p() : 0;
    return launch
        .count("seed", key.seed())
        .integer("step", key.step())
        .integer("word", key.word())
        .number("threshold", (float) Math.ceil(p * 0x1p24))
        .number("factor", (float) (1 / (1 - p)));
  }

  private long tilesOf(int s, Block block) {
    return Math.ceilDiv(list.get(s).queryLength() * (long) group, block.rows());
  }

  private boolean hasFewRows(int s) {
    int owners = 0;
    for (int owner = s; owner >= 0; owner = list.get(owner).parent()) {
      owners++;
    }
    int queries = list.get(s).queryLength();
    return queries > 0 && queries * (long) group <= FEW_ROWS && owners <= chunkLimit;
  }

  /** Chunks at most: how many there are the kernel reads from the table. */
  private int chunks(int s) {
    long chunks = 0;
    for (int owner = s; owner >= 0; owner = list.get(owner).parent()) {
      long keys = segments.mostKeys(owner);
      if (shape.window() > 0) {
        long seen = (long) shape.window() + list.get(s).queryLength() - 1;
        keys = Math.min(keys, seen + CHUNK_START - 1);
      }
      chunks += Math.ceilDiv(keys, CHUNK);
    }
    return (int) Math.min(chunks, chunkLimit);
  }
}
