// README and docs/: what they show is run or taken apart, and what they name is there.
import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import project from "../deno.json" with { type: "json" };
import { parseFlags } from "../lib/cli/flags.ts";
import { trainFlagGroups } from "../lib/cli/train_flags.ts";
import { blocks, clozeArguments, commandsOf, type Page, pages, prose } from "./helpers/documents.ts";
import { runMains } from "./helpers/run_cli.ts";

const root = new URL("../", import.meta.url);
const all = await pages();
const readme = all[0]!;

/** What each example is to print. */
const examples: Readonly<Record<string, readonly string[]>> = {
  "README.md": ["nats", "Where is the ba", "probability"],
  "docs/classifying.md": ["so fine: good", "how dull: bad"],
  "docs/probing.md": ["accuracy 100"],
  "docs/text-and-vocabularies.md": ["[MASK]", " [\n"],
  "docs/using-a-model.md": ["nats", "Where is the ba", "probability"],
  "docs/vectors-and-search.md": ["accuracy", "a.txt 0.", "b.txt 0."],
};

Deno.test("the pages have the examples that are tested", () => {
  const found = all.flatMap((page) => blocks(page, "ts").map(() => page.path));
  assertEquals(found, Object.keys(examples));
  assert(blocks(readme, "ts")[0]!.trim().split("\n").length <= 16);
});

for (const [path, wanted] of Object.entries(examples)) {
  Deno.test(`the example of ${path} runs`, async () => {
    const example = blocks(all.find((page) => page.path === path)!, "ts")[0]!;
    assert(example.trim().split("\n").length <= 25);
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      const local = (_: string, entry = "mod") => `"${new URL(`${entry}.ts`, root)}"`;
      await Deno.writeTextFile(file, example.replace(/"@cloze\/mlm(?:\/(\w+))?"/g, local));
      const config = new URL("deno.json", root).pathname;
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", `--config=${config}`, file],
      });
      const { code, stdout, stderr } = await command.output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const out = new TextDecoder().decode(stdout);
      for (const part of wanted) assertStringIncludes(out, part);
    } finally {
      await Deno.remove(file);
    }
  });
}

/** Help of every command by its name. */
async function helps(): Promise<Map<string, string>> {
  const out = (await runMains([["--help"]], { cwd: "." }))[0]!.out;
  const names = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!);
  const printed = await runMains(names.map((name) => [name, "--help"]), { cwd: "." });
  return new Map([["", out], ...names.map((name, i) => [name, printed[i]!.out] as const)]);
}

const helpOf = await helps();

const optionsIn = (text: string) => [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option);

/** Deno's own options that the pages name. */
const denosOptions = new Set(["--allow-read", "--allow-write", "--allow-net", "--allow-ffi", "--config", "--no-check"]);
/** Options of Debian's programs and of the project's own tasks that CONTRIBUTING names. */
const others = new Set(["--help", "--version", "--global", "--target"]);
/** Of docker, which one page is about. */
const dockers = new Set(["--rm", "--init", "--user", "--gpus", "--group-add", "--time"]);
/** Of launchers of several processes, which one page is about. */
const launchers = new Set([
  "--allow-run-as-root",
  "--oversubscribe",
  "--bind-to",
  "--map-by",
  "--mca",
  "--signal",
  "--kill-on-bad-exit",
]);

Deno.test("the pages name only options that exist", () => {
  const known = new Set([...helpOf.values()].flatMap(optionsIn));
  assertGreater(known.size, 60);
  for (const page of all.filter(({ path }) => path !== "CONTRIBUTING.md")) {
    for (const option of optionsIn(prose(page))) {
      assert(
        known.has(option) || denosOptions.has(option) || others.has(option) || dockers.has(option) ||
          launchers.has(option),
        `${page.path}: ${option}`,
      );
    }
  }
});

/** Programs that are not the project's, which the pages may call as they are. */
const programs = new Set(["apt-get", "npm", "echo", "zcat", "sha256sum", "docker", "curl", "python3", "openssl"]);
/** Deno's commands other than `run` and `task`. */
const denosCommands = new Set(["add", "install", "bundle", "bench", "test", "publish", "compile", "bump-version"]);

