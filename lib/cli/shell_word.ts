/**
 * Words of commands that are printed to be copied.
 *
 * @module
 */

/** A word as a shell reads it again: in quotes where it has characters that mean something to shells. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
