/** Code points that text is made of, of which long runs of one kind are thinned out; all with CLOZE_ALL_OF_UNICODE=1. */
function codePoints(offset: number): number[] {
  const all = Deno.env.get("CLOZE_ALL_OF_UNICODE") === "1";
  const found: number[] = [];
  for (let codePoint = 0; codePoint < 0x110000; codePoint++) {
    if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
    const isRun = (codePoint >= 0x3400 && codePoint < 0xa000) || (codePoint >= 0xac00 && codePoint < 0xd7a0) ||
      (codePoint >= 0xe000 && codePoint < 0xf900) || codePoint >= 0x12000;
    const isDense = codePoint >= 0x16000 && codePoint < 0x17000 || codePoint >= 0x1c000 && codePoint < 0x20000;
    const step = all ? 1 : isDense ? 13 : isRun ? 197 : 3;
    if ((codePoint + offset) % step === 0) found.push(codePoint);
  }
  return found;
}

/**
 * Texts over all of Unicode: every code point alone, between letters, behind and before marks, digits and signs; a few dozen
 * of them in a text.
 */
export function unicodeTexts(offset = 0): string[] {
  const texts: string[] = [];
  let text = "";
  for (const [i, codePoint] of codePoints(offset).entries()) {
    const character = String.fromCodePoint(codePoint);
    text += `${character} a${character}b 1${character}\u0301\u0323.${character}${character}\u0334 `;
    if (i % 32 === 31) {
      texts.push(text);
      text = "";
    }
  }
  // halves of characters, and texts of nothing but space
  texts.push(text, "a\ud800b \udc00 \ud83d\ud83d\ude00", "", " ", "   \n\t ", "a  b   c ", "  a");
  return texts;
}
