// The commands of README and docs/, run in a folder that has what they name.
import { assertEquals, assertGreater } from "@std/assert";
import { blocks, clozeArguments, commandsOf, pages } from "./helpers/documents.ts";
import { runMains } from "./helpers/run_cli.ts";
import { inTemporaryFolder } from "./helpers/temporary_folder.ts";

/** Runs and a model of others that the pages name. */
const copies = [
  "first",
  "modernbert-small-shakespeare",
  "mini",
  "mine",
  "law",
  "law-words",
  "bert-law",
  "book",
  "notes-vectors",
  "mine-vectors",
];

const brief = ["--size", "tiny", "--steps", "2", "--length", "16", "--eval-tokens", "64", "--device", "cpu"];

/** Texts, runs, a vocabulary and a model, as the pages name them. */
async function makeWorkplace(cwd: string): Promise<void> {
  const story = "Anna has a red ball. It is in the garden. Where is the ball of Anna? Ben has a blue hat.\n";
  for (const path of ["book.txt", "law.txt", "held-out.txt", "corpus/a.txt", "notes/a.txt"]) {
    await Deno.mkdir(new URL(path, `file://${cwd}/`).pathname.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${cwd}/${path}`, story.repeat(24));
  }
  await Deno.writeTextFile(`${cwd}/law_words.txt`, "garden\n");
  await Deno.writeTextFile(
    `${cwd}/grammar.csv`,
    "good,bad,group\nIt is in.,It are in.,verbs\nBen has it.,Ben have it.,verbs\n",
  );
  await Deno.writeTextFile(`${cwd}/questions.txt`, "Anna has a r[MASK]d ball.\n");
  const rows = Array.from({ length: 40 }, (_, i) => i % 2 === 0 ? "Anna has a ball,good" : "Where is the hat?,bad");
  for (const name of ["reviews.csv", "held-out.csv"]) {
    await Deno.writeTextFile(`${cwd}/${name}`, `text,label\n${rows.join("\n")}\n`);
  }
  await Deno.writeTextFile(`${cwd}/names.conll`, "Anna NAME\nhas O\na O\nball O\n\n".repeat(8));
  const made = await runMains([["train", "--data", "book.txt", "--name", "small", "--threads", "1", ...brief]], {
    cwd,
  });
  assertEquals(made[0]!.code, 0, made[0]!.err);
  for (const name of copies) await copyFolder(`${cwd}/runs/small`, `${cwd}/runs/${name}`);
  const [step] = await Array.fromAsync(Deno.readDir(`${cwd}/runs/small/checkpoints`));
  await copyFolder(`${cwd}/runs/small/checkpoints/${step!.name}`, `${cwd}/path/to/bert`);
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Whether a command ends by itself, at once, and reads no standard input. */
function isQuick([name, ...args]: readonly string[]): boolean {
  if (name === "tokenizer") return args[0] === "train" || args[0] === "info";
  const quick = [
    "fill",
    "write",
    "eval",
    "embed",
    "index",
    "search",
    "classify",
    "export",
    "info",
    "runs",
    "compare",
    "metrics",
    "report",
  ];
  // there is no training that was cut short
  return quick.includes(name ?? "") && !args.includes("--resume") &&
    args.length > (name === "runs" ? -1 : 0) && !args.some((arg) => /^[A-Z]{2,}$|…/.test(arg));
}

/** A command without a look for graphics cards, on few tokens, in few steps. */
function onOneThread(args: readonly string[]): readonly string[] {
  const isTraining = args[0] === "classify" && args[1] === "train";
  const few = args[0] === "eval" && !args.includes("--pairs") ? ["--tokens", "64"] : isTraining ? ["--steps", "2"] : [];
  return ["fill", "write", "eval", "embed", "index", "search", "classify"].includes(args[0]!)
    ? [...args, "--device", "cpu", "--threads", "1", ...few]
    : args;
}

/** Runs a program of a page, which reads what is in a folder. */
async function runProgram(program: string, cwd: string): Promise<void> {
  const root = new URL("../", import.meta.url);
  const path = `${cwd}/program.ts`;
  await Deno.writeTextFile(path, program.replaceAll('"@cloze/mlm"', `"${new URL("mod.ts", root)}"`));
  const config = new URL("deno.json", root).pathname;
  const args = ["run", "-A", "--no-check", `--config=${config}`, path];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd }).output();
  assertEquals(code, 0, `${program}\n${new TextDecoder().decode(stderr)}`);
}

Deno.test("commands of the pages that read models, runs and texts run as they are", () =>
  inTemporaryFolder(async (cwd) => {
    await makeWorkplace(cwd);
    const shown = (await pages()).flatMap(commandsOf).map(({ words }) => clozeArguments(words) ?? []);
    // a vocabulary is made before it is read; what is exported twice would be there already
    const seen = new Set<string>();
    const lists = shown.filter(isQuick).filter((args) => {
      const out = args.indexOf("--out");
      const key = args[0] === "embed" || out < 0 ? args.join(" ") : args[out + 1]!;
      return !seen.has(key) && seen.add(key);
    });
    assertGreater(lists.length, 20);
    const results = await runMains(lists.map(onOneThread), { cwd });
    for (const [i, { code, err }] of results.entries()) assertEquals(code, 0, `${lists[i]!.join(" ")}\n${err}`);
    const programs = (await pages()).flatMap((page) => blocks(page, "ts ignore"));
    assertGreater(programs.length, 0);
    for (const program of programs) await runProgram(program, cwd);
  }));
