/**
 * Bytes as characters, and GPT-2's way to split text (Radford et al., 2019).
 *
 * @module
 */

/** Every byte as a printable character: itself where it prints, otherwise from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(prints ? byte : spare++);
  });
})();

/** The byte that a character stands for. */
export const byteOf: ReadonlyMap<string, number> = new Map(
  byteCharacters.map((character, byte) => [character, byte]),
);

/** GPT-2's pieces: contractions, words and numbers with the space before them, other characters, white space. */
export const bpePieces =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const encoder = new TextEncoder();

/** Text with a character for each byte of its UTF-8. */
export function toByteCharacters(text: string): string {
  let plain = true;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 33 || unit > 126) {
      plain = false;
      break;
    }
  }
  if (plain) return text;
  let characters = "";
  for (const byte of encoder.encode(text)) characters += byteCharacters[byte];
  return characters;
}
