// TensorBoard's own reader, where Python has it (pip install tensorboard): no package of Debian's does.
import { assertEquals } from "@std/assert";
import { tensorboardFile } from "../../lib/cli/tensorboard.ts";
import type { TrainEvent } from "../../lib/train/events.ts";
import { runPython } from "../helpers/python.ts";
import { stepLine } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
tags = events.Tags()["scalars"]
print(json.dumps({tag: [[point.step, point.value] for point in events.Scalars(tag)] for tag in tags}))
`;

function hasTensorBoard(): boolean {
  try {
    runPython("python3", ["-c", "import tensorboard.backend.event_processing.event_accumulator"]);
    return true;
  } catch {
    return false;
  }
}

Deno.test({
  name: "TensorBoard reads event files, and of a run that was resumed each step once",
  ignore: !hasTensorBoard(),
  fn: () =>
    inTemporaryFolder(async (path) => {
      const eventOf = (line: string) => JSON.parse(line) as TrainEvent;
      const first = await tensorboardFile(path, { step: 0 });
      for (const step of [1, 2, 3, 4, 5]) await first.event(eventOf(stepLine(step, { loss: step })));
      await first.event(eventOf(stepLine(2, { kind: "validation", loss: 2.5 })));
      first.close!();
      const second = await tensorboardFile(path, { step: 3 });
      for (const step of [4, 5, 6]) await second.event(eventOf(stepLine(step, { loss: 10 * step })));
      second.close!();
      const series = JSON.parse(runPython("python3", ["-c", script, path])) as Record<string, unknown>;
      assertEquals(series["train/loss"], [[1, 1], [2, 2], [3, 3], [4, 40], [5, 50], [6, 60]]);
      assertEquals(series["validation/loss"], [[2, 2.5]]);
      assertEquals(Object.keys(series).length, 9);
    }),
});
