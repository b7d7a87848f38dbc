import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const run = [
  ["train", "--preset", "bert", "--nsp", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2"],
  ["--batch-tokens", "256", "--curriculum", "32:50%,64", "--eval-tokens", "512", "--sample-every", "100%"],
  ["--device", "cpu", "--steps", "8", "--save-every", "4", "--eval-every", "4"],
].flat();

Deno.test("train --nsp tells next sentences, goes on to the bit, and its folder is that of BertForPreTraining", () =>
  inTemporaryFolder(async (cwd) => {
    const trained = await runCli([...run, "--name", "x"], { cwd });
    assertEquals(trained.code, 0, trained.err);
    assertMatch(trained.out, /^step 8 .* accuracy \d+\.\d% .* next sentence \d+\.\d%/m);
    const whole = await runLosses(`${cwd}/runs/x`);
    for (const { nextSentence } of whole.filter(({ kind }) => kind !== "end")) {
      const { loss, accuracy } = nextSentence as { loss: number; accuracy: number };
      assert(loss > 0 && accuracy >= 0 && accuracy <= 1);
    }
    await Deno.remove(`${cwd}/runs/x/checkpoints/step-00000008`, { recursive: true });
    const resumed = await runCli(["train", "--resume", "runs/x"], { cwd });
    assertEquals(resumed.code, 0, resumed.err);
    assertEquals(await runLosses(`${cwd}/runs/x`), whole);

    const { architectures } = JSON.parse(
      await Deno.readTextFile(`${cwd}/runs/x/checkpoints/step-00000008/config.json`),
    );
    assertEquals(architectures, ["BertForPreTraining"]);
    const info = await runCli(["info", "runs/x"], { cwd });
    assertStringIncludes(info.out, "predicts masked tokens, and which of two texts follows the other");

    const evaluated = await runCli(["eval", "runs/x", "--json", "--device", "cpu", "--blas", "auto"], { cwd });
    assertEquals(evaluated.code, 0, evaluated.err);
    const { masked } = JSON.parse(evaluated.out);
    const last = whole.findLast(({ kind }) => kind === "validation")!;
    assertEquals([masked.loss, masked.nextSentence], [last.loss, last.nextSentence]);
    const shown = await runCli(["eval", "runs/x", "--pseudo", "--tokens", "64", "--device", "cpu"], { cwd });
    assertMatch(shown.out, /next sentence: loss \d\.\d{4}, accuracy \d+\.\d% of the pairs/);
  }));

Deno.test("train --init takes the head for next sentences along, makes one, or leaves it", () =>
  inTemporaryFolder(async (cwd) => {
    const trained = await runCli([...run, "--name", "x"], { cwd });
    assertEquals(trained.code, 0, trained.err);
    const on = ["train", "--init", "runs/x", "--data", "stories", "--device", "cpu", "--steps", "1", "--length", "32"];
    const along = await runCli([...on, "--nsp", "--name", "along"], { cwd });
    assertEquals(along.code, 0, along.err);
    assert(!along.out.includes("head    "), along.out);
    const left = await runCli([...on, "--name", "left"], { cwd });
    assertEquals(left.code, 0, left.err);
    assertStringIncludes(left.out, "head    that of runs/x for next sentences is left out; --nsp trains it on");
    assertStringIncludes((await runCli(["info", "runs/left"], { cwd })).out, "BertForMaskedLM");
    const made = await runCli([...on.with(2, "runs/left"), "--nsp", "--name", "made"], { cwd });
    assertEquals(made.code, 0, made.err);
    assertStringIncludes(
      made.out,
      "head    runs/left has none for next sentences: a new one begins with random weights",
    );
  }));

Deno.test("train --nsp says that a text has no two sentences in a document", () =>
  inTemporaryFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/a.txt`, "only one here\n".repeat(500));
    const result = await runCli([...run.map((arg) => arg === "stories" ? "a.txt" : arg), "--name", "x"], { cwd });
    assertEquals(result.code, 1, result.out);
    assertMatch(
      result.err,
      /^error: Cannot predict next sentences: no document of .* text has two; --document paragraph or file says/,
    );
    assertEquals(result.err.split("\n").length, 2);
  }));
