/**
 * How much room text takes in a terminal.
 *
 * @module
 */

/** Colours, which take no room. */
// deno-lint-ignore no-control-regex
const COLOURS = /\x1b\[[\d;]*m/g;

/** What stands above or below another character, or nowhere. */
const NO_ROOM = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** Scripts and pictures that take the room of two characters. */
const TWO =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]$/u;

/** Whether a character takes the room of two. */
export const isWide = (character: string): boolean => TWO.test(character);

/** Letters, arrows, lines and blocks that take the room of one: most of what is drawn. */
const isPlain = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2190-\u2199\u2500-\u259f…]*$/;

/** Columns that a text takes, colours aside. */
export function textWidth(text: string): number {
  const bare = text.includes("\x1b") ? text.replace(COLOURS, "") : text;
  if (isPlain.test(bare)) return bare.length;
  let width = 0;
  for (const character of bare) width += isWide(character) ? 2 : NO_ROOM.test(character) ? 0 : 1;
  return width;
}

/** As much of a text without colours as so many columns hold; what is cut short ends with an ellipsis. */
export function cutTo(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let [cut, width] = ["", 1];
  for (const character of text) {
    width += textWidth(character);
    if (width > columns) break;
    cut += character;
  }
  return columns < 1 ? "" : `${cut}…`;
}
