/**
 * How a model's hidden states become the vector of a text.
 *
 * @module
 */

/** How a model's vectors are made. */
export interface ModelPooling {
  /** The mean of all tokens, or the first token's, which is [CLS]. */
  readonly pool: "mean" | "cls";
  /** Whether vectors are brought to length 1. */
  readonly normalize: boolean;
}
