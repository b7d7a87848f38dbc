import { assertEquals } from "@std/assert";
import { appendMetrics, cutMetrics } from "../../lib/cli/metrics_file.ts";
import { endNote } from "../../lib/cli/run_end.ts";
import { claimName } from "../../lib/cli/run_claim.ts";
import { runMetrics } from "../helpers/run_losses.ts";
import { writeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const skipped = { kind: "skipped", step: 4, tokens: 40, seconds: 2, loss: NaN, inARow: 1, total: 1 } as const;
const event = { ...skipped, length: 16, maskRate: 0.15, learningRate: 1, gradientNorm: 1, tokensPerSecond: 1 };

Deno.test("endNote() notes how far a run came when it ends, and cutMetrics() takes that back", () =>
  inTemporaryFolder(async (folder) => {
    const claim = await claimName(folder, "a");
    claim.enter();
    claim.begin();
    const { path } = claim;
    await writeRun(path, { metrics: '{"kind":"train","step":4}\n' });
    const end = endNote({ path, claim });
    // before any step nothing is noted, and the end of a run that cannot go on stays
    end.note("stopped");
    assertEquals((await runMetrics(path)).length, 1);
    end.event(event);
    end.note("stopped");
    assertEquals((await runMetrics(path)).at(-1), { kind: "end", state: "stopped", step: 4, tokens: 40, seconds: 2 });
    await cutMetrics(path, 4);
    assertEquals((await runMetrics(path)).length, 1);
    // a folder that another process has taken is left alone
    claim.release();
    await Deno.writeTextFile(`${path}/lock`, JSON.stringify({ host: "elsewhere", process: 1, since: "" }));
    end.note("finished");
    assertEquals((await runMetrics(path)).length, 1);
    appendMetrics(path, { kind: "rate", step: 4 });
    assertEquals((await runMetrics(path)).length, 2);
  }));