Deno.test("every command of the pages has a name, options and values that exist", async () => {
  const counts = { cloze: 0, task: 0, script: 0 };
  for (const page of all) {
    for (const { line, words } of commandsOf(page)) {
      const said = `${page.path}: ${line}`;
      const args = clozeArguments(words);
      if (args) {
        counts.cloze++;
        checkArguments(args, said);
        continue;
      }
      const rest = words[0] === "npx" ? words.slice(2) : words;
      const isNamed = /^[A-Z_]+=/.test(rest[0]!) ? rest.slice(1) : rest;
      const [program, command, ...more] = isNamed;
      if (program !== "deno") assert(programs.has(program!), said);
      else if (command === "task") {
        counts.task++;
        assert(Object.hasOwn(project.tasks, more[0]!), said);
      } else if (command === "run") {
        counts.script++;
        const script = more.find((word) => !word.startsWith("-"));
        if (!/program\.ts$|deno\.json$/.test(script!)) await Deno.stat(new URL(script!, root));
      } else assert(denosCommands.has(command!) || command!.startsWith("-"), said);
    }
  }
  assertGreater(counts.cloze, 70);
  assertGreater(counts.task, 5);
  assertGreater(counts.script, 2);
});

/** Checks a command's name and options, and of train their values. */
function checkArguments([name, ...args]: readonly string[], said: string): void {
  if (name === undefined || name.startsWith("-")) return;
  const help = helpOf.get(name);
  assert(help !== undefined, said);
  if (args.includes("…")) return;
  if (name === "train") parseFlags(trainFlagGroups, args.filter((arg) => !["RUN", "RATE", "N"].includes(arg)));
  const known = new Set(optionsIn(help));
  for (const option of args.filter((arg) => arg.startsWith("--"))) {
    assert(known.has(option.split("=")[0]!), `${said}: ${option}`);
  }
}

/** The anchors of a page's headings, as Markdown's readers name them. */
const anchorsOf = ({ text }: Page) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")
  );

Deno.test("links of the pages lead to files and headings that exist", async () => {
  let count = 0;
  for (const page of all) {
    for (const [, target] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      count++;
      const { pathname, hash } = new URL(target!, new URL(page.path, "file:///"));
      const path = pathname.slice(1) || page.path;
      await Deno.stat(new URL(path, root));
      if (hash === "") continue;
      const linked = all.find((other) => other.path === path)!;
      assert(anchorsOf(linked).includes(hash.slice(1)), `${page.path}: ${target}`);
    }
  }
  assertGreater(count, 35);
});

Deno.test("every page of docs/ is linked from README", () => {
  for (const { path } of all.filter(({ path }) => path.startsWith("docs/"))) {
    assertStringIncludes(readme.text, `(${path})`);
  }
});

Deno.test("README is short, and the pages have lines and cells that can be read", () => {
  assert(readme.text.trimEnd().split("\n").length <= 150);
  for (const page of all.filter(({ path }) => path === "README.md" || path.startsWith("docs/"))) {
    for (const line of page.text.split("\n")) {
      const longest = line.startsWith("|") ? 160 : 120;
      assert(line.length <= longest, `${page.path}: ${line}`);
    }
  }
  for (
    const cell of readme.text.split("\n").filter((line) => line.startsWith("|")).flatMap((line) => line.split("|"))
  ) {
    assertLess(cell.trim().length, 90);
  }
});

/** Turns of phrase that were hard to read. */
const hard = [
  /times as (quick|fast)/,
  /\bso (often|many)\b(?! as)/,
  /whatever it is called/,
  /that is trained\b/,
  /the other way round/i,
];

Deno.test("the pages and help say things plainly", () => {
  const texts = [...all.map(({ path, text }) => [path, text] as const), ...helpOf];
  for (const [name, text] of texts) {
    for (const phrase of hard) assertEquals(phrase.exec(text.replaceAll(/\s+/g, " "))?.[0], undefined, name);
  }
  assertStringIncludes(helpOf.get("train")!, "Training budget (choose one):\n  --tokens");
});

Deno.test("figures of speed and loss are those of bench/RESULTS.md", async () => {
  const results = await Deno.readTextFile(new URL("bench/RESULTS.md", root));
  const names = ["README.md", "docs/choosing.md", "docs/devices-and-speed.md", "docs/your-domain.md"];
  for (const page of all.filter(({ path }) => names.includes(path))) {
    const figures = [...page.text.matchAll(/(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d\.\d{3})(?![\d.,]\d)/g)].map(([one]) =>
      one
    );
    assertGreater(figures.length, 2);
    for (const figure of figures) assertStringIncludes(results, figure, `${page.path}: ${figure}`);
  }
});
