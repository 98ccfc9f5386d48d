package io.gatun.kernels.cuda;

/** What a device keeps growing memory of its own for. */
public enum Scratch {
  /** A decoded weight. */
  WEIGHT("decoded weight"),
  /** The one after it. */
  NEXT_WEIGHT("next decoded weight"),
  /** An operand put together from parts. */
  OPERAND("operand of a product"),
  /** A result in F32 that is yet to be rounded. */
  RESULT("result of a product");

  private final String title;

  Scratch(String title) {
    this.title = title;
  }

  /** Name in tables of memory. */
  String title() {
    return title;
  }
}
