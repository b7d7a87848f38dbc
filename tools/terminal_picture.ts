/**
 * A terminal's screen as an SVG picture.
 *
 * @module
 */

import type { Cell, Style } from "./terminal_screen.ts";

/** Size of a character in pixels: 0.6 em wide, as in common fonts of equal widths. */
const [WIDTH, HEIGHT, FONT] = [7.2, 16, 12];
const MARGIN = 14;
const FONTS = "ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', Consolas, monospace";

const CSS = `
svg { color-scheme: dark }
text { font: ${FONT}px ${FONTS}; fill: #d7dae0; white-space: pre }
.bold { font-weight: bold; fill: #fff }
.dim { fill: #8b93a1 }
.green { fill: #7ec77b }
.red { fill: #ef7a72 }
.yellow { fill: #e0b95d }`;

/** Draws rows of a terminal; `title` says in words what the picture shows. */
export function terminalPicture(
  rows: readonly (readonly Cell[])[],
  { columns, title }: { columns: number; title: string },
): string {
  const [width, height] = [columns * WIDTH + 2 * MARGIN, rows.length * HEIGHT + 2 * MARGIN];
  const texts = rows.map((cells, y) => textOf(cells, MARGIN + (y + 0.8) * HEIGHT)).filter((text) => text !== "");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${tidy(width)} ${
    tidy(height)
  }" xml:space="preserve" role="img" ` +
    `aria-label="${escaped(title)}">
<title>${escaped(title)}</title>
<style>${CSS}
</style>
<rect width="100%" height="100%" rx="8" fill="#16191f"/>
${texts.join("\n")}
</svg>
`;
}

/** A row; each stretch of one style is set at its own column, so that no font shifts what follows. */
function textOf(cells: readonly Cell[], y: number): string {
  const spans: string[] = [];
  for (let from = 0, to = 0; from < cells.length; from = to) {
    const { style, character } = cells[from]!;
    const isSame = (cell: Cell) => classOf(cell.style) === classOf(style) && isPlain(cell) === isPlain({ character });
    while (to < cells.length && isSame(cells[to]!)) to++;
    const text = cells.slice(from, to).map((cell) => cell.character).join("");
    if (text.trim() === "") continue;
    // blocks and dots come from fonts with widths of their own
    const length = isPlain({ character })
      ? ""
      : ` textLength="${tidy((to - from) * WIDTH)}" lengthAdjust="spacingAndGlyphs"`;
    const kind = classOf(style);
    const named = kind === "" ? "" : ` class="${kind}"`;
    spans.push(`<tspan x="${tidy(MARGIN + from * WIDTH)}"${named}${length}>${escaped(text.trimEnd())}</tspan>`);
  }
  return spans.length === 0 ? "" : `<text y="${tidy(y)}">${spans.join("")}</text>`;
}

const classOf = ({ colour, weight }: Style) => [weight, colour].filter((name) => name !== undefined).join(" ");

// deno-lint-ignore no-control-regex
const isPlain = ({ character }: Pick<Cell, "character">) => /^[\x00-\x7f]*$/.test(character);

const tidy = (value: number) => String(Math.round(value * 10) / 10);

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
