import { assertEquals, assertGreater, assertMatch, assertRejects } from "@std/assert";
import type { FineTuneState } from "../../lib/classify/fine_tune_state.ts";
import { classifyGroups } from "../../lib/cli/classify_flags.ts";
import { classifyTrain } from "../../lib/cli/classify_train.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import {
  claimTraining,
  KEPT_TRAINING,
  keptTraining,
  removeKept,
  trainingKeeper,
} from "../../lib/cli/classify_keeper.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const arrays = (...values: number[]) => new Map([["a", Float32Array.from(values)], ["b", new Float32Array(2)]]);

const stateAt = (step: number, best?: FineTuneState["best"]): FineTuneState => ({
  ...{ step, print: "ab", looks: { lowest: 0.5, best: step - 1, sinceBest: 1, latest: step } },
  ...{ parameters: arrays(step, 1), firstMoment: arrays(2, 3), secondMoment: arrays(4, 5), best },
});

const names = async (path: string) => (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();

Deno.test("trainingKeeper() keeps the latest state whole, and gives back what it kept", () =>
  inTemporaryFolder(async (folder) => {
    const target = `${folder}/out`;
    assertEquals(await keptTraining(target), undefined);
    const args = ["train", "base", "--data", "a b.csv"];
    const keeper = trainingKeeper(target, { args, pause: 0, note: (sentence) => assertEquals(sentence, "") });
    const keep = (state: FineTuneState) =>
      keeper.keep({ step: state.step, steps: 9, state: () => Promise.resolve(state) });
    await keep(stateAt(3));
    // so soon after a saving none is worth its time
    await keep(stateAt(4));
    assertEquals([keeper.step, await names(`${target}/${KEPT_TRAINING}`)], [3, ["step-00000003"]]);
    for (let step = 5; keeper.step === 3; step++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await keep(stateAt(step, arrays(7, 8)));
    }
    assertGreater(keeper.step!, 4);
    assertEquals((await names(`${target}/${KEPT_TRAINING}`)).length, 1);
    const kept = (await keptTraining(target))!;
    assertEquals([kept.args, kept.cwd, kept.step, kept.steps], [args, Deno.cwd(), keeper.step!, 9]);
    assertEquals(await kept.load(), stateAt(keeper.step!, arrays(7, 8)));
    // what others put there stays
    await Deno.writeTextFile(`${target}/${KEPT_TRAINING}/note.txt`, "");
    await removeKept(target);
    assertEquals(await keptTraining(target), undefined);
    assertEquals(await names(`${target}/${KEPT_TRAINING}`), ["note.txt"]);
  }));

Deno.test("claimTraining() lets one process train for a folder, and leaves none that is empty", () =>
  inTemporaryFolder(async (folder) => {
    const target = `${folder}/inner/out`;
    const claim = await claimTraining(target);
    const error = await assertRejects(() => claimTraining(target), RangeError);
    assertMatch(error.message, /^Cannot train a classifier for ".*out": it is being trained by process \d+/);
    claim.end();
    assertEquals(await names(`${folder}/inner`), []);
    const again = await claimTraining(target);
    // a training that is kept is under way, or was cut short
    const { keep } = trainingKeeper(target, { args: [], pause: 0, note: (sentence) => assertEquals(sentence, "") });
    await keep({ step: 1, steps: 2, state: () => Promise.resolve(stateAt(1)) });
    const args = ["train", "base", "--data", "x.csv", "--out", target];
    const begin = () => classifyTrain(parseFlags(classifyGroups, args), args);
    assertMatch((await assertRejects(begin, RangeError)).message, /it is being trained by process/);
    await removeKept(target);
    await Deno.writeTextFile(`${target}/log.txt`, "");
    again.end();
    assertEquals(await names(target), ["log.txt"]);
  }));

Deno.test("trainingKeeper() lets a training go on that cannot be kept", async () => {
  const notes: string[] = [];
  const keeper = trainingKeeper("/proc/x", { args: [], pause: 0, note: (note) => notes.push(note) });
  await keeper.keep({ step: 1, steps: 2, state: () => Promise.resolve(stateAt(1)) });
  assertEquals([keeper.step, notes.length], [undefined, 1]);
  assertMatch(notes[0]!, /^Cannot write .* "\/proc\/x.*; training goes on$/);
});
