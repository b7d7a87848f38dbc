import type { Screen } from "../../lib/cli/terminal.ts";
import { textWidth } from "../../lib/cli/text_width.ts";

/** A terminal in memory, which breaks its lines anew when its width changes, and keeps all that scrolls away. */
export interface FakeScreen extends Screen {
  /** All lines, those that scrolled away included, without spaces at their ends. */
  lines(): string[];
  /** Gives it another width. */
  resize(columns: number): void;
  /** Times that something was written. */
  readonly writes: number;
}

/** A row, and whether the next one goes on with its line. */
interface Row {
  cells: string[];
  goesOn: boolean;
}

/** An empty screen. */
export function fakeScreen(
  options: { columns?: number; rows?: number; isTerminal?: boolean; canDraw?: boolean } = {},
): FakeScreen {
  const { columns = 80, rows = 24, isTerminal = true, canDraw = isTerminal } = options;
  let width = columns;
  let all: Row[] = [{ cells: [], goesOn: false }];
  let [x, y, writes] = [0, 0, 0];
  const row = (at: number) => all[at] ??= { cells: [], goesOn: false };
  const put = (character: string) => {
    if (x + textWidth(character) > width) {
      row(y).goesOn = true;
      [x, y] = [0, y + 1];
    }
    const { cells } = row(y);
    while (cells.length < x) cells.push(" ");
    cells[x++] = character;
    if (textWidth(character) === 2) cells[x++] = "";
  };
  const cut = (from: number) => {
    // as in tmux: a row stays as long as it was, and goes on in the next if it was broken, unless all of it is cleared
    if (from === 0) all[y] = { cells: [], goesOn: false };
    else row(y).cells.fill(" ", from);
  };
  const control = (count: number, code: string) => {
    if (code === "A") y = Math.max(0, all.length - rows, y - count);
    else if (code === "B") y = Math.min(all.length - 1, y + count);
    else if (code === "K") cut(x);
    else if (code === "J") {
      cut(x);
      all.length = y + 1;
    } else if (code !== "m") throw new Error(`Unknown code ${code}`);
  };
  return {
    isTerminal,
    canDraw,
    size: () => ({ columns: width, rows }),
    get writes() {
      return writes;
    },
    write(text) {
      writes++;
      // deno-lint-ignore no-control-regex
      for (const [part, count, code] of text.matchAll(/\x1b\[([\d;]*)([A-Z]|m)|[\s\S]/gu)) {
        if (code) control(Number(count || 1), code);
        else if (part === "\r") x = 0;
        else if (part === "\n") {
          [x, y] = [0, y + 1];
          row(y);
        } else put(part);
      }
    },
    resize(columns) {
      width = columns;
      const [cells, lines]: [string[], string[][]] = [[], []];
      // the cursor is kept at its place in its line
      let cursor = { line: 0, at: 0 };
      for (const [i, part] of all.entries()) {
        if (i === y) cursor = { line: lines.length, at: cells.length + x };
        cells.push(...part.cells);
        if (!part.goesOn) lines.push(cells.splice(0));
      }
      all = [];
      for (const [i, line] of lines.entries()) {
        if (i === cursor.line) [y, x] = [all.length + Math.floor(cursor.at / columns), cursor.at % columns];
        const count = Math.max(1, Math.ceil(line.length / columns));
        for (let part = 0; part < count; part++) {
          all.push({ cells: line.slice(part * columns, (part + 1) * columns), goesOn: part < count - 1 });
        }
      }
      row(y);
    },
    lines: () => all.map(({ cells }) => cells.join("").trimEnd()),
  };
}
