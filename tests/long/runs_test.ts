// One run, one process; and what becomes of a run whose folder or checkpoints suffer.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { cliPath, runCli, spawnCli } from "../helpers/run_cli.ts";
import { runLosses, runMetrics } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const train = [
  ["train", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "64"],
  ["--curriculum", "8:50%,16", "--eval-tokens", "64", "--sample-every", "100%", "--device", "cpu", "--threads", "1"],
].flat();
const long = ["--steps", "1M", "--save-every", "20"];

const names = async (path: string) =>
  (await Array.fromAsync(Deno.readDir(path), ({ name }) => name).catch(() => [])).sort();
const isThere = (path: string) => Deno.lstat(path).then(() => true, () => false);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Starts a run and waits for its first checkpoint. */
async function started(cwd: string, args: readonly string[]): Promise<Deno.ChildProcess> {
  const child = spawnCli([...train, ...args], { cwd }).spawn();
  const deadline = Date.now() + 60_000;
  while (!(await names(`${cwd}/runs/x/checkpoints`)).some((name) => name.startsWith("step-"))) {
    assert(Date.now() < deadline, "waited for a minute");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child;
}

Deno.test("train has one of two runs of the same name at once, and two folders for two without a name", () =>
  inTemporaryFolder(async (cwd) => {
    const both = (args: readonly string[]) => Promise.all([1, 2].map(() => runCli([...train, ...args], { cwd })));
    const same = await both(["--steps", "10", "--name", "x"]);
    assertEquals(same.map(({ code }) => code).sort(), [0, 1]);
    // the other one may have its first checkpoint by then, or not
    assertMatch(
      same.find(({ code }) => code === 1)!.err,
      /^error: "runs\/x" exists already[:,] .*choose another --name, or /,
    );
    const late = await runCli([...train, "--steps", "10", "--name", "x"], { cwd });
    assertEquals(
      late.err,
      'error: "runs/x" exists already: choose another --name, or go on with --resume runs/x\n',
    );
    const steps = (await runMetrics(`${cwd}/runs/x`)).filter(({ kind }) => kind === "train").map(({ step }) => step);
    assertEquals(steps, Array.from({ length: 10 }, (_, i) => i + 1));
    const free = await both(["--steps", "2"]);
    assertEquals(free.map(({ code }) => code), [0, 0]);
    assertEquals(await names(`${cwd}/runs`), ["modernbert-small-stories", "modernbert-small-stories-2", "x"]);
    for (const name of await names(`${cwd}/runs`)) {
      assertEquals(await names(`${cwd}/runs/${name}`), [
        "checkpoints",
        "config.json",
        "metrics.jsonl",
        "samples.jsonl",
      ]);
    }
  }));

Deno.test("train does not go on with a run that another process trains, and takes over from one that is gone", () =>
  inTemporaryFolder(async (cwd) => {
    const child = await started(cwd, [...long, "--name", "x"]);
    const refused = await runCli(["train", "--resume", "runs/x"], { cwd });
    assertEquals([refused.code, refused.out], [1, ""]);
    assertMatch(
      refused.err,
      RegExp(`^error: Cannot resume "runs/x": it is being trained by process ${child.pid}( on \\S+)?, since \\S+\n$`),
    );
    child.kill("SIGKILL");
    await child.output();
    assert(await isThere(`${cwd}/runs/x/lock`));
    // of two at once one is too many here, too
    const both = [1, 2].map(() => spawnCli(["train", "--resume", "runs/x"], { cwd }).spawn());
    const first = await Promise.race(both.map(async (child, i) => ({ i, ...await child.status })));
    assertEquals(first.code, 1);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    both[1 - first.i]!.kill("SIGINT");
    const [loser, winner] = [await both[first.i]!.output(), await both[1 - first.i]!.output()];
    assertStringIncludes(textOf(loser.stderr), "it is being trained by process");
    assertEquals(winner.code, 130);
    assertMatch(textOf(winner.stdout), RegExp(`^note: the lock of process ${child.pid}( on \\S+)? is taken over`, "m"));
    assertEquals(await isThere(`${cwd}/runs/x/lock`), false);
  }));

const removals: Readonly<Record<string, (run: string) => Promise<void>>> = {
  removed: (run) => Deno.remove(run, { recursive: true }),
  renamed: (run) => Deno.rename(run, `${run}-moved`),
  emptied: async (run) => {
    for (const name of await names(run)) await Deno.remove(`${run}/${name}`, { recursive: true });
  },
  "without its config.json": (run) => Deno.remove(`${run}/config.json`),
  "without its metrics": (run) => Deno.remove(`${run}/metrics.jsonl`),
};
for (const [what, remove] of Object.entries(removals)) {
  Deno.test(`train ends with a sentence where its folder is, under way, ${what}`, () =>
    inTemporaryFolder(async (cwd) => {
      const child = await started(cwd, [...long, "--name", "x"]);
      // what is being written while it is removed is removed again
      for (let time = 0; time < 20; time++) {
        const failed = await remove(`${cwd}/runs/x`).then(() => false, () => true);
        if (!failed) break;
      }
      const { code, stderr } = await child.output();
      assertEquals(code, 1);
      const err = textOf(stderr);
      const gone =
        'error: Cannot go on in "runs/x": it was removed, renamed or emptied while the run was under way; if it ' +
        "lies elsewhere now, go on there with --resume, from its latest checkpoint\n";
      // a checkpoint that is being written cannot be finished
      assert(err === gone || /^error: Cannot write checkpoint .*: there is no such folder.*\n$/.test(err), err);
      if (what === "removed" || what === "renamed") assertEquals(await isThere(`${cwd}/runs/x/config.json`), false);
    }));
}

Deno.test("train leaves no folder behind where there was nothing to train", () =>
  inTemporaryFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/short.txt`, "too short\n");
    const { code } = await runCli(["train", "--data", "short.txt", "--out", "a/b", "--device", "cpu"], { cwd });
    assertEquals([code, await names(cwd)], [1, ["short.txt"]]);
    // a folder that is empty, or was reserved by a process that is gone, is free
    await Deno.mkdir(`${cwd}/runs/x`, { recursive: true });
    await Deno.writeTextFile(`${cwd}/runs/x/lock`, JSON.stringify({ host: Deno.hostname(), process: 4e9, since: "" }));
    const trained = await runCli([...train, "--steps", "2", "--name", "x"], { cwd });
    assertEquals([trained.code, trained.err], [0, ""]);
    for (const name of ["../x", "a/b", "..", "a\u001bb"]) {
      const { code, err } = await runCli([...train, "--name", name], { cwd });
      assertEquals(code, 2);
      assertStringIncludes(err, "write one name, without slashes and control characters");
    }
    assertEquals([await names(cwd), await names(`${cwd}/runs`)], [["runs", "short.txt"], ["x"]]);
  }));

/** A run that was over at step 60, and the same stopped at 45. */
async function stopped(cwd: string): Promise<string> {
  const flags = [...train, "--steps", "60", "--save-every", "15", "--keep", "3"];
  for (const name of ["whole", "x"]) {
    const { code, err } = await runCli([...flags, "--name", name], { cwd });
    assertEquals(code, 0, err);
  }
  await Deno.remove(`${cwd}/runs/x/checkpoints/step-00000060`, { recursive: true });
  return `${cwd}/runs/x`;
}

Deno.test("train --resume names damaged checkpoints, sets them aside and goes on from the one before", () =>
  inTemporaryFolder(async (cwd) => {
    const path = await stopped(cwd);
    const file = `${path}/checkpoints/step-00000045/optimizer.safetensors`;
    const bytes = await Deno.readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await Deno.writeFile(file, bytes);
    await Deno.mkdir(`${path}/checkpoints/step-00000050`);
    const resumed = await runCli(["train", "--resume", "runs/x"], { cwd });
    assertEquals([resumed.code, resumed.err], [0, ""]);
    assertStringIncludes(
      resumed.out,
      "note: Cannot read runs/x/checkpoints/step-00000045/optimizer.safetensors: it is damaged: its bytes are not those that " +
        "were written (see checkpoint.sha256); if it was changed on purpose, delete checkpoint.sha256 beside it\n" +
        "note: going on from the checkpoint before, of step 30\n",
    );
    assertStringIncludes(resumed.out, "resume  runs/x at step 30");
    assertEquals(await runLosses(path), await runLosses(`${cwd}/runs/whole`));
    assertEquals(await names(`${path}/checkpoints`), [
      "damaged-step-00000045",
      "step-00000030",
      "step-00000045",
      "step-00000050",
      "step-00000060",
    ]);
  }));

Deno.test("train --resume says what is wrong where no checkpoint can be read, or the settings were changed", () =>
  inTemporaryFolder(async (cwd) => {
    const path = await stopped(cwd);
    const config = `${path}/config.json`;
    const text = await Deno.readTextFile(config);
    const changes = [['"seed": 1', '"seed": 2'], ['"weightDecay": 0.01', '"weightDecay": 0.1'], [
      '"batchTokens": 64',
      '"batchTokens": 96',
    ]];
    for (const [from, to] of changes) {
      assert(text.includes(from!), from);
      await Deno.writeTextFile(config, text.replace(from!, to!));
      const { code, err } = await runCli(["train", "--resume", "runs/x"], { cwd });
      assertEquals([code, err], [
        1,
        'error: Cannot resume "runs/x": its config.json is not what was written, so the run would go on as another; if it was ' +
        'changed on purpose, delete "sha256" in it\n',
      ]);
    }
    // as another program writes the same, and as earlier versions wrote it
    await Deno.writeTextFile(config, JSON.stringify(JSON.parse(text)));
    for (const name of ["step-00000015", "step-00000030", "step-00000045"]) {
      await Deno.truncate(`${path}/checkpoints/${name}/training.json`, 10).catch(() => {});
    }
    const before = await names(`${path}/checkpoints`);
    const { code, out, err } = await runCli(["train", "--resume", "runs/x"], { cwd });
    assertEquals(code, 1);
    assertEquals(out.match(/^note: Cannot read \S+training\.json: it is damaged/gm)?.length, before.length);
    assertStringIncludes(err, "step-00000045/training.json: it is damaged");
    assertEquals([await names(`${path}/checkpoints`), (await runMetrics(path)).length > 60], [before, true]);
    await Deno.remove(`${path}/checkpoints`, { recursive: true });
    assertEquals(
      (await runCli(["train", "--resume", "runs/x"], { cwd })).err,
      'error: Cannot resume "runs/x": it has no checkpoint yet, so there is nothing to go on from; begin it once more, by ' +
        `deno run -A ${cliPath} train with the same options, under another --name or when this folder is removed\n`,
    );
  }));

Deno.test("fill and export use the checkpoint before one whose weights turn out to be damaged", () =>
  inTemporaryFolder(async (cwd) => {
    const path = await stopped(cwd);
    const file = `${path}/checkpoints/step-00000045/model.safetensors`;
    const bytes = await Deno.readFile(file);
    bytes[bytes.length - 5]! ^= 2;
    await Deno.writeFile(file, bytes);
    const note = "step-00000045/model.safetensors: it is damaged: its bytes are not those that were written (see " +
      "checkpoint.sha256); if it was changed on purpose, delete checkpoint.sha256 beside it; using the checkpoint before, " +
      "runs/x/checkpoints/step-00000030\n";
    const fill = ["fill", "runs/x", "a b[MASK]ll", "--device", "cpu", "--json"];
    const filled = await runCli(fill, { cwd });
    assertEquals(filled.code, 0, filled.err);
    assertStringIncludes(filled.err, note);
    assert(filled.err.startsWith("note: Cannot read "), filled.err);
    const before = await runCli(fill.with(1, "runs/x/checkpoints/step-00000030"), { cwd });
    assertEquals(filled.out, before.out);
    const exported = await runCli(["export", "runs/x", "--out", "out"], { cwd });
    assertEquals(exported.code, 0, exported.err);
    assertStringIncludes(exported.err, note);
    const vocabulary = `${path}/checkpoints/step-00000030/tokenizer.json`;
    await Deno.writeTextFile(vocabulary, (await Deno.readTextFile(vocabulary)).replace('"e": ', '"E": '));
    for (const place of ["runs/x/checkpoints/step-00000030", "runs/x/checkpoints/step-00000030/tokenizer.json"]) {
      const { code, err } = await runCli(["tokenizer", "info", place], { cwd });
      assertEquals(code, 1);
      assertStringIncludes(err, "step-00000030/tokenizer.json: it is damaged");
    }
    const named = await runCli(fill.with(1, "runs/x/checkpoints/step-00000045"), { cwd });
    assertEquals([named.code, named.out], [1, ""]);
    assertStringIncludes(named.err, "step-00000045/model.safetensors: it is damaged");
  }));

Deno.test("train keeps as many checkpoints as --keep says, and the best by validation beside them", () =>
  inTemporaryFolder(async (cwd) => {
    const flags = ["--steps", "40", "--save-every", "5", "--eval-every", "5"];
    // a rate that is far too high: the loss is least early
    const { code, out } = await runCli([...train, ...flags, "--lr", "0.5", "--keep", "1", "--name", "x"], { cwd });
    assertEquals(code, 0);
    const validations = (await runMetrics(`${cwd}/runs/x`)).filter(({ kind }) => kind === "validation");
    const least = validations.toSorted((a, b) => Number(a.loss) - Number(b.loss))[0]!;
    const best = `step-${String(least.step).padStart(8, "0")}`;
    assertEquals(await names(`${cwd}/runs/x/checkpoints`), [...new Set([best, "step-00000040"])]);
    assert(best !== "step-00000040", "the last is the best: nothing was tested");
    assertStringIncludes(out, `at step ${least.step}, is in\n  runs/x/checkpoints/${best}\n`);
    const filled = await runCli(["fill", `runs/x/checkpoints/${best}`, "a b[MASK]ll", "--device", "cpu"], { cwd });
    assertEquals(filled.code, 0, filled.err);
  }));

Deno.test("eval says that it cannot evaluate a run whose settings were changed, not that it cannot resume it", () =>
  inTemporaryFolder(async (cwd) => {
    const config = `${await stopped(cwd)}/config.json`;
    await Deno.writeTextFile(config, (await Deno.readTextFile(config)).replace('"format": 2', '"format": 3'));
    const { code, err } = await runCli(["eval", "runs/x"], { cwd });
    assertEquals([code, err], [
      1,
      'error: Cannot evaluate "runs/x": its config.json is not that of a run: "format" is 3; wanted 2\n',
    ]);
  }));
