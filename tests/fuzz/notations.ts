/**
 * What people write: flags, spans, curricula, patterns of paths.
 */
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { corpusChoice } from "../../lib/cli/corpus_flags.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { trainFlagGroups, trainFlags } from "../../lib/cli/train_flags.ts";
import { planFromFlags } from "../../lib/cli/train_plan.ts";
import { filesMatching, type FolderView } from "../../lib/text/glob.ts";
import { planStages } from "../../lib/train/schedule.ts";
import type { Target } from "./fuzzer.ts";
import { damagedText, type Next, pick, scrambled } from "./mutations.ts";

const names = Object.keys(trainFlags);
const values = [
  "",
  "0",
  "1",
  "-1",
  "16",
  "64",
  "128",
  "5%",
  "0.5",
  "1e9",
  "1e400",
  "500k",
  "3M",
  "2h",
  "90s",
  "1h30m",
  "40%:15%",
]
  .concat([
    "16:30%,32",
    "32:20%,64:20%,128",
    "none",
    "auto",
    "cpu",
    "off",
    "bert",
    "labml",
    "tiny",
    "small",
    "char",
    "bpe",
  ])
  .concat([
    "line",
    "document",
    "word",
    "span",
    "linear",
    "noam",
    "a.txt",
    "-",
    "stories",
    "--",
    "=",
    "x=3",
    "\x1b[2J",
    "\ud800",
    "é",
  ])
  .concat([
    "9".repeat(400),
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "١٢",
    "__proto__",
    "constructor",
    "a,b",
    "%",
    ":",
    ",",
  ]);

function makeArguments(next: Next): string[] {
  return Array.from({ length: 1 + Math.floor(6 * next() ** 2) }, () => {
    const name = next() < 0.9 ? pick(next, names) : damagedText(pick(next, names), next);
    const value = next() < 0.8 ? pick(next, values) : damagedText(pick(next, values), next);
    const way = next();
    if (way < 0.6) return [`--${name}=${value}`];
    if (way < 0.9) return [`--${name}`, value];
    return [value];
  }).flat();
}

function useArguments(args: readonly string[]): void {
  const parsed = parseFlags(trainFlagGroups, args);
  corpusChoice(parsed);
  const { budget, settings } = planFromFlags(parsed);
  if (!("epochs" in budget)) planStages({ ...settings, budget });
}

const signs = [
  "*",
  "**",
  "?",
  "[",
  "]",
  "{",
  "}",
  ",",
  "!",
  "^",
  "-",
  "/",
  "\\",
  ".",
  "..",
  "a",
  "b",
  "x.txt",
  "[a-c]",
  "é",
  "(",
];
const view: FolderView = {
  list: (folder) =>
    Promise.resolve(folder.split("/").length > 4 ? [] : ["a", "b", "x.txt", ".h", "[z]", "aaaaaaaaaaaaaaaaaaaa"]),
  kind: (path) => Promise.resolve(/txt$|z\]$/.test(path) ? "file" : "folder"),
  real: (folder) => Promise.resolve(folder),
};

/** What is written on command lines. */
export const notationTargets: readonly Target[] = [
  { name: "flags", share: 4, make: makeArguments, use: useArguments },
  {
    name: "curriculum",
    share: 2,
    make: (next) =>
      scrambled(
        ["16", "32", "64", "128", ":", ":", ",", ",", "%", "20%", "0.5", "1", "0", "-", " ", "none", "e9", "."],
        next,
      ),
    use: (text: string) => planStages({ ...settingsOf(), curriculum: parseCurriculum(text) }),
  },
  {
    name: "pattern",
    share: 2,
    make: (next) => scrambled(signs, next, 16),
    use: (text: string) => filesMatching(text, view),
  },
];

const settingsOf = () => {
  const { settings } = planFromFlags(parseFlags(trainFlagGroups, []));
  return { ...settings, budget: { tokens: 100_000 } };
};
