/**
 * Checkpoint files: safetensors (read and written), GGUF (read), BERT models as ONNX (read, also in
 * archives), bitsandbytes 4-bit layers inside safetensors (read and written), and {@link
 * io.gatun.quant.checkpoint.Checkpoint}, the one view of them all under Hugging Face tensor names.
 *
 * <p>Files are untrusted: every size is checked against the file before anything is allocated, no
 * name inside a file becomes a path outside its folder, and nothing is visible before the whole
 * header has been validated. What is wrong with a file is reported at once, in one {@link
 * io.gatun.quant.checkpoint.CheckpointException}.
 *
 * <p>Nothing here knows a device or allocates device memory. Mapped segments live as long as the
 * arena given at opening; a file must not be shortened while it is mapped, because reading a page
 * that no longer exists ends in an {@link InternalError}, or, in native code, in the death of the
 * process. Called by {@code io.gatun.quant} and by the runtime's loaders and writers.
 */
package io.gatun.quant.checkpoint;
