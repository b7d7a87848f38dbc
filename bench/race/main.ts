/**
 * Recipes of training against each other, over seeds, on a fixed evaluation:
 * `deno task race BASELINE CANDIDATE... [--tokens N | --minutes M] [--seeds 3] [--text shakespeare|wikipedia|PATH]`.
 */
import { flag, flagHelp, flagSwitch, parseFlags, UsageError } from "../../lib/cli/flags.ts";
import { INTERRUPTED, listenForInterrupts } from "../../lib/cli/interrupt.ts";
import { grouped } from "../../lib/cli/figures.ts";
import { parseCount, parseMinutes, parseWhole } from "../../lib/cli/flag_values.ts";
import {
  addToLog,
  loggedOf,
  type RaceBudget,
  type RaceKey,
  type RaceLine,
  type RacePoint,
  readLog,
} from "./race_log.ts";
import { type Recipe, recipeNames, recipeOf } from "./recipes.ts";
import { groupsOf, standings, standingsTable } from "./standings.ts";
import { RACE_LENGTH, type RaceText, textOf } from "./texts.ts";
import { currentCommit, type RaceRun, trainRecipe, vectorExtensions } from "./train_recipe.ts";

const LOG = new URL("../race.jsonl", import.meta.url);

/** Tokens of a run where no budget is given. */
const DEFAULT_TOKENS = 1_000_000;

