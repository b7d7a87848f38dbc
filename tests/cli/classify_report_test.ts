import { assertEquals } from "@std/assert";
import { classifyReporter } from "../../lib/cli/classify_report.ts";
import { openTerminal } from "../../lib/cli/terminal.ts";
import type { ClassifierEvent, TrainingBegins } from "../../lib/classify/train_head.ts";
import { fineTuneSettings } from "../../lib/classify/settings.ts";

/** What a reporter prints of events, behind how training begins. */
function told(events: readonly ClassifierEvent[], { heldOut, ended }: { heldOut: number; ended: boolean | undefined }) {
  let out = "";
  const screen = {
    isTerminal: false,
    canDraw: false,
    size: () => ({ columns: 80, rows: 24 }),
    write: (text: string) => out += text,
  };
  const reporter = classifyReporter(openTerminal({ screen }), { unit: "sentence" });
  const settings = { ...fineTuneSettings({ examples: 100, width: 64 }, { steps: 40 }), evaluateEvery: 20 };
  const classes = { names: ["a", "b"], counts: [50, 50], notes: [] };
  const begin: TrainingBegins = { kind: "begin", examples: 100, heldOut, classes, settings };
  reporter.hear(begin);
  const before = out.length;
  for (const event of events) reporter.hear(event);
  reporter.end(ended === undefined ? undefined : { isInterrupted: ended });
  return out.slice(before).split("\n").slice(0, -1);
}

const steps = (step: number): ClassifierEvent => ({ kind: "steps", step, steps: 40, loss: 2 - step / 40 });
const look = (step: number, isBest: boolean): ClassifierEvent => ({
  ...{ kind: "validation", step, loss: 0.5, accuracy: 0.75, isBest },
});

Deno.test("classifyReporter() tells looks and which weights are kept, and of a training that failed nothing of the kind", () => {
  const looks = [
    "step 20  held out: loss 0.5000, accuracy 75.0%",
    "step 40  held out: loss 0.5000, accuracy 75.0%  no better",
  ];
  const events = [steps(20), look(20, true), steps(28), steps(40), look(40, false)];
  assertEquals(told(events, { heldOut: 10, ended: false }), [
    ...looks,
    "kept     the weights of step 20, the best ones",
  ]);
  assertEquals(told(events, { heldOut: 10, ended: undefined }), looks);
  assertEquals(told([...events.slice(0, 3)], { heldOut: 10, ended: true }), [
    looks[0],
    "interrupted after step 28 of 40: the weights of step 20, the best so far, are kept",
  ]);
});

Deno.test("classifyReporter() tells the loss of training where nothing is held out, after a head was fitted", () => {
  const fitting = [0, 0.5, 1].map((share): ClassifierEvent => ({ kind: "head", share }));
  assertEquals(told([...fitting, steps(8), steps(20), steps(28), steps(40)], { heldOut: 0, ended: false }), [
    "step 20  training loss 1.5000",
    "step 40  training loss 1.0000",
  ]);
  assertEquals(told(fitting, { heldOut: 0, ended: true }), []);
});
