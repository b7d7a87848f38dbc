import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli, runShell, spawnCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tiny = ["train", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "128", "--device", "cpu"];
const short = [...tiny, "--curriculum", "none", "--length", "16", "--data", "stories"];
const ignore = Deno.build.os === "windows";

function test(name: string, fn: (cwd: string) => Promise<void>): void {
  Deno.test({ name, ignore, fn: () => inTemporaryFolder(fn) });
}

const checkpoints = (cwd: string, name: string) =>
  Array.fromAsync(Deno.readDir(`${cwd}/runs/${name}/checkpoints`)).then((all) => all.map(({ name }) => name).sort());

test("fill and tokenizer end quietly, as other programs do, when nobody reads their output any more", async (cwd) => {
  assertEquals((await runCli([...short, "--steps", "1", "--name", "x"], { cwd })).code, 0);
  await Deno.writeTextFile(`${cwd}/many.txt`, "Ben h[MASK]s\n".repeat(3000));
  const cases: [line: string, lines: number][] = [
    ["$CLOZE fill runs/x --file many.txt", 1],
    ["$CLOZE fill runs/x --json --file many.txt", 1],
    ["$CLOZE embed runs/x --file many.txt", 1],
    ["yes abc | $CLOZE tokenizer encode runs/x", 1],
    ["yes 7 | $CLOZE tokenizer decode runs/x", 1],
    ["yes 'a[MASK]' | $CLOZE fill runs/x", 1],
  ];
  for (const [line, lines] of cases) {
    const { out, err } = await runShell(`(${line}; echo "code $?" >&2) | head -1`, { cwd });
    assertEquals([line, out.split("\n").length - 1, err], [line, lines, "code 141\n"]);
  }
  for (const args of ["--help", "train --help", "info runs/x", "tokenizer info runs/x"]) {
    const { out, err } = await runShell(`($CLOZE ${args}; echo "code $?" >&2) | sleep 0`, { cwd });
    assertEquals([args, out], [args, ""]);
    assert(err === "code 141\n" || err === "code 0\n", err);
  }
});

test("train goes on when nobody reads its output any more, or when it cannot be written", async (cwd) => {
  const train = `$CLOZE ${short.join(" ")} --steps 3 --name`;
  const piped = await runShell(`(${train} piped; echo "code $?" >&2) | head -1`, { cwd });
  assertEquals([piped.out.split("\n").length, piped.err], [2, "code 0\n"]);
  assertEquals(await checkpoints(cwd, "piped"), ["step-00000002", "step-00000003"]);
  const full = await runShell(`${train} full > /dev/full`, { cwd });
  assertEquals([full.code, full.err], [
    0,
    'note: Cannot write the results to "standard output": no space is left there; the work goes on\n',
  ]);
  assertEquals(await checkpoints(cwd, "full"), ["step-00000002", "step-00000003"]);
  for (const [name, to] of [["none", ">/dev/full 2>/dev/full"], ["closed", ">&- 2>&- <&-"]]) {
    assertEquals((await runShell(`${train} ${name} ${to}`, { cwd })).code, 0);
    assertEquals(await checkpoints(cwd, name!), ["step-00000002", "step-00000003"]);
  }
});

test("main() says in one sentence that results cannot be written, and leaves no stack where errors cannot", async (cwd) => {
  assertEquals((await runCli([...short, "--steps", "1", "--name", "x"], { cwd })).code, 0);
  const sentence = 'error: Cannot write the results to "standard output": no space is left there\n';
  for (const args of ["--help", "--version", "info runs/x", "fill runs/x 'a[MASK]'", "tokenizer info runs/x"]) {
    const { code, err } = await runShell(`$CLOZE ${args} > /dev/full`, { cwd });
    assertEquals([args, code, err], [args, 1, sentence]);
  }
  for (const [to, code] of [["2>/dev/full", 2], ["2>&-", 2]] as const) {
    assertEquals((await runShell(`$CLOZE train --nonsense ${to}`, { cwd })).code, code);
  }
});

test("train saves when its terminal goes away, however often that is said", async (cwd) => {
  const child = spawnCli([...short, "--steps", "100000", "--name", "long"], { cwd }).spawn();
  const lines = async () => {
    const text = await Deno.readTextFile(`${cwd}/runs/long/metrics.jsonl`).catch(() => "");
    return text.split("\n").length;
  };
  while (await lines() < 20) await new Promise((resolve) => setTimeout(resolve, 20));
  // shells pass it on to programs that the system has told already
  for (let i = 0; i < 5; i++) child.kill("SIGHUP");
  const { code, stdout, stderr } = await child.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [130, ""]);
  assertStringIncludes(new TextDecoder().decode(stdout), "saved; go on with:");
  const saved = (await checkpoints(cwd, "long")).at(-1);
  const step = Number(saved!.slice("step-".length));
  assertEquals(await lines() - 1 >= step, true);
  const resumed = await runCli(["train", "--resume", "runs/long"], { cwd, permissions: [] });
  assertStringIncludes(resumed.err, "error: Deno was started without --allow-read=runs/long --allow-write=runs/long");
});

test("train that was started by nohup outlives its terminal", async (cwd) => {
  const line = `trap '' HUP; $CLOZE ${short.join(" ")} --steps 400 --name kept & pid=$!
    while [ ! -s runs/kept/metrics.jsonl ]; do sleep 0.05; done; kill -HUP $pid; kill -HUP $pid; wait $pid`;
  const { code, out } = await runShell(line, { cwd });
  assertEquals(code, 0);
  assertStringIncludes(out, "the model is in runs/kept");
});
