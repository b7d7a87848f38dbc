/**
 * How samples look: in two lines at most, readable without colours.
 *
 * @module
 */

import type { SampleToken } from "../evaluate/evaluator.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type SampleWord, sampleWords } from "./sample_words.ts";
import { paint, type Style, type Terminal } from "./terminal.ts";
import { cutTo, textWidth } from "./text_width.ts";

/** Lines that a sample takes at most. */
const LINES = 2;

/** Characters of a line where there is no terminal. */
const PIPE_COLUMNS = 80;

/** Text in one style that is not taken apart. */
interface Chunk {
  readonly text: string;
  readonly style: Style;
  readonly isSpaced: boolean;
  readonly mayBreak: boolean;
}

/**
 * A sample in lines: `[word]` was predicted right, `[word → other]` was predicted to be the other; colours say the same. What
 * two lines do not hold is left out.
 */
export function sampleLines(
  sample: readonly SampleToken[],
  { terminal, tokenizer }: {
    terminal: Pick<Terminal, "hasColour" | "columns">;
    tokenizer?: Pick<Tokenizer, "decode"> | undefined;
  },
): string[] {
  const columns = Number.isFinite(terminal.columns) ? terminal.columns : PIPE_COLUMNS;
  const indents = ["  ", "    "];
  const lines: Chunk[][] = [[]];
  let width = indents[0]!.length;
  for (const unit of unitsOf(sampleWords(sample, tokenizer).flatMap(chunksOf))) {
    const indent = indents[lines.length - 1]!.length;
    // the last line ends with a sign that there is more
    const end = columns - (lines.length === LINES ? 2 : 0);
    const space = unit[0]!.isSpaced && lines.at(-1)!.length > 0 ? 1 : 0;
    if (lines.at(-1)!.length === 0 || width + space + widthOf(unit) <= end) {
      const fitting = fitted(unit, end - indent);
      lines.at(-1)!.push(...fitting);
      width += space + widthOf(fitting);
    } else if (lines.length < LINES) {
      const fitting = fitted(unit, columns - 2 - indents[lines.length]!.length);
      lines.push([...fitting]);
      width = indents[lines.length - 1]!.length + widthOf(fitting);
    } else {
      lines.at(-1)!.push({ text: "…", style: "dim", isSpaced: true, mayBreak: true });
      break;
    }
  }
  return lines.map((chunks, i) => indents[i] + shown(chunks, terminal));
}

function shown(chunks: readonly Chunk[], terminal: Pick<Terminal, "hasColour">): string {
  return chunks.map(({ text, style, isSpaced }, i) => (i > 0 && isSpaced ? " " : "") + paint(terminal, style, text))
    .join("");
}

const widthOf = (chunks: readonly Chunk[]) =>
  chunks.reduce((sum, { text, isSpaced }, i) => sum + textWidth(text) + (i > 0 && isSpaced ? 1 : 0), 0);

/** Chunks between which no line may end, cut where no line holds them. */
function fitted(unit: readonly Chunk[], columns: number): readonly Chunk[] {
  if (widthOf(unit) <= columns) return unit;
  return [{ ...unit[0]!, text: cutTo(unit.map(({ text }) => text).join(""), Math.max(1, columns)), style: "dim" }];
}

function chunksOf({ text, predicted, isSpaced, mayBreak }: SampleWord): Chunk[] {
  if (predicted === undefined) return [{ text, style: "dim", isSpaced, mayBreak }];
  if (predicted === text) return [{ text: `[${text}]`, style: "green", isSpaced, mayBreak }];
  return [
    { text: `[${text}`, style: "bold", isSpaced, mayBreak },
    { text: "→", style: "dim", isSpaced: true, mayBreak: false },
    { text: `${predicted}]`, style: "red", isSpaced: true, mayBreak: false },
  ];
}

/** Chunks that stay on a line together. */
function unitsOf(chunks: readonly Chunk[]): Chunk[][] {
  const units: Chunk[][] = [];
  for (const chunk of chunks) {
    if (chunk.mayBreak || units.length === 0) units.push([chunk]);
    else units.at(-1)!.push(chunk);
  }
  return units;
}
