// What README and docs/ hold: blocks of code, lines of a shell, links.

/** A page. */
export interface Page {
  /** Its path in the repository. */
  readonly path: string;
  readonly text: string;
}

/** A command of a page, without what surrounds it in a shell. */
export interface Command {
  readonly page: string;
  readonly line: string;
  readonly words: readonly string[];
}

const root = new URL("../../", import.meta.url);

/** README and all pages of docs/. */
export async function pages(): Promise<Page[]> {
  const docs = await Array.fromAsync(Deno.readDir(new URL("docs/", root)));
  const names = docs.filter(({ name }) => name.endsWith(".md")).map(({ name }) => `docs/${name}`).sort();
  return await Promise.all(
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", ...names].map(async (path) => ({
      path,
      text: await Deno.readTextFile(new URL(path, root)),
    })),
  );
}

/** Contents of the blocks of code in a language, which may stand in a list. */
export const blocks = ({ text }: Page, language: string): string[] =>
  [...text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^ *\`\`\``, "gm"))].map(([, indent, code]) =>
    code!.replaceAll(new RegExp(`^${indent}`, "gm"), "")
  );

/** A page without its blocks of code and its remarks. */
export const prose = ({ text }: Page): string => text.replaceAll(/^ *```[^]*?^ *```|<!--[^]*?-->/gm, "");

/** The words of a line of a shell, in commands that pipes part; what is redirected and what is remarked is left out. */
export function commandsIn(line: string): string[][] {
  const commands: string[][] = [[]];
  for (
    const [, quoted, double, mark, word] of line.matchAll(/'([^']*)'|"([^"]*)"|(\||[<>]\s*\S+|#.*)|([^\s'"|<>]+)/g)
  ) {
    if (mark === "|") commands.push([]);
    else if (mark === undefined) commands.at(-1)!.push(quoted ?? double ?? word!);
  }
  return commands.filter((words) => words.length > 0);
}

/** Every command of a page: those of shells' blocks, and what stands in line and begins with a program's name. */
export function commandsOf(page: Page): Command[] {
  const lines = blocks(page, "sh").flatMap((block) => block.replaceAll("\\\n", " ").split("\n"));
  const inline = [...prose(page).matchAll(/`((?:deno|npx -y|cloze|apt-get) [^`]+)`/g)].map(([, line]) => line!);
  return [...lines, ...inline].flatMap((line) =>
    commandsIn(line).map((words) => ({ page: page.path, line: line.trim(), words }))
  );
}

/** Launchers of several processes, and what stands between them and what they launch. */
const LAUNCHERS: readonly string[] = ["mpirun", "mpiexec", "srun"];

/** The arguments that a command gives to Cloze; undefined for other programs. */
export function clozeArguments(words: readonly string[]): readonly string[] | undefined {
  if (LAUNCHERS.includes(words[0]!)) {
    const deno = words.indexOf("deno");
    return deno < 0 ? undefined : clozeArguments(words.slice(deno));
  }
  if (words[0] === "cloze") return words.slice(1);
  if (words[0] !== "deno" || words[1] !== "run") return undefined;
  const script = words.findIndex((word, i) => i > 1 && !word.startsWith("-"));
  return ["cli.ts", "jsr:@cloze/mlm/cli"].includes(words[script] ?? "") ? words.slice(script + 1) : undefined;
}
