import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { record } from "../../lib/sentences/fields.ts";
import { metricFields } from "../../lib/train/run_fields.ts";
import { runCli, spawnCli } from "../helpers/run_cli.ts";
import { runMetrics } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const small = ["--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "128", "--curriculum", "16:50%,32"];
const run = ["train", "--data", "stories", ...small, "--eval-tokens", "512", "--save-every", "10"];

const test = (name: string, fn: (cwd: string) => Promise<void>) => Deno.test(name, () => inTemporaryFolder(fn));

test("train keeps config, metrics and two checkpoints, and fill uses them", async (cwd) => {
  const trained = await runCli([...run, "--steps", "40", "--name", "first"], { cwd });
  assertEquals([trained.code, trained.err], [0, ""]);
  for (
    const part of [
      "device  ",
      "corpus  stories",
      "parameters",
      "stage  length",
      "validation loss",
      "runs/first",
    ]
  ) assertStringIncludes(trained.out, part);
  // samples without colours, in two lines at most
  assertMatch(trained.out, /\n {2}\S.*\[\S+( → \S+)?\].*\n/);
  assert(
    trained.out.split("\n").filter((line) => line.includes(" → ") && !line.includes("%")).every((line) =>
      line.length <= 90
    ),
  );

  const { device } = JSON.parse(await Deno.readTextFile(`${cwd}/runs/first/config.json`));
  assertStringIncludes(trained.out, `device  ${device.description}`);
  const lines = await runMetrics(`${cwd}/runs/first`);
  for (const line of lines) assertEquals(record(metricFields[String(line.kind)] ?? {})(line), undefined);
  const kinds = (kind: string) => lines.filter((line) => line.kind === kind);
  assertEquals([kinds("train").length, kinds("validation").length], [40, 10]);
  assertEquals([lines.at(-1)!.kind, lines.at(-1)!.state, lines.at(-1)!.step], ["end", "finished", 40]);
  assertEquals(Object.keys(kinds("train")[0]!), [
    "kind",
    "step",
    "tokens",
    "seconds",
    "length",
    "maskRate",
    "loss",
    "accuracy",
    "learningRate",
    "gradientNorm",
    "tokensPerSecond",
  ]);
  assertEquals(Object.keys(kinds("validation")[0]!), [
    "kind",
    "step",
    "tokens",
    "seconds",
    "length",
    "loss",
    "accuracy",
    "perplexity",
    "paddingShare",
    "deviceBytes",
    "residentBytes",
  ]);

  const checkpoints = (await Array.fromAsync(Deno.readDir(`${cwd}/runs/first/checkpoints`))).map(({ name }) => name);
  assertEquals(checkpoints.sort(), ["step-00000030", "step-00000040"]);

  for (const path of ["runs/first", "runs/first/checkpoints/step-00000030"]) {
    const filled = await runCli(["fill", path, "Ben h[MASK]s a r[MASK]d ball.", "--top-k", "3"], { cwd });
    assertEquals([filled.code, filled.err], [0, ""]);
    assertMatch(filled.out, /^Ben h.s a r.d ball\.\n +mask 1: ".*" [\d.]+% +".*" [\d.]+% +".*" [\d.]+%\n +mask 2: /);
  }

  const finished = await runCli(["train", "--resume", "runs/first"], { cwd });
  assertEquals(finished.code, 1);
  assertStringIncludes(finished.err, '"runs/first" is finished');
});

test("train saves on Ctrl-C and says how to go on", async (cwd) => {
  const child = spawnCli([...run, "--steps", "100000", "--name", "long"], { cwd }).spawn();
  const isTraining = () => Deno.stat(`${cwd}/runs/long/metrics.jsonl`).then(({ size }) => size > 1000, () => false);
  const deadline = Date.now() + 60_000;
  while (!await isTraining() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill("SIGINT");
  const { code, stdout } = await child.output();
  const out = new TextDecoder().decode(stdout);
  assertEquals(code, 130);
  assertStringIncludes(out, "cli.ts train --resume runs/long");
  const last = (await runMetrics(`${cwd}/runs/long`)).findLast(({ kind }) => kind === "train")!;
  const end = (await runMetrics(`${cwd}/runs/long`)).at(-1)!;
  assertEquals([end.kind, end.state, end.step], ["end", "stopped", last.step]);
  const names = (await Array.fromAsync(Deno.readDir(`${cwd}/runs/long/checkpoints`))).map(({ name }) => name).sort();
  assertEquals(names.at(-1), `step-${String(last.step).padStart(8, "0")}`);
});

test("train reads standard input, several files and labml's preset", async (cwd) => {
  const text = "to be or not to be that is the question\n".repeat(100);
  await Deno.writeTextFile(`${cwd}/a.txt`, text);
  await Deno.writeTextFile(`${cwd}/b.txt`, text.toUpperCase());
  const common = [...small, "--eval-tokens", "256", "--steps", "2"];
  const files = await runCli(["train", "--data", "a.txt", "--data", "b.txt", ...common, "--name", "files"], { cwd });
  assertEquals([files.code, files.err], [0, ""]);
  assertStringIncludes(files.out, "corpus  2 files, 8,000 bytes");

  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `cat a.txt | "${Deno.execPath()}" run -A --no-check "$CLI" train --data - ${common.join(" ")} --name piped`,
    ],
    cwd,
    env: { CLI: new URL("../../cli.ts", import.meta.url).pathname, NO_COLOR: "1" },
  });
  const piped = await child.output();
  assertEquals(piped.code, 0, new TextDecoder().decode(piped.stderr));
  assertStringIncludes(new TextDecoder().decode(piped.stdout), "corpus  standard input, 4,000 bytes");
  const again = await runCli(["train", "--resume", "runs/piped"], { cwd });
  assertStringIncludes(again.err, "its text came from standard input");
  // nothing else is measured in its place
  const measured = await runCli(["eval", "runs/piped", "--device", "cpu"], { cwd });
  assertEquals(measured.code, 2);
  assertStringIncludes(measured.err, "Give the text to measure on by --data");

  const labml = await runCli(["train", "--data", "a.txt", "--preset", "labml", "--steps", "1", "--name", "labml"], {
    cwd,
  });
  assertEquals([labml.code, labml.err], [0, ""]);
  assertStringIncludes(labml.out, "6 layers × 128, 8 heads, hidden 256");
  assertStringIncludes(labml.out, "learning rate 1.00 noam, warm-up 2000 steps; masking rule labml");
  assertMatch(labml.out, /1 +32 +100% +1 +64 +2,048 +15%$/m);
});

