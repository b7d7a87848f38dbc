import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { memoryFolder } from "../../format.ts";
import { KernelError } from "../../kernels.ts";
import { CpuDevice } from "../../lib/device/cpu/cpu_device.ts";
import { load } from "../../mod.ts";
import type { ModelFacts, TabEvent, TabFiles, TabRequest, TabSettings } from "../../tab/messages.ts";
import { createSession, problemOf, type Session } from "../../tab/session.ts";
import { storiesText } from "../../tab/stories.ts";

const text = await storiesText(20);

const settings: TabSettings = {
  device: "cpu",
  size: "tiny",
  vocabulary: "char",
  vocabularySize: 300,
  budget: { steps: 12 },
  length: 16,
  batchTokens: 64,
  seed: 1,
};

/** A session and what it told. */
function session(): { session: Session; events: TabEvent[]; losses: () => number[] } {
  const events: TabEvent[] = [];
  const losses = () =>
    events.flatMap((event) => event.kind === "lines" ? event.metrics : []).map((line) => JSON.parse(line))
      .filter(({ kind }) => kind === "train").map(({ loss }) => loss);
  return { session: createSession((event) => events.push(event)), events, losses };
}

const train = (start: "new" | "on" | "further", more: Partial<TabSettings> = {}, own = text): TabRequest => ({
  kind: "train",
  start,
  text: own,
  settings: { ...settings, ...more },
});

const problem = async (answer: Promise<unknown>) => problemOf(await assertRejects(() => answer));

/** Trains, and stops as soon as steps were told. */
async function trainAndStop(tab: ReturnType<typeof session>, request: TabRequest): Promise<ModelFacts> {
  const answer = tab.session.answer(request);
  const before = tab.losses().length;
  while (tab.losses().length === before) await new Promise((resolve) => setTimeout(resolve, 1));
  await tab.session.answer({ kind: "stop" });
  return await answer as ModelFacts;
}

Deno.test("a session trains, tells its steps and samples, and fills in meanwhile and afterwards", async () => {
  const { session: tab, events, losses } = session();
  const training = tab.answer(train("new", { budget: { steps: 30 }, batchTokens: 128 }));
  assertEquals(await problem(tab.answer(train("new"))), "The model is being trained: stop it first");
  const [meanwhile, facts] = await Promise.all([
    tab.answer({ kind: "fill", text: "a b[MASK]ll" }).catch(problemOf),
    training,
  ]);
  // the first thing that is asked comes before there is a model
  assertEquals(meanwhile, "There is no model yet: train one, or load one");
  const { step, unfinished, deviceBytes } = facts as ModelFacts;
  assertEquals([step, unfinished, losses().length], [30, undefined, 30]);
  assertGreater(deviceBytes, 100_000);
  assertLess(losses().at(-1)!, losses()[0]! - 0.5);
  const samples = events.flatMap((event) => event.kind === "lines" ? event.samples : []).map((line) =>
    JSON.parse(line)
  );
  assertEquals(samples.map(({ step }) => step), [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]);
  const { filled, places } = await tab.answer({ kind: "fill", text: "a b[MASK]ll" }) as never;
  assertEquals([(filled as string).length, (places as { candidates: [] }[])[0]!.candidates.length], [6, 5]);
});

Deno.test("a run that is stopped, saved, loaded and goes on has the losses of one that was left alone", async () => {
  const whole = session();
  await whole.session.answer(train("new", { budget: { steps: 40 } }));
  const first = session();
  const { unfinished, step } = await trainAndStop(first, train("new", { budget: { steps: 40 } }));
  assert(unfinished && step > 0 && step < 40);
  const files = await first.session.answer({ kind: "save", name: "m" }) as TabFiles;
  const second = session();
  const loaded = await second.session.answer({ kind: "load", from: { name: "m", files }, device: "cpu" }) as ModelFacts;
  assertEquals([loaded.step, loaded.unfinished?.settings], [step, { ...settings, budget: { steps: 40 } }]);
  const other = await problem(second.session.answer(train("on", { budget: { steps: 40 } }, `${text} `)));
  assertEquals(
    other,
    "The run was stopped in another text: put that text back, or train the model further on this one",
  );
  const end = await second.session.answer(train("on", { budget: { steps: 40 } })) as ModelFacts;
  assertEquals([end.step, end.unfinished], [40, undefined]);
  assertEquals([...first.losses(), ...second.losses()], whole.losses());
  // it also goes on where it was stopped
  await first.session.answer(train("on", { budget: { steps: 40 } }));
  assertEquals(first.losses(), whole.losses());
  const question = { kind: "fill", text: "Anna has a red b[MASK]ll." } as const;
  assertEquals(await second.session.answer(question), await whole.session.answer(question));
  assertEquals(await problem(first.session.answer(train("on"))), "There is no run to go on with");
});

