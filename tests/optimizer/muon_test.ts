import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Device } from "../../lib/device/device.ts";
import { alteredDevice } from "../../lib/device/altered_device.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { allocateLossScale, FIRST_LOSS_SCALE } from "../../lib/optimizer/loss_scale.ts";
import { muon, updateSection } from "../../lib/optimizer/muon.ts";
import { type ParameterSpec, ParameterStore } from "../../lib/optimizer/parameter_store.ts";
import { allocateStep } from "../../lib/optimizer/step.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { batchTest, halfTest, kindTest } from "../helpers/devices.ts";
import { normal } from "../helpers/random.ts";
import * as reference from "../reference/model.ts";
import * as muonReference from "../reference/muon.ts";
import * as tape from "../reference/tape.ts";

const options = {
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clip: 1,
  muon: { relativeRate: 5, momentum: 0.95 },
};

/** An embedding and a head around what layers have: squares, tall and wide ones, of some sides several, no multiples of a tile. */
const specs: readonly ParameterSpec[] = [
  { name: "embedding", shape: [9, 12], decay: true },
  { name: "norm", shape: [12], decay: false },
  { name: "tall", shape: [36, 12], decay: true, hidden: true },
  { name: "square", shape: [12, 12], decay: true, hidden: true },
  { name: "bias", shape: [56], decay: false },
  { name: "wide", shape: [12, 36], decay: true, hidden: true },
  { name: "eights", shape: [56, 40], decay: true, hidden: true },
  { name: "squareOfEights", shape: [40, 40], decay: true, hidden: true },
  { name: "wideOfEights", shape: [40, 56], decay: true, hidden: true },
  { name: "othersOfEights", shape: [40, 68], decay: true, hidden: true },
  { name: "dense", shape: [12, 12], decay: true },
];

const valuesOf = (seed: number, scale = 1) =>
  new Map(specs.map(({ name, shape }, i) => [
    name,
    normal(shape.reduce((a, b) => a * b), { seed: 100 * seed + i, scale }),
  ]));

/** A store with its update, ready to run. */
async function prepare(
  device: Device,
  { clip = options.clip, of = specs, every = 1 }: { clip?: number; of?: typeof specs; every?: number } = {},
) {
  const store = new ParameterStore(device, of);
  const step = allocateStep(device, "step");
  const graph = new Graph();
  const settings = { ...options, clip, muon: { ...options.muon, every } };
  for (const section of ["momentum", "update"] as const) {
    graph.section(section);
    muon(graph, store, { ...settings, step, section });
  }
  const program = await graph.compile(device);
  return {
    store,
    step,
    /** One update by these gradients. */
    run(gradients: ReadonlyMap<string, Float32Array>, { t, rate }: { t: number; rate: number }) {
      device.write(store.gradients, store.join(gradients));
      device.write(step.clock, Uint32Array.of(0, t - 1, 0, 0));
      device.write(step.scalars, Float32Array.of(1, rate, 1 / (1 - options.beta1 ** t), 1 / (1 - options.beta2 ** t)));
      program.run(updateSection(settings, t - 1));
    },
    async read() {
      const [values, gradients] = await device.read([store.values, store.gradients]);
      assert(new Float32Array(gradients!).every((value) => value === 0));
      return store.split(new Float32Array(values!));
    },
    destroy() {
      program.destroy();
      store.destroy();
      for (const tensor of Object.values(step)) tensor.storage.buffer.destroy();
    },
  };
}

