// Ranks under real launchers. CLOZE_RANK_KILLS says how many of them are killed.
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { checkpointSteps } from "../../lib/files/checkpoint_folder.ts";
import { randomSequence } from "../../lib/random/philox.ts";
import { ended, errorsIn, launchers, rankProcesses, spawnRanks } from "../helpers/mpi.ts";
import { runCli } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const KILLS = Number(Deno.env.get("CLOZE_RANK_KILLS") ?? 2);

const train = [
  ["train", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "128"],
  ["--curriculum", "16:50%,32", "--eval-tokens", "256", "--save-every", "8", "--eval-every", "8"],
  ["--sample-every", "100%", "--device", "cpu", "--blas", "off", "--tiles", "4", "--quiet"],
].flat();

/** Seconds until the last process of a launch is gone. */
async function secondsUntilGone(name: string): Promise<number> {
  const start = performance.now();
  while ((await rankProcesses(name)).size > 0) {
    if (performance.now() - start > 30_000) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return (performance.now() - start) / 1000;
}

const hasCheckpoint = (path: string) =>
  Array.fromAsync(Deno.readDir(`${path}/checkpoints`)).then(
    (all) => all.some(({ name }) => name.startsWith("step-")),
    () => false,
  );

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!await condition()) {
    assert(Date.now() < deadline, "waited for two minutes");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const { ignore, ...launcher } of launchers) {
  const { name: mpi } = launcher;
  /** A run's losses, but for the end, which is that of each part. */
  const losses = async (path: string) => (await runLosses(path)).filter(({ kind }) => kind !== "end");

  Deno.test({
    name:
      `train under ${mpi} has the losses of one process to the bit, also where other numbers of ranks go on with it`,
    ignore,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const steps = ["--steps", "16"];
        const alone = await runCli([...train, ...steps, "--name", "alone"], { cwd });
        assertEquals([alone.code, alone.err], [0, ""]);
        for (const [size, other] of [[2, 3], [4, 1]] as const) {
          const name = `of-${size}`;
          const result = await ended(spawnRanks(launcher, [...train, ...steps, "--name", name], { size, cwd }));
          assertEquals([result.code, errorsIn(result)], [0, []], result.out + result.err);
          assertEquals(await losses(`${cwd}/runs/${name}`), await losses(`${cwd}/runs/alone`));
          await Deno.remove(`${cwd}/runs/${name}/checkpoints/step-00000016`, { recursive: true });
          const resume = ["train", "--resume", `runs/${name}`, "--quiet"];
          const rest = await ended(spawnRanks(launcher, resume, { size: other, cwd }));
          assertEquals([rest.code, errorsIn(rest)], [0, []], rest.out + rest.err);
          assertEquals(await losses(`${cwd}/runs/${name}`), await losses(`${cwd}/runs/alone`));
        }
      }),
  });

  Deno.test({
    name:
      `train under ${mpi} whose ranks are killed ${KILLS} times ends at once, says who, and goes on as if nothing was`,
    ignore,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const steps = ["--steps", String(60 * (KILLS + 1))];
        const alone = await runCli([...train, ...steps, "--name", "alone"], { cwd });
        assertEquals(alone.code, 0, alone.err);
        const random = randomSequence({ seed: KILLS, purpose: "shuffling" });
        const name = `killed-${Deno.pid}`;
        const path = `${cwd}/runs/${name}`;
        for (let killed = 0; killed < KILLS;) {
          const size = 2 + random.below(2);
          const isBegun = await hasCheckpoint(path);
          if (!isBegun) await Deno.remove(path, { recursive: true }).catch(() => {});
          const args = isBegun
            ? ["train", "--resume", `runs/${name}`, "--quiet"]
            : [...train, ...steps, "--name", name];
          const metrics = () => Deno.stat(`${path}/metrics.jsonl`).then(({ size }) => size, () => 0);
          const before = await metrics();
          const child = spawnRanks(launcher, args, { size, cwd });
          const result = ended(child);
          let isOver = false;
          void result.then(() => isOver = true);
          await waitFor(async () => isOver || await metrics() !== before);
          if (isOver) {
            // who was killed last had nothing left to do
            const told = await result;
            assertStringIncludes(errorsIn(told).join(), "is finished", told.out + told.err);
            break;
          }
          await new Promise((resolve) => setTimeout(resolve, random.below(500)));
          const word = isBegun ? `runs/${name}` : name;
          const victim = random.below(size);
          const pids = await rankProcesses(word);
          const pid = pids.get(victim);
          if (pid === undefined) break;
          const start = performance.now();
          Deno.kill(pid, "SIGKILL");
          const { code, ...rest } = await result;
          if (code === 0) break;
          killed++;
          const errors = errorsIn({ code, ...rest });
          const said = `${errors.join("\n")}\n${rest.out}${rest.err}`;
          // where a launcher ends the others at once, it says so itself, if not always of which it was
          if (launcher.leavesLastWords || errors.length > 0) assertEquals(errors.length, 1, said);
          else {
            const [, named] = /PID (\d+) RUNNING AT/.exec(rest.out) ?? [];
            assert(pids.values().some((pid) => `${pid}` === named), said);
          }
          const wanted = new RegExp(`^error: Cannot go on: rank ${victim} on \\S+ \\(process ${pid}\\) has ended`);
          for (const error of errors) assertMatch(error, wanted);
          assertLess((performance.now() - start) / 1000, 15);
          assertLess(await secondsUntilGone(word), 10);
        }
        const begun = await hasCheckpoint(path);
        const args = begun ? ["train", "--resume", `runs/${name}`, "--quiet"] : [...train, ...steps, "--name", name];
        if (!begun) await Deno.remove(path, { recursive: true }).catch(() => {});
        const last = await ended(spawnRanks(launcher, args, { size: 2, cwd }));
        if (last.code !== 0) assertStringIncludes(errorsIn(last).join(), "is finished");
        assertEquals(await losses(path), await losses(`${cwd}/runs/alone`));
      }),
  });

  Deno.test({
    name: `train under ${mpi} ends with one sentence where a rank differs, fails, or belongs to another MPI`,
    ignore,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        await Deno.writeTextFile(`${cwd}/a.txt`, "the cat sat on a mat while dogs ran over green hills\n".repeat(500));
        await Deno.writeTextFile(`${cwd}/b.txt`, "the dog sat on a mat while cats ran over green hills\n".repeat(500));
        const [from, own] = [train.indexOf("--data"), (data: string) => train.with(train.indexOf("--data") + 1, data)];
        assert(from > 0);
        const args = (data: string, ...more: string[]) => [...own(data), "--steps", "8", "--name", "x", ...more];
        const foreign = launchers.find(({ name, ignore }) => name !== mpi && !ignore)?.library;
        const cases: readonly [string[], string[] | undefined, RegExp][] = [
          [
            args("a.txt"),
            args("b.txt"),
            /^error: Cannot train together: rank 1 on \S+ has another text than rank 0 on/,
          ],
          [
            args("a.txt"),
            args("a.txt", "--lr", "0.1"),
            /^error: Cannot train together: rank 1 on \S+ has other settings \(l/,
          ],
          [
            args("a.txt"),
            args("c.txt"),
            /^error: rank 1 on \S+: Cannot read "c.txt": there is no such file or folder$/,
          ],
          [args("a.txt", "--lrr"), undefined, /^error: Unknown option --lrr/],
          [args("-"), undefined, /^error: Several ranks cannot read standard input/],
          [
            args("a.txt", "--validation", "-"),
            undefined,
            /^error: Several ranks cannot read standard input, .*give --validation a path/,
          ],
          [
            args("a.txt", "--mpi", "libnone.so"),
            undefined,
            /^error: Cannot train as 2 ranks.*cannot be loaded as one$/,
          ],
          [
            args("a.txt"),
            args("a.txt", "--mpi", "/nowhere/libmpi.so"),
            /^error: Cannot train as 2 ranks.*: rank 1 on \S+: .*\/nowhere\/libmpi\.so/,
          ],
          ...(foreign === undefined ? [] : [[
            args("a.txt", "--mpi", foreign),
            undefined,
            /^error: Cannot train as 2 ranks, .*: launcher and library belong to different MPIs/,
          ]] as [string[], undefined, RegExp][]),
        ];
        for (const [given, others, wanted] of cases) {
          const other = others && { rank: 1, args: others };
          const result = await ended(spawnRanks(launcher, given, { size: 2, cwd, ...(other ? { other } : {}) }));
          const errors = errorsIn(result);
          assertEquals(errors.length, 1, `${errors.join("\n")}${result.out}${result.err}`);
          assertMatch(errors[0]!, wanted);
          assert(result.code !== 0);
        }
        // what was not begun leaves nothing
        assertEquals(await Deno.stat(`${cwd}/runs`).then(() => true, () => false), false);
      }),
  });

  Deno.test({
    name: `train under ${mpi} ends where a rank hangs, and names it`,
    ignore,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const name = `hung-${Deno.pid}`;
        const args = [...train, "--steps", "100000", "--name", name, "--rank-timeout", "2"];
        const result = ended(spawnRanks(launcher, args, { size: 2, cwd }));
        await waitFor(() => hasCheckpoint(`${cwd}/runs/${name}`));
        const pid = (await rankProcesses(name)).get(1)!;
        Deno.kill(pid, "SIGSTOP");
        const start = performance.now();
        const errors = errorsIn(await result);
        assertLess((performance.now() - start) / 1000, 20);
        assertEquals(errors.length, 1, errors.join("\n"));
        assertMatch(
          errors[0]!,
          /^error: Cannot go on: rank 1 on \S+ has given no sign of life for 2 seconds or more; the/,
        );
        try {
          Deno.kill(pid, "SIGKILL");
        } catch {
          // it is gone
        }
        assertLess(await secondsUntilGone(name), 10);
      }),
  });

  Deno.test({
    name: `train under ${mpi} says what it waits for where a process of the launch trains by itself`,
    ignore,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const args = [...train, "--steps", "100000", "--name", "alone", "--rank-timeout", "1"];
        for (const rank of [0, 1]) {
          const name = `missing-${rank}`;
          const other = { rank, args: [...args.with(args.indexOf("alone"), name), "--mpi", "off"] };
          const start = performance.now();
          const result = await ended(spawnRanks(launcher, args, { size: 2, cwd, other }));
          assertLess((performance.now() - start) / 1000, 20);
          const errors = errorsIn(result);
          assertEquals(errors.length, 1, result.out + result.err);
          assertMatch(
            errors[0]!,
            new RegExp(
              `^error: Cannot train as 2 ranks.*: rank ${1 - rank} has waited 3 seconds for the others to begin`,
            ),
          );
          assertLess(await secondsUntilGone(name), 10);
        }
      }),
  });

  Deno.test({
    name: `train under ${mpi} promises no saving where a rank was killed`,
    ignore,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const name = `lost-${Deno.pid}`;
        const args = [...train, "--steps", "100000", "--name", name].filter((word) => word !== "--quiet");
        const result = ended(spawnRanks(launcher, args, { size: 3, cwd }));
        await waitFor(() => hasCheckpoint(`${cwd}/runs/${name}`));
        Deno.kill((await rankProcesses(name)).get(1)!, "SIGKILL");
        const { out, err } = await result;
        assertEquals(`${out}${err}`.includes("finishing the step"), false, out + err);
        assertLess(await secondsUntilGone(name), 10);
      }),
  });

  Deno.test({
    name: `train under ${mpi} that is interrupted finishes the step, saves, and goes on from there`,
    ignore,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const name = `interrupted-${Deno.pid}`;
        const path = `${cwd}/runs/${name}`;
        const args = [...train, "--steps", "100000", "--name", name];
        const child = spawnRanks(launcher, args.filter((word) => word !== "--quiet"), { size: 2, cwd });
        const result = ended(child);
        await waitFor(() => hasCheckpoint(path));
        child.kill("SIGINT");
        const { out, err } = await result;
        assertStringIncludes(out + err, "finishing the step and saving");
        assertLess(await secondsUntilGone(name), 10);
        const steps = (await runLosses(path)).filter(({ kind }) => kind === "train").length;
        assertEquals(await checkpointSteps(path).then((all) => all.at(-1)), steps);
      }),
  });
}