test("train refuses to resume on another text", async (cwd) => {
  await Deno.writeTextFile(`${cwd}/a.txt`, "to be or not to be that is the question\n".repeat(100));
  const trained = await runCli([
    "train",
    "--data",
    "a.txt",
    ...small,
    "--eval-tokens",
    "256",
    "--steps",
    "2",
    "--name",
    "x",
  ], { cwd });
  assertEquals(trained.code, 0);
  await Deno.utime(`${cwd}/a.txt`, new Date(0), new Date(0));
  const touched = await runCli(["train", "--resume", "runs/x"], { cwd });
  assertStringIncludes(touched.out, "a.txt was written since; its size and its beginning are the same");
  await Deno.writeTextFile(`${cwd}/a.txt`, "longer\n", { append: true });
  const resumed = await runCli(["train", "--resume", "runs/x"], { cwd });
  assertEquals(resumed.code, 1);
  assertStringIncludes(resumed.err, "its text has changed: ");
  assert(!resumed.err.includes(" at "));
});

test("tokenizer trains, encodes, decodes and describes a vocabulary", async (cwd) => {
  await Deno.writeTextFile(`${cwd}/a.txt`, "to be or not to be that is the question\n".repeat(50));
  for (const type of ["char", "wordpiece", "bpe"]) {
    const size = type === "bpe" ? "300" : "40";
    const args = ["tokenizer", "train", "--type", type, "--size", size, "--data", "a.txt", "--out", type];
    const trained = await runCli(args, { cwd });
    assertEquals([trained.code, trained.err], [0, ""]);
    const pipe = async (action: string, input: string) => {
      const command = new Deno.Command("sh", {
        args: [
          "-c",
          `printf '%s' "$INPUT" | "$DENO" run -A --no-check --config "$CONFIG" "$CLI" tokenizer ${action} ${type}`,
        ],
        env: {
          INPUT: input,
          DENO: Deno.execPath(),
          CONFIG: new URL("../../deno.json", import.meta.url).pathname,
          CLI: new URL("../../cli.ts", import.meta.url).pathname,
        },
        cwd,
      });
      return new TextDecoder().decode((await command.output()).stdout);
    };
    const ids = await pipe("encode", "to be\nthe question");
    assertMatch(ids, /^\d+( \d+)*\n\d+( \d+)*\n$/);
    assertEquals(await pipe("decode", ids), "to be\nthe question\n");
    const info = await runCli(["tokenizer", "info", type, "--data", "a.txt"], { cwd });
    assertStringIncludes(info.out, "tokens a word");
    assertStringIncludes(info.out, `type            ${type}`);
  }
});
