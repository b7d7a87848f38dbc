/**
 * Long lines broken between words, what goes on being indented.
 *
 * @module
 */

import { program } from "./program.ts";
import { textWidth } from "./text_width.ts";

/** Share of a line that a label such as `device  ` may take for the rest to hang behind it. */
const LABEL_SHARE = 0.5;

/** Words of a shell, which may have spaces in quotes. */
const SHELL_WORDS = /(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|\S)+/g;

/** Text whose lines are no longer than so many columns, where words allow it. */
export function wrapped(text: string, columns: number): string {
  if (!Number.isFinite(columns)) return text;
  return text.split("\n").map((line) => wrappedLine(line, columns)).join("\n");
}

/** A help text: the same, with paragraphs that were broken elsewhere put together first. */
export function wrappedHelp(text: string, columns: number): string {
  return wrapped(text.replace(/^(\S.*[^:\n])\n(?=\S)/gm, "$1 "), columns);
}

function wrappedLine(line: string, columns: number): string {
  if (textWidth(line) <= columns) return line;
  if (isCommand(line)) return wrappedCommand(line, columns);
  const [leading] = /^ */.exec(line)!;
  const [label = ""] = /^ *(?:\S+|--\S+ \S+) {2,}(?=\S)/.exec(line) ?? /^(?:note|error): /.exec(line) ?? [];
  const isHung = label !== "" && textWidth(label) <= columns * LABEL_SHARE;
  const indent = isHung ? textWidth(label) : leading.length + (label === "" ? 2 : 6);
  const rest = line.slice(label.length || leading.length);
  if (isHung || label === "") return filled(rest, { first: label || leading, indent, columns });
  // a long label has a line of its own
  return `${label.trimEnd()}\n${filled(rest, { first: " ".repeat(indent), indent, columns })}`;
}

/** Words in lines of which all but the first are indented. */
function filled(
  text: string,
  { first, indent, columns }: { first: string; indent: number; columns: number },
): string {
  const lines = [first];
  let isEmpty = true;
  const put = (word: string, space: string) => {
    const longer = lines.at(-1)! + (isEmpty ? "" : space) + word;
    if (isEmpty || textWidth(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(" ".repeat(indent) + word);
    isEmpty = false;
  };
  // what has two spaces around it belongs together, as long as a line holds it
  for (const field of text.split(/ {2,}/)) {
    const words = textWidth(field) <= columns - indent ? [field] : field.split(" ");
    for (const [i, word] of words.entries()) put(word, i === 0 ? "  " : " ");
  }
  return lines.join("\n");
}

/** Whether a line is a command that is to be copied, such as `  cloze runs` or `  echo "to be" | cloze fill runs/small`. */
export function isCommand(line: string, name: string = program): boolean {
  const at = line.indexOf(`${name} `);
  return at > 0 && /^(?:(?:Usage|See):)?\s+(?:\S.*\| )?$/.test(line.slice(0, at));
}

/** A command, in lines that a shell puts together again. */
function wrappedCommand(line: string, columns: number): string {
  const [leading] = /^\S*\s*/.exec(line)!;
  const words = line.slice(leading.length).match(SHELL_WORDS) ?? [];
  const lines = [leading + words[0]!];
  for (const word of words.slice(1)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (textWidth(longer) <= columns - 2) lines[lines.length - 1] = longer;
    else lines.push(" ".repeat(leading.length + 2) + word);
  }
  return lines.join(" \\\n");
}
