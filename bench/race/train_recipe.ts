/**
 * One run of the race: `train` as a user calls it, in a process of its own, and what it told of its way.
 *
 * @module
 */

import type { RaceBudget, RaceLine, RacePoint } from "./race_log.ts";
import type { Recipe } from "./recipes.ts";
import type { RaceText } from "./texts.ts";

/** Tokens that every evaluation reads, whatever the budget: losses of different ones could not be compared. */
export const RACE_EVALUATION = 32_768;

/** What a run is of. */
export interface RaceRun {
  readonly recipe: Recipe;
  readonly text: RaceText;
  readonly budget: RaceBudget;
  readonly seed: number;
}

/** How a run went. */
export type RaceResult = Pick<RaceLine, "points" | "tokens" | "seconds" | "device" | "failure">;

const PROGRAM = new URL("../../cli.ts", import.meta.url);

/** The arguments of `train` for a run whose folder is to be `out`/run. */
export function trainArguments({ recipe, text, budget, seed }: RaceRun, out: string): string[] {
  const [[unit, amount]] = Object.entries(budget) as [[string, number]];
  return [
    ...["train", ...text.flags, ...recipe.flags, `--${unit}`, String(amount), "--seed", String(seed)],
    ...["--eval-every", "10%", "--eval-tokens", String(RACE_EVALUATION)],
    ...["--save-every", "100%", "--sample-every", "100%", "--json", "--out", out, "--name", "run"],
  ];
}

/** Trains, and tells of every evaluation; a run that fails has a `failure` instead of an error thrown. */
export async function trainRecipe(
  run: RaceRun,
  { flags = [], signal, evaluated = () => {} }: {
    /** Flags of the whole race, such as the device. */
    flags?: readonly string[];
    /** Ends it when aborted. */
    signal?: AbortSignal | undefined;
    evaluated?: (point: RacePoint) => void;
  } = {},
): Promise<RaceResult> {
  const out = await Deno.makeTempDir({ prefix: "race" });
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", PROGRAM.href, ...trainArguments(run, out), ...flags],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(signal ? { signal } : {}),
    }).spawn();
    const [told, stderr, { success, code }] = await Promise.all([
      follow(child.stdout, evaluated),
      new Response(child.stderr).text(),
      child.status,
    ]);
    const config = JSON.parse(await Deno.readTextFile(`${out}/run/config.json`).catch(() => "{}"));
    const failure = success ? undefined : lastError(stderr) ?? `it ended with exit code ${code}`;
    return { ...told, device: config.device ?? {}, ...(failure === undefined ? {} : { failure }) };
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

/** Reads the events of a run. */
async function follow(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
  evaluated: (point: RacePoint) => void,
): Promise<Pick<RaceLine, "points" | "tokens" | "seconds">> {
  const points: RacePoint[] = [];
  let [tokens, seconds] = [0, 0];
  for await (const event of eventsOf(stdout)) {
    // most are of single steps
    if (event.kind === "train" || event.kind === "validation") ({ tokens, seconds } = event);
    if (event.kind !== "validation") continue;
    const { loss, accuracy } = event;
    const point = { tokens, seconds: rounded(seconds), loss: rounded(loss), accuracy: rounded(accuracy) };
    points.push(point);
    evaluated(point);
  }
  return { points, tokens, seconds: rounded(seconds) };
}

/** The last line that tells of an error, without the word. */
const lastError = (stderr: string) =>
  stderr.split("\n").findLast((line) => line.startsWith("error: "))?.slice("error: ".length);

/** What is read of the lines of `train --json`. */
type RunEvent = RacePoint & { readonly kind: string };

async function* eventsOf(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<RunEvent> {
  let rest = "";
  for await (const part of stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith("{")) yield JSON.parse(line);
  }
}

const rounded = (value: number) => Number(value.toFixed(5));

/** The commit of the sources, with a `+` where what is trained with was changed since. */
export async function currentCommit(): Promise<string> {
  const git = async (...args: string[]) => {
    const { stdout } = await new Deno.Command("git", { args, cwd: new URL("../..", import.meta.url), stderr: "null" })
      .output();
    return new TextDecoder().decode(stdout).trim();
  };
  const commit = await git("rev-parse", "--short=10", "HEAD").catch(() => "");
  if (commit === "") return "unknown+";
  return `${commit}${await git("status", "--porcelain", "--", "lib", "kernels", "cli.ts") === "" ? "" : "+"}`;
}

const EXTENSIONS = /^(sse4_2|avx\w*|fma|f16c|amx\w*|asimd|asimdhp|asimddp|sve\w*|bf16|i8mm)$/;

/** Vector extensions of this processor, as Linux names them; elsewhere its architecture alone. */
export async function vectorExtensions(): Promise<string[]> {
  const text = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const names = /^(?:flags|Features)\s*: (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
  return [Deno.build.arch, ...names.filter((name) => EXTENSIONS.test(name))];
}
