/**
 * A batch: what one step of training reads, and the only thing that the text side and the trainer share.
 *
 * @module
 */

/** A masked batch of equally long windows, [windows, length], row after row. */
export interface Batch {
  /** Number of windows. */
  readonly windows: number;
  /** Tokens in a window. */
  readonly length: number;
  /** Input tokens, masked: [windows · length]. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Tokens before masking: [windows · length]. */
  readonly original: Uint32Array<ArrayBuffer>;
  /** Rows (window · length + position) of the masked tokens: [count]. */
  readonly maskedRows: Uint32Array<ArrayBuffer>;
  /** Correct tokens there: [count]. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /**
   * Where windows hold several documents: for each row the first position of its document and the end, exclusive,
   * [windows · length, 2].
   */
  readonly documents?: Uint32Array<ArrayBuffer> | undefined;
  /** Where windows hold pairs of texts: 0 for rows of the first, 1 for rows of the second, [windows · length]. */
  readonly tokenTypes?: Uint32Array<ArrayBuffer> | undefined;
  /** Where windows hold pairs of texts: 0 if the second follows the first, 1 if it is from elsewhere, [windows]. */
  readonly pairClasses?: Uint32Array<ArrayBuffer> | undefined;
}

/** Rows of a batch sorted by token; see {@linkcode groupByToken}. */
export interface TokenGroups {
  /** The different tokens; the rest is unused: [rows]. */
  unique: Uint32Array<ArrayBuffer>;
  /** Where each one's rows begin in `order`; constant from the last token on: [rows + 1]. */
  starts: Uint32Array<ArrayBuffer>;
  /** Rows, grouped: [rows]. */
  order: Uint32Array<ArrayBuffer>;
}

/** Groups rows by token, in order of first appearance, so that each token's gradient has one writer. */
export function groupByToken(ids: Uint32Array): TokenGroups {
  const rows = ids.length;
  const groupOf = new Map<number, number>();
  const unique = new Uint32Array(rows);
  const groups = new Uint32Array(rows);
  const starts = new Uint32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const id = ids[row]!;
    let group = groupOf.get(id);
    if (group === undefined) {
      group = groupOf.size;
      groupOf.set(id, group);
      unique[group] = id;
    }
    groups[row] = group;
    starts[group + 1]!++;
  }
  for (let group = 0; group < rows; group++) starts[group + 1]! += starts[group]!;
  const next = starts.slice(0, rows);
  const order = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) order[next[groups[row]!]!++] = row;
  return { unique, starts, order };
}
