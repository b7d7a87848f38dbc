/**
 * Recipes that race against each other: a name, and the flags of `train` that it stands for.
 *
 * @module
 */

/** How a model is trained. */
export interface Recipe {
  /** What it is called in the log and on the command line. */
  readonly name: string;
  /** Flags of `train`. */
  readonly flags: readonly string[];
}

/** Recipes by name; `default` is what `train` does without flags on the device of the race. */
const recipes: Readonly<Record<string, string>> = {
  default: "",
  // AdamW in larger steps, which a CPU took by default before, and a graphics card takes in short runs
  "adamw-1024": "--optimizer adamw --batch-tokens 1024",
  "muon-1024": "--optimizer muon --batch-tokens 1024 --curriculum 32:20%,64:20%,128 --mask-rate 40%:15%",
  // what a CPU took by default before it began with shorter windows and more masks
  "muon-256": "--optimizer muon --curriculum 32:20%,64:20%,128 --mask-rate 40%:15%",
  "adamw-256": "--optimizer adamw",
  // what was the default before: 8/3 of the width, not rounded
  "hidden-340": "--hidden 340",
  "hidden-384": "--hidden 384",
  "hidden-320": "--hidden 320",
  "lr-3e-3": "--lr 3e-3",
  "lr-4e-3": "--lr 4e-3",
  "batch-512": "--batch-tokens 512",
  "batch-2048": "--batch-tokens 2048 --lr 3e-3",
  "no-curriculum": "--curriculum none",
  "stages-16": "--curriculum 16:10%,32:20%,64:30%,128",
  "stages-32-long": "--curriculum 32:40%,64:30%,128",
  "mask-constant": "--mask-rate 15%",
  "mask-30": "--mask-rate 30%:15%",
  "mask-to-5": "--mask-rate 40%:15%:5%",
  "mask-spread": "--mask-spread 50%",
  "batch-ramp": "--curriculum 32:20%@512,64:20%,128",
  "batch-ramp-2048": "--curriculum 32:20%@512,64:20%@1024,128@2048",
  "output-init-0": "--output-init 0",
  "output-init-half": "--output-init 0.5",
  relu2: "--activation relu2",
  "attention-16": "--curriculum none --attention 16:40%",
};

/** What the race itself sets, so that every recipe is trained and judged on the same. */
const fixed = [
  ...["data", "document", "field", "format", "validation", "tokenizer", "vocab", "cased", "init", "add-tokens"],
  ...[
    "out",
    "name",
    "resume",
    "tokens",
    "steps",
    "epochs",
    "minutes",
    "length",
    "pack",
    "nsp",
    "mask-rule",
    "never-mask",
  ],
  ...["seed", "eval-every", "eval-tokens", "save-every", "sample-every", "json", "quiet", "dashboard", "max-length"],
];

/** The names that {@linkcode recipeOf} knows. */
export const recipeNames: readonly string[] = Object.keys(recipes);

/**
 * A recipe by its name, or `name=flags` for one that has none yet, such as `"fast=--lr 3e-3"`.
 *
 * @throws {RangeError} if there is no such recipe, or it sets what all have to have in common.
 */
export function recipeOf(text: string): Recipe {
  const at = text.indexOf("=");
  const [name, spelled] = at > 0 ? [text.slice(0, at), text.slice(at + 1)] : [text, recipes[text]];
  if (spelled === undefined) {
    throw new RangeError(`There is no recipe "${text}": write name=flags, or one of ${recipeNames.join(", ")}`);
  }
  const flags = spelled.split(/\s+/).filter((part) => part !== "");
  const other = flags.find((part) => fixed.includes(/^--([^=]+)/.exec(part)?.[1] ?? ""));
  if (other) throw new RangeError(`Recipe "${name}" cannot set ${other}: the race sets it, the same for all`);
  return { name, flags };
}
