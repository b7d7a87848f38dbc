import { assert, assertEquals } from "@std/assert";
import { main } from "../../cli.ts";
import { keyOf } from "../../lib/cli/evaluation_key.ts";
import { comparedLines } from "../../lib/cli/former_run.ts";
import { resumeCommand } from "../../lib/cli/resume_command.ts";
import type { RunRecord } from "../../lib/cli/run_record.ts";
import { shellWord } from "../../lib/cli/shell_word.ts";
import { isCommand, wrapped } from "../../lib/cli/wrap.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { defaultSettings } from "../../lib/train/settings.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const oddPath = `runs/it's "a" $HOME; run \\ of # mine`;

/** What the command line prints to standard output. */
async function printed(args: readonly string[]): Promise<string> {
  const { writeSync } = Deno.stdout;
  const decoder = new TextDecoder();
  let text = "";
  Deno.stdout.writeSync = (bytes) => {
    text += decoder.decode(bytes);
    return bytes.length;
  };
  const { consoleSize } = Deno;
  Deno.consoleSize = () => ({ columns: 1000, rows: 24 });
  try {
    assertEquals(await main(args), 0);
  } finally {
    Deno.stdout.writeSync = writeSync;
    Deno.consoleSize = consoleSize;
  }
  return text;
}

/** The words that a shell reads in each command, in lines that it may go on over. */
async function wordsIn(commands: readonly string[]): Promise<string[]> {
  return await inTemporaryFolder(async (cwd) => {
    // what stands for the program says its words where no redirection takes them, each command's after a line of its own
    const script = [
      `deno() { printf '<%s>' "$@" >&3; }`,
      "exec 3>&1",
      ...commands.flatMap((command) => [`${command} > /dev/null`, `printf '\\n@@\\n' >&3`]),
    ].join("\n");
    const checked = await new Deno.Command("bash", { args: ["-n", "-c", script], cwd, stdin: "null" }).output();
    assertEquals(new TextDecoder().decode(checked.stderr), "");
    const { stdout, stderr } = await new Deno.Command("bash", { args: ["-c", script], cwd, stdin: "null" }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout).split("\n@@\n").slice(0, -1);
  });
}

function commandsAtAnEnd(): string[] {
  const model = modelConfig({ layers: 1, width: 16, heads: 2, vocab: 70 });
  const training = { ...defaultSettings({ preset: "modernbert", width: 16 }), budget: { steps: 10 } };
  const config = { model, training, text: { data: ["a"] }, files: [], device: {} };
  const run = { config, evaluateTokens: 64, validations: [{ loss: 2, tokens: 10 }] } as unknown as RunRecord;
  const keyedAt = (path: string) => ({ run: { ...run, path }, path, key: { ...keyOf(run), vocabulary: "" } });
  const compared = comparedLines(keyedAt(oddPath), keyedAt("runs/a"));
  return [...compared.filter((line) => isCommand(line)), `  ${resumeCommand(oddPath)}`, `  ${resumeCommand("runs/b")}`];
}

Deno.test("a printed command, in lines of any width, is one command of the same words to a shell", async () => {
  const names = [...(await printed(["--help"])).matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!);
  const helps = await Promise.all(names.map((name) => printed([name, "--help"])));
  const examples = helps.flatMap((help) => help.split("\n")).filter((line) => isCommand(line) && line.startsWith("  "))
    .filter((line) => !/^ {3}/.test(line));
  const commands = [...examples, ...commandsAtAnEnd()];
  assert(examples.length > 20 && commands.length === examples.length + 3, commands.join("\n"));
  const whole = await wordsIn(commands);
  assertEquals(whole.slice(-3, -1).map((words) => words.includes(`<${oddPath}>`)), [true, true]);
  const widths = [20, 33, 40, 60, 61, 80, 97];
  const broken = await wordsIn(widths.flatMap((columns) => commands.map((command) => wrapped(command, columns))));
  for (const [i, words] of broken.entries()) {
    assertEquals(words, whole[i % whole.length], `at ${widths[Math.floor(i / whole.length)]} columns`);
  }
});

Deno.test("isCommand() knows commands by the program's name, whatever that is", () => {
  const of = (line: string) => isCommand(line, "cloze");
  assertEquals(["  cloze runs", "Usage: cloze runs", "See: cloze --help", '  echo "a" | cloze fill a'].map(of), [
    true,
    true,
    true,
    true,
  ]);
  assertEquals(["cloze trains models", "  a model of cloze is small", "  cloze"].map(of), [false, false, false]);
});

Deno.test("shellWord() leaves plain words as they are", () => {
  assertEquals(["runs/a-1.b", "a b", "it's", ""].map(shellWord), ["runs/a-1.b", "'a b'", "'it'\\''s'", "''"]);
});
