/**
 * Patterns of paths, as shells have them: `*`, `?`, `[a-z]`, `[!a-z]`, `{one,two}`, and `**` for folders in folders.
 *
 * @module
 */

/** How a pattern looks at folders. */
export interface FolderView {
  /** Names in a folder; none where it cannot be read. */
  list(folder: string): Promise<readonly string[]>;
  /** What is at a path; undefined for nothing. */
  kind(path: string): Promise<"file" | "folder" | undefined>;
  /** The path that a folder has without links, by which circles are noticed. */
  real(folder: string): Promise<string>;
}

/** Alternatives that the braces of a pattern may make. */
const MOST_ALTERNATIVES = 1000;

/**
 * The files that a pattern means. Names that begin with a dot are found only by patterns that begin with one.
 *
 * @throws {RangeError} if its braces make too many patterns.
 */
export async function filesMatching(pattern: string, view: FolderView): Promise<string[]> {
  const found = new Set<string>();
  for (const path of alternatives(pattern)) {
    const root = /^([a-z]:)?[\\/]+/i.exec(path)?.[0] ?? "";
    const parts = path.slice(root.length).split(/[\\/]+/).filter((part) => part !== "" && part !== ".");
    await walk(root, parts, { view, found, visited: new Set() });
  }
  return [...found].sort();
}

interface Walk {
  readonly view: FolderView;
  readonly found: Set<string>;
  /** Folders that `**` has been through, with the parts that are left. */
  readonly visited: Set<string>;
}

const within = (folder: string, name: string) =>
  folder === "" ? name : /[\\/]$/.test(folder) ? folder + name : `${folder}/${name}`;

async function walk(folder: string, [part, ...rest]: readonly string[], at: Walk): Promise<void> {
  const { view, found } = at;
  const place = folder === "" ? "." : folder;
  if (part === undefined) return;
  if (part === "**") return await walkAll(folder, rest, at);
  if (!/[*?[]/.test(part)) return await enter(within(folder, part), rest, at);
  for (const name of await view.list(place)) {
    if (matches(name, part)) await enter(within(folder, name), rest, at);
  }

  async function enter(path: string, rest: readonly string[], at: Walk) {
    const kind = await view.kind(path);
    if (rest.length === 0 && kind === "file") found.add(path);
    else if (rest.length > 0 && kind === "folder") await walk(path, rest, at);
  }
}

/** Goes on from a folder and from all folders in it; at the end of a pattern, takes all files. */
async function walkAll(folder: string, rest: readonly string[], at: Walk): Promise<void> {
  const { view, visited } = at;
  const place = folder === "" ? "." : folder;
  const key = `${await view.real(place)}\0${rest.length}`;
  if (visited.has(key)) return;
  visited.add(key);
  await walk(folder, rest.length > 0 ? rest : ["*"], at);
  for (const name of await view.list(place)) {
    const path = within(folder, name);
    if (!name.startsWith(".") && await view.kind(path) === "folder") await walkAll(path, rest, at);
  }
}

/** The patterns that the braces of one make. */
function alternatives(pattern: string): string[] {
  const done: string[] = [];
  const waiting = [pattern];
  while (waiting.length > 0) {
    const next = waiting.pop()!;
    const cut = firstBraces(next);
    if (!cut) done.push(next);
    else waiting.push(...cut.inner.map((choice) => cut.before + choice + cut.after).reverse());
    if (done.length + waiting.length > MOST_ALTERNATIVES) {
      throw new RangeError(`Cannot read so many paths: the braces of the pattern make over ${MOST_ALTERNATIVES}`);
    }
  }
  return done;
}

/** The first braces with a comma in them, taken apart at the commas of their own. */
function firstBraces(pattern: string): { before: string; inner: string[]; after: string } | undefined {
  for (let start = pattern.indexOf("{"); start >= 0; start = pattern.indexOf("{", start + 1)) {
    const commas: number[] = [];
    let depth = 0;
    for (let i = start; i < pattern.length; i++) {
      if (pattern[i] === "{") depth++;
      else if (pattern[i] === "," && depth === 1) commas.push(i);
      else if (pattern[i] === "}" && --depth === 0) {
        if (commas.length === 0) break;
        const bounds = [start, ...commas, i];
        const inner = bounds.slice(1).map((end, at) => pattern.slice(bounds[at]! + 1, end));
        return { before: pattern.slice(0, start), inner, after: pattern.slice(i + 1) };
      }
    }
  }
  return undefined;
}

/** Whether a name is what a part of a pattern means; in time that grows with the product of both lengths at most. */
export function matches(name: string, pattern: string): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  const [characters, signs] = [[...name], signsOf(pattern)];
  let [at, sign, star, from] = [0, 0, -1, 0];
  while (at < characters.length) {
    const wanted = signs[sign];
    if (wanted === "*") {
      [star, from] = [sign++, at];
    } else if (wanted?.(characters[at]!)) {
      at++;
      sign++;
    } else if (star >= 0) {
      // the star takes one more
      sign = star + 1;
      at = ++from;
    } else return false;
  }
  return signs.slice(sign).every((rest) => rest === "*");
}

/** What a part of a pattern wants, one after the other: any number of characters, or one of some. */
function signsOf(pattern: string): ("*" | ((character: string) => boolean))[] {
  const signs: ("*" | ((character: string) => boolean))[] = [];
  for (const [, set, one] of pattern.matchAll(/\[([!^]?\]?[^\]]*)\]|([^])/gu)) {
    if (set !== undefined) signs.push(oneOf(set));
    else if (one === "*") signs.push("*");
    else if (one === "?") signs.push(() => true);
    else signs.push((character) => character === one);
  }
  return signs;
}

function oneOf(set: string): (character: string) => boolean {
  const isOther = /^[!^]/.test(set);
  const ranges = [...set.slice(isOther ? 1 : 0).matchAll(/([^])-([^])|([^])/gu)];
  return (character) =>
    ranges.some(([, from, to, one]) =>
      one === undefined ? character >= from! && character <= to! : character === one
    ) !==
      isOther;
}
