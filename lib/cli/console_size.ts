/**
 * The size of the terminal.
 *
 * @module
 */

/** Size of a terminal, in characters. */
export interface Size {
  /** Characters of a line. */
  readonly columns: number;
  /** Lines. */
  readonly rows: number;
}

/** Size of the terminal that the program runs in; of none a usual one. */
export function consoleSize(): Size {
  try {
    const { columns, rows } = Deno.consoleSize();
    // some report nothing rather than fail
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}
