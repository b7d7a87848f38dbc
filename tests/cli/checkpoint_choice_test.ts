import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkpoint, checkpointPath, checkpointPaths, describeCheckpoints } from "../../lib/cli/checkpoint_choice.ts";
import { writeWholeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const validation = (step: number, loss: number | string) =>
  JSON.stringify({
    kind: "validation",
    step,
    tokens: step,
    seconds: 1,
    length: 16,
    loss,
    accuracy: 0.5,
    perplexity: 2,
  }) +
  "\n";

async function writeCheckpoints(path: string, metrics: string): Promise<void> {
  for (const checkpoint of [10, 20, 1000]) await writeWholeRun(path, { checkpoint, metrics });
}

Deno.test("--checkpoint takes best, last, and steps as they are printed", () => {
  const cases = { best: "best", last: "last", "step-600": 600, "step-00000600": 600, 600: 600, "1,000": 1000 };
  for (const [text, wanted] of Object.entries(cases)) {
    assertEquals(checkpoint.parse(text), typeof wanted === "number" ? { step: wanted } : wanted as "best");
  }
  for (const text of ["", "first", "step-", "-1", "1.5", "10,00", "step-x", "99999999999999999999"]) {
    assertThrows(() => checkpoint.parse(text), RangeError, "write best, last, or a step that was saved");
  }
});

Deno.test("checkpointPath() gives the best by validation and any step, and says which there are", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/a`;
    await writeCheckpoints(path, validation(10, 3) + validation(20, 2) + validation(1000, 2.5));
    const place = (name: string) => `${path}/checkpoints/step-${name}`;
    assertEquals(await checkpointPath(path, undefined), path);
    assertEquals(await checkpointPath(path, "last"), path);
    assertEquals(await checkpointPath(path, "best"), place("00000020"));
    assertEquals(await checkpointPath(`${path}/`, "best"), place("00000020"));
    assertEquals(await checkpointPath(path, { step: 1000 }), place("00001000"));
    assertEquals(await describeCheckpoints(path), "step-10, step-20 (best by validation), step-1000");
    const { message } = await assertRejects(() => checkpointPath(path, { step: 7 }), RangeError);
    assertEquals(
      message,
      `Cannot use "${path}": it has no checkpoint of step 7; there are step-1000, step-20, step-10`,
    );
    await writeCheckpoints(path, validation(10, "NaN"));
    await assertRejects(() => checkpointPath(path, "best"), RangeError, "no checkpoint is the best, for none was");
  }));

Deno.test("checkpointPath() says so where a model is no run, or a run has nothing", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.mkdir(`${folder}/model`);
    await writeWholeRun(`${folder}/empty`);
    const cases: [string, string][] = [
      [`${folder}/model`, "it is no run, so there is no checkpoint to choose; leave out --checkpoint"],
      [`${folder}/empty`, "it is a run without a checkpoint"],
      [`${folder}/nothing`, "there is no such folder"],
      ["https://example.org/a", "over http give the address of the checkpoint itself"],
    ];
    for (const [path, part] of cases) {
      for (const choice of ["best", "last", { step: 5 }] as const) {
        await assertRejects(() => checkpointPath(path, choice), RangeError, part);
      }
    }
    // a comparison of a run with a model from elsewhere chooses of the run
    await writeCheckpoints(`${folder}/run`, validation(10, 3));
    assertEquals(await checkpointPaths([`${folder}/model`, `${folder}/run`], { step: 20 }), [
      `${folder}/model`,
      `${folder}/run/checkpoints/step-00000020`,
    ]);
    await assertRejects(() => checkpointPaths([`${folder}/model`], "best"), RangeError, "it is no run");
  }));