/** All parameters after some steps, in float64. */
function expectedAfter(
  start: ReadonlyMap<string, Float32Array>,
  gradients: readonly ReadonlyMap<string, Float32Array>[],
  { clip, rate, every = 1 }: { clip: number; rate: number; every?: number },
) {
  const parameters = new Map([...start].map(([name, array]) => [name, Float64Array.from(array)]));
  const outer = new Map([...parameters].filter(([name]) => !specs.find((spec) => spec.name === name)!.hidden));
  const adamW = reference.adamW({ ...options, clip: Infinity });
  const updates = new Map<string, ReturnType<typeof muonReference.muon>>();
  for (const [i, step] of gradients.entries()) {
    const norm = Math.sqrt([...step.values()].reduce((sum, all) => sum + all.reduce((a, g) => a + g * g, 0), 0));
    const factor = clip > 0 && norm > clip ? clip / norm : 1;
    const scaled = new Map([...step].map(([name, array]) => [name, Float64Array.from(array, (g) => factor * g)]));
    const leaves = new Map(specs.map(({ name, shape }) => {
      const leaf = tape.leaf(shape, parameters.get(name)!);
      leaf.grad.set(scaled.get(name)!);
      return [name, leaf];
    }));
    adamW(outer, leaves, rate);
    for (const { name, shape: [, columns], hidden } of specs) {
      if (!hidden) continue;
      const update = updates.get(name) ?? muonReference.muon({ momentum: 0.95, weightDecay: 0.1 });
      updates.set(name, update);
      const rowsOf = (flat: Float64Array) => muonReference.rowsOf(flat, columns!);
      const all = parameters.get(name)!;
      const own = (i + 1) % every === 0 ? 5 * every * rate : 0;
      all.set(update(rowsOf(all), rowsOf(scaled.get(name)!), own).flat());
    }
  }
  return parameters;
}

for (
  const [scale, clip, test] of [
    [1, 1, batchTest],
    [1e-4, 1, kindTest],
    [1e-20, 1, kindTest],
    [1e15, 1, kindTest],
    [1e15, 0, kindTest],
  ] as const
) {
  const start = valuesOf(1);
  const gradients = [2, 3, 4].map((seed) => valuesOf(seed, scale));
  let expected: ReturnType<typeof expectedAfter> | undefined;
  test(`muon() updates by gradients of size ${scale} with clip ${clip} as in float64`, async (device) => {
    const { store, run, read, destroy } = await prepare(device, { clip });
    try {
      device.write(store.values, store.join(start));
      for (const [i, step] of gradients.entries()) run(step, { t: i + 1, rate: 0.01 });
      expected ??= expectedAfter(start, gradients, { clip, rate: 0.01 });
      for (const [name, actual] of await read()) {
        // rounding of 1e-7 in a Gram matrix grows 78-fold twice in what is small: 1e-3 of a step of 0.05
        const isHidden = specs.some((spec) => spec.name === name && spec.hidden);
        assertClose(actual, expected.get(name)!, { atol: isHidden ? 5e-5 : 1e-5, rtol: 1e-5, label: name });
      }
    } finally {
      destroy();
    }
  });
}

kindTest(
  "muon() with an update every other step gathers momentum in between, and goes twice as far",
  async (device) => {
    const [clip, rate, every] = [1, 0.01, 2];
    const [start, gradients] = [valuesOf(1), [2, 3, 4, 5].map((seed) => valuesOf(seed))];
    const { store, run, read, destroy } = await prepare(device, { clip, every });
    const hidden = specs.filter((spec) => spec.hidden).map(({ name }) => name);
    try {
      device.write(store.values, store.join(start));
      for (const [i, step] of gradients.entries()) {
        run(step, { t: i + 1, rate });
        const now = await read();
        if (i === 0) { for (const name of hidden) assertEquals(now.get(name), start.get(name)); }
      }
      const expected = expectedAfter(start, gradients, { clip, rate, every });
      for (const [name, actual] of await read()) {
        // twice what rounding makes of one step
        assertClose(actual, expected.get(name)!, {
          atol: hidden.includes(name) ? 1e-4 : 1e-5,
          rtol: 1e-5,
          label: name,
        });
      }
    } finally {
      destroy();
    }
  },
);

