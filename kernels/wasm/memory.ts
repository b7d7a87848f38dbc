// Each thread's own memory for intermediate results; the host says where it lies.
let base: usize = 0;

/** Called once for every thread, and again when a program needs more. */
export function set_scratch(at: usize): void {
  base = at;
}

/** Memory for larger intermediate results, 64 bytes into the thread's own. */
@inline
export function scratch(): usize {
  return base + 64;
}

/** Sixteen bytes for copies of parts of vectors. */
@inline
export function spare(): usize {
  return base;
}
