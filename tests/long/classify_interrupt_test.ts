import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { exists } from "../../lib/files/paths.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { runCli, spawnCli } from "../helpers/run_cli.ts";
import { writeModel } from "../helpers/model_files.ts";
import { saidUntil } from "../helpers/said_until.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const tokenizer = (await vocabularies())["framed wordpiece"]!;
const cpu = ["--device", "cpu", "--threads", "1"];

const training = ["classify", "train", "base", "--data", "data.csv", "--test", "test.csv", "--out", "out", ...cpu];

/** Starts a training that would take minutes; gives what it says once it has looked at what is held out. */
async function started(cwd: string) {
  const sizes = { layers: 1, width: 32, heads: 2, hidden: 48, maxLength: 32 };
  await writeModel(`${cwd}/base`, modelConfig({ ...sizes, vocab: tokenizer.size }), tokenizer);
  const rows = (first: number) =>
    Array.from(
      { length: 64 },
      (_, i) => i % 2 === 0 ? `the red ball ${first + i},thing` : `where is it ${first + i},question`,
    );
  for (const [name, first] of [["data", 0], ["test", 64]] as const) {
    await Deno.writeTextFile(`${cwd}/${name}.csv`, ["text,label", ...rows(first)].join("\n") + "\n");
  }
  const child = spawnCli([...training, "--steps", "20000", "--patience", "1000"], { cwd }).spawn();
  return { child, said: await saidUntil(child, "held out: loss") };
}

Deno.test("classify train writes the best weights so far on Ctrl-C, and says so", () =>
  inTemporaryFolder(async (cwd) => {
    const { child, said } = await started(cwd);
    child.kill("SIGINT");
    const out = await said.rest();
    const [{ code }] = await Promise.all([child.status, child.stderr.cancel()]);
    assertEquals(code, 130, out);
    assertStringIncludes(out, "finishing the step and saving; again to stop at once");
    assertMatch(
      out,
      /interrupted after step [\d,]+ of 20,000: (the weights of step [\d,]+, the best so far, are|its weights are) kept/,
    );
    assertStringIncludes(out, "classify eval out --data test.csv");
    assertStringIncludes(out, "classifier in out");
    assertMatch(await Deno.readTextFile(`${cwd}/out/README.md`), /interrupted before the end of 20,000/);
    const { code: predicted, out: line } = await runCli(["classify", "predict", "out", "the red ball", ...cpu], {
      cwd,
    });
    assertEquals([predicted, JSON.parse(line).label], [0, "thing"]);
  }));

for (const [how, signals] of [["a second Ctrl-C", ["SIGINT", "SIGINT"]], ["kill -9", ["SIGKILL"]]] as const) {
  Deno.test(`classify train leaves nothing half written after ${how}`, () =>
    inTemporaryFolder(async (cwd) => {
      const { child, said } = await started(cwd);
      for (const signal of signals) {
        try {
          child.kill(signal);
        } catch {
          // it has ended
        }
        await new Promise((resolve) => setTimeout(resolve, 80));
      }
      await said.rest();
      await Promise.all([child.status, child.stderr.cancel()]);
      // an interrupt that was quick saved, and is whole then
      const isThere = await exists(`${cwd}/out`);
      if (signals[0] === "SIGINT") assertEquals(isThere, await exists(`${cwd}/out/config.json`));
      // who is killed cannot remove its lock, which is no longer one
      else assertEquals([...Deno.readDirSync(`${cwd}/out`)].map(({ name }) => name), [".training"]);
      if (await exists(`${cwd}/out/config.json`)) return;
      const { code, err } = await runCli([...training, "--steps", "2"], { cwd });
      assertEquals([code, await exists(`${cwd}/out/config.json`)], [0, true], err);
    }));
}
