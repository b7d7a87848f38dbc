import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Device } from "../../lib/device/device.ts";
import { alteredDevice } from "../../lib/device/altered_device.ts";
import { bucketCuts, type GradientBucket } from "../../lib/model/buckets.ts";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";

const shape = { windows: 3, length: 7, capacity: 5 };
const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

function randomBatch() {
  const next = random(2);
  const { windows, length } = shape;
  const draw = () => Math.floor(next() * 13);
  const ids = Uint32Array.from({ length: windows * length }, draw);
  const maskedRows = Uint32Array.of(1, 8, 16);
  return { windows, length, ids, original: ids, maskedRows, labels: maskedRows.map((row) => ids[row]!) };
}

/** First floats and lengths of a bucket's gradients. */
const placesOf = ({ tensors }: GradientBucket) =>
  tensors.filter(({ name }) => name === "gradients").map(({ storage, size }) => [storage!.offset / 4, size] as const);

/** The sections that a program was built of, and their kernels. */
async function recorded(device: Device, build: (device: Device) => Promise<unknown>) {
  const built: [string, string[]][] = [];
  await build(alteredDevice(device, {
    build(recording) {
      for (const [name, calls] of recording.sections) built.push([name, calls.map(({ kernel }) => kernel)]);
      return device.build(recording);
    },
  }));
  return built.filter(([, kernels]) => kernels.length > 0);
}

for (const preset of presets) {
  const config = modelConfig({
    ...{ preset, vocab: 13, layers: 2, width: 24, heads: 2, hidden: 20, maxLength: 9, dropout: 0.1 },
  });
  const tied = preset !== "labml";

  kindTest(`compileTraining() of ${preset} cuts gradients into buckets that nothing changes later`, async (device) => {
    const model = createModel(device, config);
    const { store } = model;
    const batch = randomBatch();
    for (const [bucket, recomputes] of [[1, false], [2000, true], [Infinity, false]] as const) {
      const program = await model.compileTraining(shape, optimizer, { bucket, recomputes });
      model.clearSums();
      model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale: 0.2, learningRate: 0, optimizer });
      program.write(batch);
      const early: Float32Array[] = [];
      for (const { section, tensors } of program.buckets) {
        program.program.run(section);
        early.push(...(await device.read(tensors)).map((bytes) => new Float32Array(bytes)));
      }
      const late = await device.read(program.buckets.flatMap(({ tensors }) => tensors));
      assertEquals(early, late.map((bytes) => new Float32Array(bytes)));
      assert(early.some((values) => values.some((value) => value !== 0)));
      const places = program.buckets.flatMap(placesOf).sort(([a], [b]) => a - b);
      const ends = places.map(([begin, size]) => begin + size);
      assertEquals(places.map(([begin]) => begin), [0, ...ends.slice(0, -1)]);
      assertEquals(ends.at(-1), store.gradients.size);
      const embedding = store.offsetOf(store.specs.find(({ embedding }) => embedding)!.name);
      // a decoder's weight at the beginning, an embedding at the end; only those of positions and types may come later
      const first = program.buckets.findIndex((bucket) => placesOf(bucket).some(([begin]) => begin === embedding));
      if (tied) assertGreater(first, program.buckets.length - 4);
      if (bucket === 1) assertGreater(program.buckets.length, 8);
      if (bucket === Infinity) assertEquals(program.buckets.map(({ section }) => section), ["gradients"]);
      program.destroy();
    }
    model.destroy();
  });
}

kindTest("compileTraining() in buckets has the same gradients to the bit, of the same kernels", async (device) => {
  const config = modelConfig({ vocab: 13, layers: 2, width: 24, heads: 2, hidden: 20, maxLength: 9 });
  const results: unknown[] = [];
  const sections: [string, string[]][][] = [];
  for (const bucket of [undefined, 2000]) {
    sections.push(
      await recorded(device, async (device) => {
        const model = createModel(device, config);
        const program = await model.compileTraining(shape, optimizer, { bucket });
        model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale: 0.2, learningRate: 0, optimizer });
        program.write(randomBatch());
        program.program.run(...program.buckets.map(({ section }) => section));
        results.push(await device.read([model.store.gradients]));
        program.destroy();
        model.destroy();
      }),
    );
  }
  assertEquals(results[1], results[0]);
  const [whole, cut] = sections;
  assertEquals(whole!.map(([name]) => name), ["gradients", "update"]);
  const names = cut!.map(([name]) => name);
  assertEquals(names, ["gradients", ...names.slice(1, -1).map((_, i) => `gradients ${i + 2}`), "update"]);
  assertGreater(names.length, 3);
  // a graphics card adds up at the end of each part what it would at the end of all
  if (device.kind === "cpu") {
    assertEquals(
      cut!.flatMap(([, kernels]) => kernels),
      whole!.flatMap(([, kernels]) => kernels),
    );
  }
});

kindTest("bucketCuts() joins what is left at the end to the bucket before", async (device) => {
  const model = createModel(
    device,
    modelConfig({ vocab: 13, layers: 1, width: 24, heads: 2, hidden: 20, maxLength: 9 }),
  );
  const { store } = model;
  const call = (name: string) => ({ op: "add", tensors: { y: store.get(name).gradient }, params: {}, choices: {} });
  const names = store.specs.map(({ name }) => name);
  const calls = [...names.slice(1), names[0]!].map(call);
  for (const least of [1, 500, 4000]) {
    const cuts = bucketCuts(calls, store, { least });
    const floats = cuts.map(({ ranges }) => ranges.reduce((sum, { begin, end }) => sum + end - begin, 0));
    assert(floats.every((count) => count >= Math.min(least, store.gradients.size)), floats.join());
    assertEquals(floats.reduce((sum, count) => sum + count), store.gradients.size);
    assertEquals(cuts.at(-1)!.end, calls.length);
    assertGreater(cuts.length, least === 4000 ? 0 : 1);
  }
  // without any call that changes them they are finished from the start
  assertEquals(bucketCuts([], store, { least: 1 }), [{ end: 0, ranges: [{ begin: 0, end: store.gradients.size }] }]);
  model.destroy();
  await Promise.resolve();
});
