/**
 * Where the declarations of a source begin and end, told by their indentation, which `deno fmt` keeps.
 *
 * @module
 */

/** Lines of a declaration, its comment included: the first and the end, exclusive, counted from 0. */
export interface Extent {
  readonly first: number;
  readonly end: number;
}

/** Name of what a line declares, if it begins a declaration: of a module, of a class, or of a shader. */
export function declaredName(line: string): string | undefined {
  const top =
    /^(?:export )?(?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let|enum) (\w+)/
      .exec(line);
  if (top) return top[1];
  const shader = /^(?:@\S+ )*(?:override|fn|struct|var(?:<[^>]*>)?) (\w+)/.exec(line);
  if (shader) return shader[1];
  const member = /^ {2}(?:static |readonly |async |override |get |set |\*)*(#?\w+)\??(?:<[^>]*>)?(?:\(|: |\?: | = |;)/
    .exec(line);
  return member && !["constructor", "return", "if", "for", "while", "case", "throw"].includes(member[1]!)
    ? member[1]
    : line.startsWith("  constructor(")
    ? "constructor"
    : undefined;
}

const indentOf = (line: string): number => /^ */.exec(line)![0].length;

/** A declaration goes on with whatever is blank, stands deeper or closes a bracket. */
function endOf(lines: readonly string[], first: number): number {
  const indent = indentOf(lines[first]!);
  let end = first + 1;
  for (let at = end; at < lines.length; at++) {
    const line = lines[at]!;
    if (line.trim() === "") continue;
    if (indentOf(line) <= indent && !(indentOf(line) === indent && /^\s*[\])}]/.test(line))) break;
    end = at + 1;
  }
  return end;
}

/** Comments and attributes directly before a declaration belong to it. */
function startOf(lines: readonly string[], declaration: number): number {
  let first = declaration;
  while (first > 0 && /^\s*(?:\/\*\*|\*|\/\/|@)/.test(lines[first - 1]!)) first--;
  return first;
}

/**
 * The lines of a declaration: `name` of a module or shader, `Class.member` of a class.
 *
 * @throws {RangeError} if the source has no such declaration, or more than one.
 */
export function extentOf(source: string, name: string): Extent {
  const lines = source.split("\n");
  const [owner, member] = name.split(".") as [string, string | undefined];
  const found = (wanted: string, indent: number, { first, end }: Extent): Extent => {
    const at = lines.flatMap((line, i) =>
      i >= first && i < end && indentOf(line) === indent && declaredName(line) === wanted ? [i] : []
    );
    if (at.length !== 1) throw new RangeError(`Cannot show ${name}: it is declared ${at.length} times, not once`);
    return { first: startOf(lines, at[0]!), end: endOf(lines, at[0]!) };
  };
  const whole = found(owner, 0, { first: 0, end: lines.length });
  return member === undefined ? whole : found(member, 2, whole);
}

/** What shaders and modules declare at their top, in order. */
export function topNames(source: string): string[] {
  return source.split("\n").flatMap((line) => indentOf(line) === 0 ? declaredName(line) ?? [] : []);
}
