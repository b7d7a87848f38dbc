// Runs that are killed again and again, at any moment, also while they write. `deno task test:kills` kills fifty times.
import { assert, assertEquals } from "@std/assert";
import { randomSequence } from "../../lib/random/philox.ts";
import { withoutGpu } from "../helpers/devices.ts";
import { runCli, spawnCli } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const KILLS = Number(Deno.env.get("CLOZE_KILLS") ?? 2);

const model = ["--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "128", "--curriculum", "16:50%,32"];
/** Saved so often that a good part of the time is spent on writing. */
const saving = ["--eval-tokens", "128", "--save-every", "4", "--eval-every", "20", "--sample-every", "100%"];
const env = { XDG_RUNTIME_DIR: "/tmp" };

/** Waits until something is there to be killed in the middle of. */
async function metricsGrow(path: string): Promise<void> {
  const size = () => Deno.stat(`${path}/metrics.jsonl`).then(({ size }) => size, () => 0);
  const before = await size();
  const deadline = Date.now() + 60_000;
  while (await size() === before && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
}

for (const device of ["cpu", "webgpu"]) {
  Deno.test({
    name: `train killed ${KILLS} times has the losses of a run that was left alone, to the bit (${device})`,
    ignore: device === "webgpu" && withoutGpu,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const steps = String(50 + 30 * KILLS);
        const train = ["train", "--data", "stories", ...model, ...saving, "--steps", steps, "--device", device];
        const whole = await runCli([...train, "--name", "whole"], { cwd, env });
        assertEquals([whole.code, whole.err], [0, ""]);
        const random = randomSequence({ seed: KILLS, purpose: "shuffling" });
        const path = `${cwd}/runs/killed`;
        const hasCheckpoint = () =>
          Array.fromAsync(Deno.readDir(`${path}/checkpoints`)).then(
            (all) => all.some(({ name }) => name.startsWith("step-")),
            () => false,
          );
        let killed = 0;
        for (let lives = 1;; lives++) {
          assert(lives < 3 * KILLS + 3, "it gets no further");
          const resumes = await hasCheckpoint();
          if (!resumes) await Deno.remove(path, { recursive: true }).catch(() => {});
          const args = resumes ? ["train", "--resume", "runs/killed"] : [...train, "--name", "killed"];
          const child = spawnCli(args, { cwd, env }).spawn();
          const ended = child.output();
          if (killed < KILLS) {
            await metricsGrow(path);
            await new Promise((resolve) => setTimeout(resolve, random.below(device === "cpu" ? 60 : 600)));
            try {
              child.kill("SIGKILL");
            } catch {
              // it has ended
            }
          }
          const { code, signal, stderr } = await ended;
          if (signal === "SIGKILL") killed++;
          else {
            assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
            break;
          }
        }
        assert(killed > KILLS / 2, `killed only ${killed} times before it was done`);
        assertEquals(await runLosses(path), await runLosses(`${cwd}/runs/whole`));
      }),
  });
}