kindTest(
  "muon() makes steps whose singular values lie around 1, and leaves directions without gradient alone",
  async (device) => {
    const { run, read, destroy } = await prepare(device);
    try {
      const gradients = valuesOf(5);
      // all rows of one matrix alike: one direction
      gradients.get("square")!.forEach((_, i, all) => all[i] = all[i % 12]!);
      run(gradients, { t: 1, rate: 0.2 });
      const steps = await read();
      for (const { name, shape: [rows, columns], hidden } of specs) {
        if (!hidden) continue;
        const gain = Math.sqrt(Math.max(1, rows! / columns!));
        const matrix = muonReference.rowsOf(steps.get(name)!, columns!);
        const values = muonReference.singularValues(matrix).map((value) => value / gain);
        if (name === "square") {
          assertAlmostEquals(values[0]!, 1, 0.27);
          assert(values[1]! < 1e-3, `${values}`);
        } else {
          // what does not begin below a hundredth of the norm ends within 0.27 of 1, and nothing above that
          const direction = muonReference.singularValues(muonReference.rowsOf(gradients.get(name)!, columns!));
          const large = direction.filter((value) => value > 0.01 * Math.hypot(...direction)).length;
          assert(large >= 0.8 * values.length);
          assert(values[0]! < 1.2695 && values[large - 1]! > 0.7305, `${name}: ${values}`);
        }
      }
    } finally {
      destroy();
    }
  },
);

kindTest("muon() without gradients only decays, and with those that are not numbers does nothing", async (device) => {
  const { store, step, run, destroy } = await prepare(device);
  const read = async () => {
    const tensors = [store.values, store.gradients, store.firstMoment, store.outerSecondMoment, step.ring];
    return (await device.read(tensors)).map((bytes) => new Float32Array(bytes));
  };
  try {
    const start = valuesOf(6);
    device.write(store.values, store.join(start));
    const zeros = new Map(specs.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b))]));
    run(zeros, { t: 1, rate: 0.01 });
    const [values] = await read();
    for (const [name, actual] of store.split(values!)) {
      const { decay, hidden } = specs.find((spec) => spec.name === name)!;
      const factor = 1 - 0.01 * (hidden ? 5 : 1) * (decay ? 0.1 : 0);
      assertClose(actual, start.get(name)!.map((value) => factor * value), { atol: 1e-6, rtol: 1e-6, label: name });
    }
    run(valuesOf(7), { t: 2, rate: 0.01 });
    const [before, , ...moments] = await read();
    for (const bad of [NaN, Infinity, -Infinity, 3e38]) {
      for (const name of ["tall", "embedding"]) {
        const gradients = valuesOf(8);
        gradients.get(name)![17] = bad;
        run(gradients, { t: 3, rate: 0.01 });
        const [after, cleared, ...same] = await read();
        assertEquals(after, before);
        assertEquals(same.slice(0, 2), moments.slice(0, 2));
        assert(cleared!.every((value) => value === 0));
      }
    }
  } finally {
    destroy();
  }
});

Deno.test("muon() gives the same to the bit for any number of threads", async () => {
  const results: Float32Array[] = [];
  for (const threads of [1, 2]) {
    const device = await openCpuDevice({ threads });
    const { store, run, read, destroy } = await prepare(device);
    device.write(store.values, store.join(valuesOf(1)));
    for (let t = 1; t <= 3; t++) run(valuesOf(t + 1), { t, rate: 0.01 });
    results.push(store.join(await read()));
    destroy();
    device.destroy();
  }
  assertEquals(results[0], results[1]);
});

Deno.test("muon() gives the same to the bit in as many batches as a device's bindings ask for", async () => {
  const results: Float32Array[] = [];
  const device = await openCpuDevice({ threads: 2 });
  for (const maxTensorBytes of [device.maxTensorBytes, 1 << 14]) {
    const { store, run, read, destroy } = await prepare(alteredDevice(device, { maxTensorBytes }));
    device.write(store.values, store.join(valuesOf(1)));
    for (let t = 1; t <= 2; t++) run(valuesOf(t + 1), { t, rate: 0.01 });
    results.push(store.join(await read()));
    destroy();
  }
  device.destroy();
  assertEquals(results[0], results[1]);
});