/** A race: what is trained, in which order does not matter here. */
export interface Race {
  readonly recipes: readonly Recipe[];
  readonly texts: readonly RaceText[];
  readonly length: number;
  readonly budget: RaceBudget;
  readonly seeds: readonly number[];
  readonly log: string | URL;
  /** Whether runs that the log has are passed over. */
  readonly continues: boolean;
  /** Whether nothing is trained: what the log has of any commit is compared. Default: false. */
  readonly logOnly?: boolean;
  /** Flags of `train` for all. */
  readonly flags: readonly string[];
  readonly tell: (line: string) => void;
  /** Ends it when aborted: the run under way is not logged. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs a race, alternating between recipes with every seed; returns the lines that it compares. */
export async function race(options: Race): Promise<RaceLine[]> {
  const { recipes, texts, seeds, tell } = options;
  const origin = { commit: await currentCommit(), vectors: await vectorExtensions() };
  const runs = texts.flatMap((text) => seeds.flatMap((seed) => recipes.map((recipe) => ({ recipe, text, seed }))));
  if (options.logOnly) return await loggedRuns(options);
  const compared: RaceLine[] = [];
  for (const [i, run] of runs.entries()) {
    tell(`run ${i + 1} of ${runs.length}: ${run.recipe.name}, ${run.text.name}, seed ${run.seed}`);
    compared.push(await raceRun(options, { ...run, ...origin }));
  }
  return compared;
}

/** What the log has of a race's recipes, texts, length, budget and seeds, whatever the commit and the flags of all. */
async function loggedRuns({ recipes, texts, length, budget, seeds, log }: Race): Promise<RaceLine[]> {
  const [names, known] = [recipes.map(({ name }) => name), texts.map(({ name }) => name)];
  const wanted = JSON.stringify(budget);
  return (await readLog(log)).filter((line) =>
    names.includes(line.recipe) && known.includes(line.text) && seeds.includes(line.seed) && line.length === length &&
    JSON.stringify(line.budget) === wanted && line.failure === undefined
  );
}

/** A run of a race: its line of the log, which it adds where it is not there already. */
async function raceRun(
  { length, budget, log, continues, flags, tell, signal }: Race,
  { recipe, text, seed, commit, vectors }: Omit<RaceRun, "budget"> & Pick<RaceLine, "commit" | "vectors">,
): Promise<RaceLine> {
  const all = [...recipe.flags, ...flags];
  const key: RaceKey = { commit, recipe: recipe.name, flags: all, text: text.name, length, budget, seed };
  const before = continues ? loggedOf(await readLog(log), key) : undefined;
  if (before) {
    tell("  in the log already");
    return { ...before, recipe: recipe.name };
  }
  const evaluated = ({ tokens, seconds, loss }: RacePoint) =>
    tell(`  ${grouped(tokens).padStart(11)} tokens ${seconds.toFixed(1).padStart(7)} s ${loss.toFixed(4).padStart(8)}`);
  const result = await trainRecipe({ recipe, text, budget, seed }, { flags, signal, evaluated });
  signal?.throwIfAborted();
  const line: RaceLine = { ...key, date: new Date().toISOString(), ...result, vectors };
  await addToLog(log, line);
  if (result.failure !== undefined) tell(`  failed: ${result.failure}`);
  return line;
}

/** Prints a table for each text, length and budget of some lines. */
export function tellStandings(lines: readonly RaceLine[], baseline: string, tell: (line: string) => void): void {
  for (const group of groupsOf(lines)) {
    if (!group.lines.some(({ recipe }) => recipe === baseline)) continue;
    tell(`\n${group.title}\n\n${standingsTable(standings(group.lines, baseline))}`);
  }
}

const flags = {
  tokens: flag("N", "tokens of each run (default: 1M)", parseCount),
  minutes: flag("N", "minutes of each run instead", parseMinutes),
  seeds: { ...flag("N", "seeds of each recipe", parseCount), default: 3 },
  first: { ...flag("N", "the first seed", parseWhole({ least: 0, most: 2 ** 32 - 1 })), default: 1 },
  text: {
    ...flag(
      "NAME",
      "shakespeare (characters), wikipedia (WordPiece) or a file; repeatable (default: shakespeare)",
      String,
    ),
    repeatable: true,
  },
  length: { ...flag("N", "final length, at which all are evaluated", parseCount), default: RACE_LENGTH },
  continue: flagSwitch("pass over runs that the log has of this commit"),
  log: flag("PATH", "the log, to which each run adds a line (default: bench/race.jsonl)", String),
};

const HELP = `Trains recipes alternately, over seeds, and compares their losses on fixed masks.

deno task race BASELINE CANDIDATE... [options] [-- flags of train for all, such as --device cpu]
deno task race summary [BASELINE] [--text NAME]

${flagHelp({ Options: flags })}

A recipe is one of ${recipeNames.join(", ")}
(bench/race/recipes.ts), or name="flags of train". The target is the loss that the baseline ends with, as a mean over its seeds.`;

/** Runs what the arguments say. */
export async function main(args: readonly string[], tell: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const at = args.indexOf("--");
  const [own, all] = at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
  const parsed = parseFlags({ Options: flags }, own);
  const [first, ...others] = parsed.positional;
  if (parsed.help || first === undefined) return tell(HELP);
  const [log, names] = [parsed.get(flags.log) ?? LOG, parsed.all(flags.text)];
  if (first === "summary") {
    const lines = (await readLog(log)).filter(({ text }) => names.length === 0 || names.includes(text));
    return tellStandings(lines, others[0] ?? "default", tell);
  }
  const [tokens, minutes] = [parsed.get(flags.tokens), parsed.get(flags.minutes)];
  if (tokens !== undefined && minutes !== undefined) {
    throw new UsageError("Only one budget can be given, not --tokens and --minutes");
  }
  const recipes = [first, ...others].map(recipeOf);
  const length = parsed.get(flags.length);
  const compared = await race({
    recipes,
    texts: await Promise.all((names.length > 0 ? names : ["shakespeare"]).map((name) => textOf(name, { length }))),
    length,
    budget: minutes === undefined ? { tokens: tokens ?? DEFAULT_TOKENS } : { minutes },
    seeds: Array.from({ length: parsed.get(flags.seeds) }, (_, i) => parsed.get(flags.first) + i),
    log,
    continues: parsed.get(flags.continue) ?? false,
    flags: all,
    tell,
    signal,
  });
  tellStandings(compared, recipes[0]!.name, tell);
}

if (import.meta.main) {
  const { signal, remove } = listenForInterrupts({ stopping: () => {}, leaving: () => {} });
  try {
    await main(Deno.args, console.log, signal);
  } catch (error) {
    console.error(signal.aborted ? "stopped; --continue goes on here" : `error: ${(error as Error).message}`);
    Deno.exitCode = signal.aborted ? INTERRUPTED : 2;
  } finally {
    remove();
  }
}
