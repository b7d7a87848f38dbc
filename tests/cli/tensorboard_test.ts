import { assert, assertEquals, assertRejects } from "@std/assert";
import { crc32c } from "../../lib/cli/event_records.ts";
import { eventFilesIn, exportEvents, scalarsOf, tensorboardFile } from "../../lib/cli/tensorboard.ts";
import type { TrainEvent } from "../../lib/train/events.ts";
import { canReadEvents, readEvents as read } from "../helpers/read_events.ts";
import { stepLine } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const eventOf = (line: string) => JSON.parse(line) as TrainEvent;
const nextSentence = { loss: 0.5, accuracy: 0.75 };

Deno.test("crc32c() gives the sums of RFC 3720", () => {
  const rising = Uint8Array.from({ length: 32 }, (_, i) => i);
  const sums: [Uint8Array, number][] = [
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [rising, 0x46dd794e],
    [rising.toReversed(), 0x113fdb5c],
    [new TextEncoder().encode("123456789"), 0xe3069283],
    [new Uint8Array(), 0],
  ];
  for (const [bytes, sum] of sums) assertEquals(crc32c(bytes), sum);
});

Deno.test("scalarsOf() takes what is drawn of each kind of line, and nothing of others", () => {
  const train = scalarsOf({ ...JSON.parse(stepLine(3)), nextSentence })!;
  assertEquals(Object.keys(train), [
    "train/loss",
    "train/accuracy",
    "train/learning_rate",
    "train/gradient_norm",
    "train/length",
    "train/mask_rate",
    "train/tokens_per_second",
    "train/next_sentence_loss",
    "train/next_sentence_accuracy",
  ]);
  assertEquals(scalarsOf({ kind: "skipped", step: 1, loss: "NaN" }), { "train/loss": NaN });
  assertEquals(scalarsOf({ kind: "validation", step: 1, loss: null }), { "validation/loss": NaN });
  for (const kind of ["rate", "end", "samples", "constructor", undefined]) {
    assertEquals(scalarsOf({ kind, step: 1, loss: 1 }), undefined);
  }
  assertEquals(scalarsOf({ kind: "train", step: "x" }), undefined);
});

Deno.test({
  name: "tensorboardFile() is read by another program, goes on where a run is resumed, and takes back what came after",
  ignore: !canReadEvents,
  fn: () =>
    inTemporaryFolder(async (path) => {
      const first = await tensorboardFile(path, { step: 0 });
      for (const step of [1, 2, 3, 4, 5]) await first.event(eventOf(stepLine(step, { loss: step })));
      await first.event(eventOf(stepLine(5, { kind: "validation", loss: 2.5 })));
      await first.event({ kind: "samples", step: 5, samples: [] });
      first.close!();
      const second = await tensorboardFile(path, { step: 3 });
      for (const step of [4, 5]) await second.event(eventOf(stepLine(step, { loss: 10 * step })));
      await second.event({ ...eventOf(stepLine(6, { kind: "skipped" })), loss: NaN } as TrainEvent);
      second.close!();
      const { versions, series } = read(path);
      assertEquals(versions, ["brain.Event:2", "brain.Event:2"]);
      assertEquals(series["train/loss"], [[1, 1], [2, 2], [3, 3], [4, 40], [5, 50], [6, null]]);
      assertEquals(series["validation/loss"], []);
      assertEquals(series["train/learning_rate"]!.map(([step]) => step), [1, 2, 3, 4, 5, 6]);
      assertEquals(series["train/mask_rate"]![0]![1], Math.fround(0.15));
      // a run of many steps, begun by an earlier version
      const large = await tensorboardFile(path, { step: 2 ** 40 });
      await large.event(eventOf(stepLine(2 ** 40 + 1)));
      large.close!();
      assertEquals(read(path).series["train/loss"]!.at(-1)![0], 2 ** 40 + 1);
    }),
});

Deno.test({
  name:
    "tensorboardFile() tells of the steps before where a run is resumed without event files, and exportEvents() of all",
  ignore: !canReadEvents,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      const path = `${folder}/run`;
      await Deno.mkdir(path);
      const lines = [1, 2, 3].map((step) => stepLine(step, { loss: step })).join("");
      const other = '{"kind":"rate","step":3,"peak":1,"before":2,"why":"asked"}\n{"kind":"tr';
      await Deno.writeTextFile(`${path}/metrics.jsonl`, lines + stepLine(3, { kind: "validation", loss: 7 }) + other);
      const file = await exportEvents(path, folder);
      assertEquals(await eventFilesIn(folder), [file.split("/").at(-1)]);
      const told = read(folder).series;
      assertEquals([told["train/loss"], told["validation/loss"]], [[[1, 1], [2, 2], [3, 3]], [[3, 7]]]);
      const reporter = await tensorboardFile(path, { step: 3 });
      await reporter.event(eventOf(stepLine(4, { loss: 4 })));
      reporter.close!();
      assertEquals(read(path).series["train/loss"], [[1, 1], [2, 2], [3, 3], [4, 4]]);
      await assertRejects(() => exportEvents(`${folder}/none`, folder));
    }),
});

Deno.test("tensorboardFile() gives each file a name that is read after those before it", () =>
  inTemporaryFolder(async (path) => {
    for (let i = 0; i < 3; i++) (await tensorboardFile(path, { step: i })).close!();
    // a clock that was put back, and a file of another program
    await Deno.writeTextFile(`${path}/events.out.tfevents.1999999999.host.12.0`, "");
    (await tensorboardFile(path, { step: 9 })).close!();
    const names = await eventFilesIn(path);
    assertEquals([names.length, names.at(-1)], [5, "events.out.tfevents.2000000000.cloze"]);
    assert(names.slice(0, 3).every((name) => /^events\.out\.tfevents\.\d{10}\.cloze$/.test(name)));
  }));