kindTest("muon() brings a loss down: the distance of a product of two matrices from a third", async (device) => {
  const of = ["first", "second"].map((name) => ({ name, shape: [8, 8], decay: true, hidden: true }));
  const { store, run, read, destroy } = await prepare(device, { of });
  try {
    const target = muonReference.rowsOf(normal(64, { seed: 3 }), 8);
    device.write(
      store.values,
      store.join(new Map(of.map(({ name }, i) => [name, normal(64, { seed: i, scale: 0.3 })]))),
    );
    const losses: number[] = [];
    for (let t = 1; t <= 40; t++) {
      const [first, second] = [...(await read()).values()].map((flat) => muonReference.rowsOf(flat, 8));
      const error = muonReference.times(first!, second!).map((row, i) => row.map((y, j) => y - target[i]![j]!));
      losses.push(error.flat().reduce((sum, e) => sum + e * e, 0) / 2);
      const d_first = muonReference.times(error, muonReference.transposed(second!));
      const d_second = muonReference.times(muonReference.transposed(first!), error);
      const gradients = [d_first, d_second].map((rows) => Float32Array.from(rows.flat()));
      run(new Map(of.map(({ name }, i) => [name, gradients[i]!])), { t, rate: 0.04 * (1 - (t - 1) / 40) });
    }
    assert(losses.at(-1)! < 0.1 * losses[0]!, `${losses}`);
  } finally {
    destroy();
  }
});

Deno.test("ParameterStore takes half the moments of what Muon updates", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const { store, destroy } = await prepare(device);
  const hidden = store.hiddenRanges.reduce((sum, { begin, end }) => sum + end - begin, 0);
  assertEquals(store.outerSecondMoment.size, store.values.size - hidden);
  const outer = specs.filter(({ hidden }) => !hidden).map(({ name }) => name);
  const arrays = valuesOf(9);
  const flat = store.join(arrays, { outer: true });
  const back = store.split(flat, { outer: true });
  assertEquals([...back.keys()], outer);
  for (const name of outer) assertEquals(back.get(name), arrays.get(name));
  destroy();
  device.destroy();
});

halfTest(
  "muon() in f16 unscales gradients, and rounds all that it updates into the copies of weights",
  async (device) => {
    const store = new ParameterStore(device, specs);
    const [step, scaling] = [allocateStep(device, "step"), allocateLossScale(device)];
    const graph = new Graph({ precision: "f16" });
    muon(graph, store, { ...options, step: { ...step, scaling } });
    const program = await graph.compile(device);
    store.writeAll(valuesOf(1));
    const scaled = [...valuesOf(2)].map(([name, values]) =>
      [name, values.map((value) => value * FIRST_LOSS_SCALE.factor)] as const
    );
    device.write(store.gradients, store.join(new Map(scaled)));
    device.write(step.scalars, Float32Array.of(1, 1e-2, 10, 50));
    program.run();
    const [values, copies, ring] = (await device.read([store.values, store.rounded!, step.ring])).map((bytes) =>
      new Float32Array(bytes)
    );
    const before = store.join(valuesOf(1));
    for (const { name, shape } of specs.filter(({ decay }) => decay)) {
      const begin = store.offsetOf(name);
      const end = begin + shape.reduce((a, b) => a * b);
      assert(values!.slice(begin, end).some((value, i) => value !== before[begin + i]), name);
      assertEquals(copies!.slice(begin, end), values!.slice(begin, end).map(Math.f16round), name);
    }
    const norm = Math.hypot(...valuesOf(2).values().flatMap((values) => [...values]));
    assertAlmostEquals(ring![3]!, norm, 1e-5 * norm);
    program.destroy();
    store.destroy();
    for (const { storage } of [...Object.values(step), scaling]) storage.buffer.destroy();
  },
);
