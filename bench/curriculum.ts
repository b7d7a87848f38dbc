/**
 * What a curriculum of lengths is worth: the default stages against none, at several final lengths and over seeds. Tokens to a
 * loss are those of the runs; seconds are estimated from them by the speed of each length, measured alternately, for runs of
 * hours never have the machine alone.
 * `deno task race:curriculum [--lengths 128,256,512] [--tokens 1M] [--seeds 3] [--size small] [--text shakespeare] [--svg FILE] [-- flags]`
 */
import { defaultCurriculum, type Stage } from "../lib/batch/curriculum.ts";
import { flag, flagHelp, flagSwitch, parseFlags } from "../lib/cli/flags.ts";
import { grouped } from "../lib/cli/figures.ts";
import { parseChoice, parseCount } from "../lib/cli/flag_values.ts";
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { prepareStep } from "./card_step.ts";
import { median } from "./helpers.ts";
import { type Size, sizes } from "../lib/model/config.ts";
import { race } from "./race/main.ts";
import type { RaceLine } from "./race/race_log.ts";
import { recipeOf } from "./race/recipes.ts";
import { type Curve, curveSvg } from "./race/curve_svg.ts";
import { goodRuns, meanCurve, reached, standings, standingsTable } from "./race/standings.ts";
import { textOf } from "./race/texts.ts";

/** Tokens a second by length. */
export type Speeds = ReadonlyMap<number, number>;

/** Seconds of the first so many tokens of a run of stages, each at its length's speed. */
export function secondsOf(tokens: number, { stages, budget, speeds }: {
  stages: readonly Stage[];
  budget: number;
  speeds: Speeds;
}): number {
  let [left, seconds] = [tokens, 0];
  for (const [i, { length, share }] of stages.entries()) {
    const here = i === stages.length - 1 ? left : Math.min(left, share * budget);
    seconds += here / speeds.get(length)!;
    left -= here;
  }
  return seconds;
}

/** Rounds of measuring, in each of which every length has its turn; and steps of a turn. */
const ROUNDS = 9;
const STEPS = 4;

/** Measures steps of 1,024 tokens at every length, in turns, so that what else the machine does falls on all. */
async function measureSpeeds(
  lengths: readonly number[],
  { vocab, size }: { vocab: number; size: Size },
): Promise<Speeds> {
  const device = await openCpuDevice({ blas: "auto" });
  const tokens = 1024;
  const steps = await Promise.all(
    lengths.map((length) => prepareStep(device, { size, length, tokens, vocab })),
  );
  const times = lengths.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, { step, wait }] of steps.entries()) {
      const start = performance.now();
      for (let count = 0; count < STEPS; count++) step();
      await wait();
      // the first round compiles and finds cold caches
      if (round > 0) times[i]!.push((performance.now() - start) / 1000 / STEPS);
    }
  }
  for (const step of steps) step.destroy();
  device.destroy();
  return new Map(lengths.map((length, i) => [length, tokens / median(times[i]!)]));
}

const flags = {
  lengths: flag("N,N", "final lengths (default: 128,256,512)", (text) => text.split(",").map(parseCount)),
  tokens: { ...flag("N", "tokens of each run", parseCount), default: 1_000_000 },
  seeds: { ...flag("N", "seeds of each", parseCount), default: 3 },
  size: { ...flag("NAME", "size of the models", parseChoice(sizes)), default: "small" as const },
  text: { ...flag("NAME", "as for deno task race", String), default: "shakespeare" },
  log: flag("PATH", "the log of the race (default: bench/race.jsonl)", String),
  svg: flag("FILE", "where the plot goes (default: bench/curriculum.svg)", String),
  "log-only": flagSwitch("train nothing: what the log has of any commit"),
};

/** What a final length's runs came to. */
interface Compared {
  readonly length: number;
  readonly lines: readonly RaceLine[];
}

const BASELINE = recipeOf("no-curriculum");

/** The same for all: on a CPU shorter windows and more masks come together, and here lengths alone are to differ. */
const MASK_RATE = ["--mask-rate", "40%:15%"];

const names = { "no-curriculum": "one length", default: "rising lengths" } as const;

