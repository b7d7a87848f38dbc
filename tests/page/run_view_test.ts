import { assertEquals } from "@std/assert";
import { runFacts, shareDone } from "../../lib/page/run_facts.ts";
import { createRunView } from "../../lib/page/run_view.ts";
import { runConfig, stepLine } from "../helpers/run_folders.ts";

Deno.test("createRunView() gathers steps, validations and what went wrong, and passes over what it cannot read", () => {
  const view = createRunView("runs/a", "a");
  view.configure(runConfig(1e-3, 4));
  const lines = [
    stepLine(1),
    stepLine(1, { kind: "validation", loss: 3 }),
    '{"kind":"skipped","step":2,"loss":"NaN"}',
    '{"kind":"spike","step":3,"loss":9}',
    '{"kind":"train","step":',
    "[]",
    '{"kind":"learning rate","from":1}',
    '{"kind":"train","step":3,"tokens":3000,"seconds":1,"loss":null,"accuracy":"NaN"}',
    stepLine(3, { kind: "validation", loss: 4 }),
  ];
  for (const line of lines) view.metric(line);
  const { message } = view.since(undefined)!;
  assertEquals([message.state, message.done, message.best], ["stopped", 0.75, { step: 1, loss: 3, accuracy: 0.001 }]);
  assertEquals(message.incidents, { skipped: 1, spikes: 1 });
  assertEquals(message.train!.columns.step, [1, 3]);
  assertEquals(message.train!.columns.loss!.at(-1), null);
  assertEquals(message.validation!.columns.loss, [3, 4]);
  view.setRunning(true);
  assertEquals(view.since(undefined)!.message.state, "running");
});

Deno.test("createRunView() tells each listener what is new to it, and all where the metrics were written anew", () => {
  const view = createRunView("runs/a", "a");
  for (const step of [1, 2, 3]) view.metric(stepLine(step));
  const { place } = view.since(undefined)!;
  assertEquals(view.since(place), undefined);
  view.metric(stepLine(4));
  const news = view.since(place)!;
  assertEquals([news.message.train!.from, news.message.train!.columns.step], [2, [3, 4]]);
  assertEquals([news.message.validation, news.message.samples], [undefined, undefined]);
  view.forgetMetrics();
  for (const step of [1, 2]) view.metric(stepLine(step));
  assertEquals(view.since(news.place)!.message.train!.from, 0);
  assertEquals(view.since(news.place)!.message.train!.columns.step, [1, 2]);
});

Deno.test("createRunView() replaces samples of steps that a run does once more, and keeps a bounded number", () => {
  const view = createRunView("runs/a", "a");
  const line = (step: number) => JSON.stringify({ step, samples: [["a", ["b", "c"], 1, ["d"]]] });
  const steps = () => view.since(undefined)!.message.samples!.steps;
  for (const step of [10, 20, 30, 20]) view.sample(line(step));
  assertEquals(steps(), [10, 20]);
  assertEquals(view.since(undefined)!.message.samples!.told[0]!.samples, [["a", ["b", "c"]]]);
  for (let step = 30; step <= 5000; step += 10) view.sample(line(step));
  assertEquals([steps().length <= 60, steps()[0], steps().at(-1)], [true, 10, 5000]);
});

Deno.test("createRunView() tells of samples only those that are new, with candidates that can be shown", () => {
  const view = createRunView("runs/a", "a");
  const told = (step: number, entry: unknown) => view.sample(JSON.stringify({ step, samples: [[entry]] }));
  told(10, ["a", "b", [["b", 0.5], ["a", 0.25], ["c", "0.1"], ["d", 2], ["e", null], 7, [3, 0.1]]]);
  const first = view.since(undefined)!;
  assertEquals(first.message.samples, {
    steps: [10],
    told: [{ step: 10, samples: [[["a", "b", [["b", 0.5], ["a", 0.25]]]]] }],
  });
  told(20, ["a", "b", "odd"]);
  const second = view.since(first.place)!;
  assertEquals(second.message.samples, { steps: [10, 20], told: [{ step: 20, samples: [[["a", "b"]]] }] });
  view.metric(stepLine(1));
  assertEquals(view.since(second.place)!.message.samples, undefined);
  view.forgetSamples();
  assertEquals(view.since(second.place)!.message.samples, { steps: [], told: [] });
});

Deno.test("runFacts() spells settings, and shareDone() knows budgets of steps and tokens", () => {
  assertEquals(runFacts(runConfig(2.8284271e-3)), {
    corpus: "book.txt",
    preset: "modernbert",
    layers: "2",
    budget: "1,000 steps",
    "learning rate peak": "0.002828",
    "learning rate warmup": "5%",
    device: "CPU",
  });
  assertEquals(runFacts({ training: { curriculum: [{ length: 32, share: 0.2 }, { length: 64, share: 0.8 }] } }), {
    curriculum: "32:20%, 64:80%",
  });
  const one = { training: { budget: { minutes: 1 } }, text: { data: ["a.txt"] } };
  assertEquals(runFacts(one), { budget: "1 minute", corpus: "a.txt" });
  for (const odd of [undefined, null, 3, "a", [], { model: null, training: 7 }]) assertEquals(runFacts(odd), {});
  const at = { step: 5, tokens: 50 };
  const done = (budget: unknown) => shareDone({ training: { budget } }, at);
  assertEquals([done({ steps: 10 }), done({ tokens: 25 }), done({ minutes: 3 }), done(undefined)], [
    0.5,
    1,
    undefined,
    undefined,
  ]);
});
