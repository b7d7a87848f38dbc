/**
 * Text from elsewhere made safe to print: nothing in it moves a cursor, rings a bell, hides or turns round what is read.
 *
 * @module
 */

/** Controls of terminals (C0, DEL, C1) and of direction, line breaks of Unicode, and halves of pairs that are none. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029]/gu;
const UNSAFE_BUT_LINES = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029]/gu;

/** A character as programs spell it: `\n`, `\x1b`, `\u202e`. */
function escaped(character: string): string {
  const known = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
  if (known) return known;
  const code = character.codePointAt(0)!.toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
}

/** Text on one line, with all that is not to reach a terminal spelled out. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** The same for text of several lines: line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(UNSAFE_BUT_LINES, escaped);
}

/** Characters of input that a sentence quotes at most. */
const MOST_QUOTED = 80;

/** A piece of input that can be told by its beginning and its end, printable. */
export function shortened(text: string, most: number = MOST_QUOTED): string {
  // what is cut away is not to be gone through
  const characters = text.length > 4 * most ? [...text.slice(0, 2 * most), ...text.slice(-2 * most)] : [...text];
  if (text.length <= 4 * most && characters.length <= most) return printable(text);
  const end = Math.floor(most / 3);
  return printable(`${characters.slice(0, most - end - 1).join("")}…${characters.slice(-end).join("")}`);
}

/** A piece of input in quotes. */
export function quoted(text: string): string {
  return `"${shortened(text)}"`;
}

/** Names in a row, so many of them that a sentence stays one. */
export function listed(names: readonly string[], { most = 8, separator = ", " } = {}): string {
  const some = names.slice(0, most).map((name) => shortened(name, 40)).join(separator);
  return names.length > most ? `${some} and ${names.length - most} more` : some;
}

/** Characters without a space beyond which even a path is cut. */
const LONGEST_WORD = 255;

/** A sentence, printable; what it quotes is cut to {@linkcode MOST_QUOTED} characters, as are endless words. */
export function safeSentence(sentence: string): string {
  const short = sentence.replace(/"([^"]*)"/g, (quotation, inner: string) => {
    return inner.length > MOST_QUOTED ? quoted(inner) : quotation;
  });
  return printable(short.replace(/\S+/g, (word) => word.length > LONGEST_WORD ? shortened(word) : word));
}

/** A value as JSON that is safe to print, and the same value when it is read. */
export function safeJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, null, indent);
  return json.replace(/(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