/** A curve of a recipe's runs over estimated seconds. */
function curveOf(name: keyof typeof names, { length, lines }: Compared, speeds: Speeds): Curve {
  const curves = goodRuns(lines, name).map(({ points }) => points);
  const stages = name === "default" ? defaultCurriculum(length) : [{ length, share: 1 }];
  return {
    name: names[name],
    points: meanCurve(curves).map(({ tokens, loss }, i) => {
      const all = curves.map((points) => points[i]!.loss);
      const budget = (lines[0]!.budget as { tokens: number }).tokens;
      return {
        x: secondsOf(tokens, { stages, budget, speeds }),
        mean: loss,
        low: Math.min(...all),
        high: Math.max(...all),
      };
    }),
  };
}

/** A row for a length: what the curriculum takes to come to the loss that one length ends with. */
export function worthRow({ length, lines }: Compared, speeds: Speeds): string[] {
  const [none, rising] = standings(lines, BASELINE.name);
  const budget = (lines[0]!.budget as { tokens: number }).tokens;
  const rise = goodRuns(lines, "default").map(({ points }) => points);
  const way = none?.loss && reached(meanCurve(rise), none.loss.mean);
  const whole = secondsOf(budget, { stages: [{ length, share: 1 }], budget, speeds });
  const took = way && secondsOf(way.tokens, { stages: defaultCurriculum(length), budget, speeds });
  const spread = (one: typeof none) =>
    one?.loss ? `${one.loss.mean.toFixed(3)} ± ${one.loss.deviation?.toFixed(3) ?? "?"}` : "-";
  return [
    String(length),
    spread(none),
    spread(rising),
    way ? `${grouped(way.tokens)} (${(budget / way.tokens).toFixed(2)} ×)` : "not reached",
    took ? `${took.toFixed(0)} of ${whole.toFixed(0)} (${(whole / took).toFixed(2)} ×)` : "not reached",
  ];
}

async function main(args: readonly string[]): Promise<void> {
  const at = args.indexOf("--");
  const parsed = parseFlags({ Options: flags }, at < 0 ? args : args.slice(0, at));
  if (parsed.help) return console.log(flagHelp({ Options: flags }));
  const lengths = parsed.get(flags.lengths) ?? [128, 256, 512];
  const [tokens, text, size] = [parsed.get(flags.tokens), parsed.get(flags.text), parsed.get(flags.size)];
  const own = at < 0 ? [] : args.slice(at + 1);
  const all = ["--size", size, ...(own.includes("--mask-rate") ? [] : MASK_RATE), ...own];
  const log = parsed.get(flags.log) ?? new URL("race.jsonl", import.meta.url);
  const compared: Compared[] = [];
  for (const length of lengths) {
    const lines = await race({
      recipes: [BASELINE, recipeOf("default")],
      texts: [await textOf(text, { length })],
      length,
      budget: { tokens },
      seeds: Array.from({ length: parsed.get(flags.seeds) }, (_, i) => i + 1),
      log,
      continues: true,
      logOnly: parsed.get(flags["log-only"]) ?? false,
      flags: all,
      tell: console.error,
    });
    const sizeOf = (given: readonly string[]) =>
      given.includes("--size") ? given[given.indexOf("--size") + 1] : "small";
    const own = lines.filter(({ flags }) => sizeOf(flags) === size);
    if (own.length > 0) compared.push({ length, lines: own });
  }
  const measured = new Set(
    compared.flatMap(({ length }) => [length, ...defaultCurriculum(length).map((stage) => stage.length)]),
  );
  const speeds = await measureSpeeds([...measured], { vocab: text === "wikipedia" ? 4096 : 70, size });
  console.log([...speeds].map(([length, speed]) => `length ${length}: ${grouped(speed)} tokens/s`).join("\n"));
  for (const { length, lines } of compared) {
    console.log(`\nlength ${length}\n${standingsTable(standings(lines, BASELINE.name))}`);
  }
  const head = ["length", "one length", "rising", "tokens to its loss", "seconds to its loss (estimated)"];
  const rows = [head, head.map(() => "---"), ...compared.map((one) => worthRow(one, speeds))];
  console.log(`\n${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}`);
  const panels = compared.map((one) => ({
    title: `final length ${one.length}`,
    curves: (["no-curriculum", "default"] as const).map((name) => curveOf(name, one, speeds)),
  }));
  const svg = parsed.get(flags.svg) ?? new URL("curriculum.svg", import.meta.url);
  await Deno.writeTextFile(svg, curveSvg(panels, { x: "seconds (estimated)", y: "validation loss, nats" }));
}

if (import.meta.main) await main(Deno.args);
