/**
 * What standard input is called: by people, and by commands.
 *
 * @module
 */

/** The name of standard input as a source. */
export const STANDARD_INPUT = "standard input";

/** How commands are told to read it. */
export const INPUT = "-";

/** Whether a value of --data or --validation means standard input, with a weight or without. */
export const isInput = (value: string): boolean => /^-(=[\d.]+)?$/.test(value);
