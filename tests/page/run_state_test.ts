import { assertEquals } from "@std/assert";
import { endingOf, type RunSigns, runState } from "../../lib/page/run_state.ts";
import { createRunView } from "../../lib/page/run_view.ts";
import { stepLine } from "../helpers/run_folders.ts";

Deno.test("runState() tells running, finished, stopped and diverged, budgets by the clock included", () => {
  const signs: RunSigns = { isRunning: false, ending: undefined, done: undefined, isKept: true };
  const cases: [Partial<RunSigns>, ReturnType<typeof runState>][] = [
    [{ isRunning: true, ending: "finished", done: 1 }, "running"],
    // killed, by the clock and before its end
    [{}, "stopped"],
    [{ done: 0.99 }, "stopped"],
    // of earlier versions, which noted no end
    [{ done: 1 }, "finished"],
    // killed in the last validation
    [{ done: 1, isKept: false }, "stopped"],
    [{ ending: "finished" }, "finished"],
    [{ ending: "stopped", done: 0.5 }, "stopped"],
    // Ctrl-C in the very last step
    [{ ending: "stopped", done: 1 }, "finished"],
    [{ ending: "diverged", done: 1 }, "diverged"],
  ];
  for (const [given, state] of cases) assertEquals([given, runState({ ...signs, ...given })], [given, state]);
  assertEquals(endingOf({ kind: "end", state: "finished" }), "finished");
  for (const line of [{ kind: "end", state: "x" }, { kind: "train", state: "finished" }, {}]) {
    assertEquals(endingOf(line), undefined);
  }
});

Deno.test("createRunView() believes the end that the last line tells, and no earlier one", () => {
  const view = createRunView("runs/a", "a");
  view.configure({ training: { budget: { minutes: 5 } } });
  const state = () => view.since(undefined)!.message.state;
  view.metric(stepLine(1));
  assertEquals(state(), "stopped");
  const { place } = view.since(undefined)!;
  view.metric('{"kind":"end","state":"finished","step":1}');
  // a page that looks on hears of it
  assertEquals(view.since(place)!.message.state, "finished");
  view.metric(stepLine(2));
  assertEquals(state(), "stopped");
  view.metric('{"kind":"end","state":"diverged","step":2}');
  view.forgetMetrics();
  assertEquals(state(), "stopped");
});
