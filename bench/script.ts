/**
 * What the scripts of this folder have in common: options that are answered, and one sentence of what is wrong.
 */
import { type FlagGroups, flagHelp, type ParsedFlags, parseFlags, UsageError } from "../lib/cli/flags.ts";
import { quoted } from "../lib/sentences/safe_text.ts";
import { cardCases } from "./cases.ts";

/** Reads the options, says the help if that is asked for, and runs; the exit code. */
export async function runScript(
  { about, groups, args = Deno.args, tell = console.log }: {
    readonly about: string;
    readonly groups: FlagGroups;
    readonly args?: readonly string[];
    readonly tell?: (line: string) => void;
  },
  run: (parsed: ParsedFlags) => Promise<number | void>,
): Promise<number> {
  try {
    const parsed = parseFlags(groups, args);
    if (!parsed.help) return await run(parsed) ?? 0;
    tell(`${about}\n\n${flagHelp(groups)}`);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`error: ${error.message}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** The options of a script that has no function to run; ends it where help is asked for or something is wrong. */
export async function optionsOf(about: string, groups: FlagGroups): Promise<ParsedFlags> {
  const found: ParsedFlags[] = [];
  const code = await runScript({ about, groups }, (parsed) => Promise.resolve(void found.push(parsed)));
  return found[0] ?? Deno.exit(code);
}

/** The cases of these names, or all. */
export function casesOf(names: readonly string[]): [name: string, one: typeof cardCases[string]][] {
  const unknown = names.find((name) => !Object.hasOwn(cardCases, name));
  if (unknown !== undefined) {
    throw new UsageError(
      `There is no case ${quoted(unknown)}: there are ${Object.keys(cardCases).map((name) => quoted(name)).join(", ")}`,
    );
  }
  return Object.entries(cardCases).filter(([name]) => names.length === 0 || names.includes(name));
}
