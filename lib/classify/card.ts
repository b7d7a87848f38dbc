/**
 * The README.md of a classifier.
 *
 * @module
 */

import { classifierName } from "../format/classification_json.ts";
import type { ModelConfig } from "../model/config.ts";
import { parameterCount } from "../model/parameters.ts";
import { counted } from "../sentences/counted.ts";
import { shortened } from "../sentences/safe_text.ts";
import type { ClassifierScore } from "./scores.ts";
import type { FineTuneSettings } from "./settings.ts";

/** What a card tells. */
export interface ClassifierCard {
  /** Name of the model. */
  readonly name: string;
  /** Where its encoder came from. */
  readonly base: string;
  /** What it was trained on, for people. */
  readonly data: string;
  /** Its configuration. */
  readonly config: ModelConfig;
  /** How it was trained. */
  readonly settings: FineTuneSettings;
  /** Steps that were done. */
  readonly steps: number;
  /** The step whose weights it has. */
  readonly bestStep: number;
  /** Whether it was interrupted. */
  readonly isInterrupted: boolean;
  /** Examples that were learned. */
  readonly examples: number;
  /** How right it is, on what was held out or on a test set. */
  readonly scores: readonly { readonly on: string; readonly score: ClassifierScore }[];
}

/** Classes that a card has a line for. */
const MOST_CLASSES = 50;

const share = (value: number) => `${(100 * value).toFixed(1)} %`;
const cell = (text: string) => shortened(text, 60).replaceAll("|", "\\|");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

/** A model card in Markdown, with the metadata that Hugging Face's hub reads in front. */
export function classifierCard(
  { name, base, data, config, settings, steps, bestStep, isInterrupted, examples, scores }: ClassifierCard,
): string {
  const { of, classes } = config.classification!;
  const task = of === "text" ? "text-classification" : "token-classification";
  const one = of === "text" ? "text" : "sentence";
  const metadata = ["---", "library_name: transformers", `pipeline_tag: ${task}`, "tags:", `- ${task}`, "---"].join(
    "\n",
  );
  return [
    metadata,
    `# ${name}`,
    `Tells classes of ${
      of === "text" ? "texts" : "words"
    }; all weights of ${base} were fine-tuned by Cloze (jsr:@cloze/mlm).`,
    table(["", ""], [
      ["class", classifierName(config.preset, of)],
      ["parameters", parameterCount(config).toLocaleString("en")],
      ["longest text", `${config.maxLength.toLocaleString("en")} tokens`],
      ["data", cell(data)],
      ["classes", `${classes.length.toLocaleString("en")}: ${classes.slice(0, MOST_CLASSES).map(cell).join(", ")}`],
    ]),
    "## Training",
    `${counted(examples, one)} in ${counted(steps, "step")} of ${settings.batch}${
      isInterrupted ? `, interrupted before the end of ${settings.steps.toLocaleString("en")}` : ""
    }${
      bestStep < steps ? `, with the weights of step ${bestStep.toLocaleString("en")}, the best ones` : ""
    }; AdamW, learning rate ` +
    `${settings.learningRate.toPrecision(3)}, dropout ${config.dropout}, seed ${settings.seed}.`,
    "## Evaluation",
    ...(scores.length === 0 ? ["Not evaluated."] : scores.map(({ on, score }) => evaluation(on, score))),
    "## Use",
    use(task),
    "",
  ].join("\n\n").replace(/\n+$/, "\n");
}

function evaluation(on: string, { count, accuracy, error, macroF1, classes }: ClassifierScore): string {
  const rows = classes.slice(0, MOST_CLASSES).map(({ label, count, precision, recall, f1 }) => [
    cell(label),
    String(count),
    share(precision),
    share(recall),
    f1.toFixed(3),
  ]);
  return [
    `On ${on}, ${count.toLocaleString("en")}: accuracy ${share(accuracy)} ± ${share(error)}, macro F1 ${
      macroF1.toFixed(3)
    }.`,
    table(["class", "count", "precision", "recall", "F1"], rows),
  ].join("\n\n");
}

function use(task: string): string {
  return [
    "```python",
    "from transformers import pipeline",
    `classify = pipeline("${task}", model="FOLDER")`,
    'print(classify("some text"))',
    "```",
    "",
    "```sh",
    'echo "some text" | deno run -A jsr:@cloze/mlm/cli classify predict FOLDER',
    "```",
  ].join("\n");
}