Deno.test("what is saved is a model that everybody loads, with its card", async () => {
  const { session: tab } = session();
  await tab.answer(train("new", { vocabulary: "wordpiece" }));
  const files = await tab.answer({ kind: "save", name: "my-model" }) as TabFiles;
  const names = ["README.md", "config.json", "model.safetensors", "optimizer.safetensors", "tab.json"];
  assertEquals([...files.keys()].filter((name) => names.includes(name)).sort(), names.sort());
  assert((await files.get("README.md")!.text()).includes("# my-model"));
  const folder = memoryFolder("saved", new Map([...files].map(([name, file]) => [name, [file]])));
  using model = await load(folder, { device: "cpu", threads: 1 });
  const { filled, masks } = await model.fill("Anna has a red [MASK].");
  const told = await tab.answer({ kind: "fill", text: "Anna has a red [MASK]." });
  assertEquals(told, { filled, places: masks.map(({ candidates }) => ({ candidates })) });
  // a model that was loaded without a run is saved without one
  const plain = new Map([...files].filter(([name]) => !["tab.json", "training.json"].includes(name)));
  const { session: second, events } = session();
  const facts = await second.answer({ kind: "load", from: { name: "m", files: plain }, device: "cpu" }) as ModelFacts;
  assertEquals([facts.step, facts.unfinished], [0, undefined]);
  const again = await second.answer({ kind: "save", name: "m" }) as TabFiles;
  assert(!again.has("optimizer.safetensors"));
  assertEquals(await again.get("model.safetensors")!.bytes(), await files.get("model.safetensors")!.bytes());
  // and may be trained further
  const further = await second.answer(train("further")) as ModelFacts;
  assertEquals([further.step, further.vocabulary], [12, "wordpiece"]);
  assertEquals(events.filter(({ kind }) => kind === "notice"), []);
  await second.answer(train("further", {}, "ganz ☃ andere ☃ Wörter\n".repeat(60)));
  const notice = events.find((event) => event.kind === "notice");
  assert(/^\d+% of the text is unknown to this model's vocabulary, such as .*“☃”/.test(notice!.text), notice!.text);
});

Deno.test("what cannot be done is said in a sentence, and the model that was there stays", async () => {
  const { session: tab, losses } = session();
  const failed = (request: TabRequest) => problem(tab.answer(request));
  assertEquals(await failed(train("further")), "There is no model to train on: train a new one, or load one");
  assertEquals(await failed({ kind: "save", name: "m" }), "There is no model yet: train one, or load one");
  await tab.answer(train("new"));
  const question = { kind: "fill", text: "a [MASK]all" } as const;
  const before = await tab.answer(question);
  const count = losses().length;
  assertEquals(await failed(train("new", {}, " \n")), "There is no text to train on");
  assertEquals(
    await failed(train("new", { length: 128, batchTokens: 128 }, text.slice(0, 900))),
    "The text is too short for windows of 128 tokens: its validation part has 91 (a tenth of it is held back to measure); " +
      "paste more, or choose shorter windows",
  );
  const wrong: [Partial<TabSettings>, string][] = [
    [{ budget: { steps: 0 } }, "Steps must be a whole number from 1 to 10,000,000"],
    [{ budget: { minutes: NaN } }, "Minutes must be a number from 0.05 to 1,440"],
    [{ length: 7.5 }, "Final window length must be a whole number from 8 to 512"],
    [{ batchTokens: 16, length: 32 }, "A step of 16 tokens has no room for a window of 32"],
    [{ learningRate: 2 }, "The learning rate must be a number from 0.000001 to 1"],
    [{ vocabulary: "bpe", vocabularySize: 5 }, "Tokens of the vocabulary must be a whole number from 100 to 30,000"],
    [{ device: "gpu" as never }, "There is no device called gpu"],
  ];
  for (const [more, sentence] of wrong) assertEquals(await failed(train("new", more)), sentence);
  assertEquals(
    await failed(train("further", { length: 512, batchTokens: 512 })),
    "This model reads at most 256 tokens: windows of 512 are too long",
  );
  assertEquals(
    await failed({ kind: "fill", text: "nothing hidden" }),
    'Cannot fill "nothing hidden": it has no [MASK]',
  );
  const load = (files: TabFiles): TabRequest => ({ kind: "load", from: { name: "a.zip", files }, device: "cpu" });
  assert((await failed(load(new Map([["a.txt", new Blob(["a"])]])))).startsWith("Cannot use a.zip: "));
  const files = await tab.answer({ kind: "save", name: "m" }) as TabFiles;
  const cut = new Map(files).set("model.safetensors", files.get("model.safetensors")!.slice(0, 5000));
  assert((await failed(load(cut))).includes("model.safetensors"));
  assertEquals([await tab.answer(question), losses().length], [before, count]);
  // a note that is damaged is no reason not to load the model
  for (const note of ["", "{}", "null", '{"settings":{},"text":{"crc":1,"characters":2}}']) {
    const facts = await tab.answer(load(new Map(files).set("tab.json", new Blob([note])))) as ModelFacts;
    assertEquals([facts.step, facts.unfinished], [0, undefined]);
  }
});

Deno.test("ten runs, fills and loads hold no more memory than one", async () => {
  const { session: tab } = session();
  const [trained, read]: number[][] = [[], []];
  for (let i = 0; i < 10; i++) {
    const facts = await tab.answer(train("new", { budget: { steps: 2 }, seed: i })) as ModelFacts;
    await tab.answer({ kind: "fill", text: "a [MASK]all" });
    await problem(tab.answer(train("new", {}, text.slice(0, 30))));
    const files = await tab.answer({ kind: "save", name: "m" }) as TabFiles;
    const loaded = await tab.answer({ kind: "load", from: { name: "m", files }, device: "cpu" }) as ModelFacts;
    trained!.push(facts.deviceBytes);
    read!.push(loaded.deviceBytes);
  }
  assertEquals([new Set(trained).size, new Set(read).size], [1, 1], `${trained} ${read}`);
});

/** Makes the next program that trains fail in a step, in one of its sections. */
function failOnce(at: number, section: "gradients" | "update"): void {
  const { build } = CpuDevice.prototype;
  CpuDevice.prototype.build = async function (recording) {
    const program = await build.call(this, recording);
    if (!recording.sections.has("update")) return program;
    CpuDevice.prototype.build = build;
    let steps = 0;
    const run = (...sections: string[]) => {
      if (sections.includes("update") && ++steps === at) throw new KernelError("a thread is gone", section);
      program.run(...sections);
    };
    return { ...program, run };
  };
}

Deno.test("a run whose device fails goes on from its latest checkpoint, on the device opened anew", async () => {
  const whole = session();
  await whole.session.answer(train("new"));
  const question = { kind: "fill", text: "a [MASK]all" } as const;
  const answer = await whole.session.answer(question);
  const { session: tab } = session();
  // at the update of step 8 the latest checkpoint is that of the half; in its gradients, that of step 7
  for (const [section, step] of [["update", 6], ["gradients", 7]] as const) {
    failOnce(8, section);
    assertEquals(await problem(tab.answer(train("new"))), "a thread is gone");
    const facts = await tab.answer({ kind: "facts" }) as ModelFacts;
    assertEquals([facts.step, facts.unfinished?.settings], [step, settings]);
    await tab.answer(train("on"));
    assertEquals(await tab.answer(question), answer);
  }
  failOnce(1, "update");
  assertEquals(await problem(tab.answer(train("new"))), "a thread is gone");
  assertEquals(await tab.answer({ kind: "facts" }), undefined);
  assertEquals(await problem(tab.answer(question)), "There is no model yet: train one, or load one");
});
