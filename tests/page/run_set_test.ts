import { assertEquals } from "@std/assert";
import { lockFolder } from "../../lib/cli/run_lock.ts";
import { runFolders, watchRuns } from "../../lib/page/run_set.ts";
import { stepLine, stepLines, writeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

Deno.test("watchRuns() follows runs that begin, grow, are cut short and go", () =>
  inTemporaryFolder(async (folder) => {
    const runs = watchRuns([folder]);
    const path = `${folder}/a`;
    const steps = () => runs.views.get(path)?.since(undefined)?.message.train?.columns.step ?? [];
    await runs.refresh();
    assertEquals([...runs.views.keys()], []);
    await writeRun(path, { metrics: stepLines(1, 3, { of: 100 }) + stepLine(4).slice(0, 20) });
    await runs.refresh();
    assertEquals(steps(), [1, 2, 3]);
    await Deno.writeTextFile(`${path}/metrics.jsonl`, stepLine(4).slice(20) + stepLine(5), { append: true });
    await runs.refresh();
    assertEquals(steps(), [1, 2, 3, 4, 5]);
    // as a run that is resumed does it: a new file in place of the old one, at once longer than that
    await Deno.writeTextFile(`${path}/new`, stepLines(1, 2, { of: 100 }) + stepLines(13, 19, { of: 900 }));
    await Deno.rename(`${path}/new`, `${path}/metrics.jsonl`);
    await runs.refresh();
    assertEquals(steps(), [1, 2, 13, 14, 15, 16, 17, 18, 19]);
    await Deno.writeTextFile(`${path}/metrics.jsonl`, stepLine(1));
    await runs.refresh();
    assertEquals(steps(), [1]);
    await Deno.remove(path, { recursive: true });
    await runs.refresh();
    assertEquals([...runs.views.keys()], []);
  }));

Deno.test("watchRuns() takes a run for running while a process that is alive holds its lock", () =>
  inTemporaryFolder(async (folder) => {
    await writeRun(folder, { metrics: stepLines(1, 100), steps: 100 });
    const runs = watchRuns([folder]);
    const state = async () => {
      await runs.refresh();
      return runs.views.get(folder)!.since(undefined)!.message.state;
    };
    assertEquals(await state(), "stopped");
    const lock = lockFolder(folder);
    assertEquals(await state(), "running");
    lock.release();
    // as SIGKILL leaves it
    await Deno.writeTextFile(`${folder}/lock`, JSON.stringify({ host: Deno.hostname(), process: 1, since: "" }));
    assertEquals(await state(), "stopped");
    await Deno.mkdir(`${folder}/checkpoints/step-00000100`, { recursive: true });
    await Deno.writeTextFile(`${folder}/checkpoints/step-00000100/config.json`, "{}");
    assertEquals(await state(), "finished");
    await Deno.writeTextFile(`${folder}/metrics.jsonl`, '{"kind":"end","state":"diverged","step":100}\n', {
      append: true,
    });
    assertEquals(await state(), "diverged");
  }));

Deno.test("runFolders() finds runs, those in folders, and each once", () =>
  inTemporaryFolder(async (folder) => {
    for (const name of ["a-10", "a-9"]) await writeRun(`${folder}/runs/${name}`);
    await Deno.mkdir(`${folder}/runs/none`);
    const both = [`${folder}/runs/a-9`, `${folder}/runs/a-10`];
    assertEquals(await runFolders([`${folder}/runs`]), both);
    assertEquals(await runFolders([`${folder}/runs/*`, `${folder}/runs/a-9/`]), both);
    assertEquals(await runFolders([`${folder}/runs/a-10`]), [both[1]]);
    assertEquals(await runFolders([`${folder}/runs/none`, `${folder}/missing`]), []);
  }));
