import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { allocateTensor, type Device } from "../../lib/device/device.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { ParameterStore } from "../../lib/optimizer/parameter_store.ts";
import { adamW } from "../../lib/optimizer/adamw.ts";
import { allocateStep, recordStep, RING_SIZE } from "../../lib/optimizer/step.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { kindTest } from "../helpers/devices.ts";
import { normal } from "../helpers/random.ts";
import * as reference from "../reference/model.ts";
import * as tape from "../reference/tape.ts";

const options = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.1 };
const rate = 0.01;

/** Some steps on random gradients, on the device and in float64. */
async function check(
  device: Device,
  { clip, scale, sizes, embeddingRate }: {
    clip: number;
    scale: number;
    sizes: [number, number];
    embeddingRate?: number;
  },
) {
  const tables = [{ name: "table", shape: [sizes[1], 3], decay: true, embedding: true }];
  const store = new ParameterStore(device, [
    { name: "bias", shape: [sizes[0]], decay: false },
    { name: "weight", shape: [sizes[1], 2], decay: true },
    // declared last, and first in memory
    ...embeddingRate === undefined ? [] : tables,
  ]);
  const step = {
    clock: allocateTensor(device, "clock", { shape: [4], dtype: "u32" }),
    scalars: allocateTensor(device, "scalars", { shape: [4] }),
    totals: allocateTensor(device, "totals", { shape: [4] }),
    ring: allocateTensor(device, "ring", { shape: [3, 4] }),
  };
  const graph = new Graph();
  adamW(graph, store, { ...options, clip, step, embeddingRate });
  const program = await graph.compile(device);
  try {
    const start = new Map(
      store.specs.map(({ name, shape }, i) => [name, normal(shape.reduce((a, b) => a * b), { seed: i + 1 })]),
    );
    const expected = new Map([...start].map(([name, array]) => [name, Float64Array.from(array)]));
    device.write(store.values, store.join(start));
    const rateOf = (name: string) => name === "table" ? embeddingRate! : 1;
    const update = reference.adamW({ ...options, clip: clip || Infinity, rateOf });
    for (let t = 1; t <= 5; t++) {
      const gradients = new Map(store.specs.map(({ name, shape }, i) => [
        name,
        normal(shape.reduce((a, b) => a * b), { seed: 10 * t + i, scale: scale * t }),
      ]));
      device.write(store.gradients, store.join(gradients));
      device.write(step.clock, Uint32Array.of(0, t - 1, 0, 0));
      device.write(step.scalars, Float32Array.of(1, rate, 1 / (1 - options.beta1 ** t), 1 / (1 - options.beta2 ** t)));
      device.write(step.totals, Float32Array.of(t, 2 * t, 3 * t, 0));
      program.run();
      const values = new Map(store.specs.map(({ name, shape }) => {
        const value = tape.leaf(shape, expected.get(name)!);
        value.grad.set(gradients.get(name)!);
        return [name, value];
      }));
      const norm = update(expected, values, rate);
      const [ring, cleared] = await device.read([step.ring, store.gradients]);
      const record = new Float32Array(ring!).subarray((t - 1) % 3 * 4);
      assertEquals([...record.subarray(0, 3)], [t, 2 * t, 3 * t]);
      assertAlmostEquals(record[3]!, norm, 1e-5 * norm);
      assert(new Float32Array(cleared!).every((value) => value === 0));
    }
    const [values] = await device.read([store.values]);
    for (const [name, actual] of store.split(new Float32Array(values!))) {
      assertClose(actual, expected.get(name)!, { atol: 2e-6, rtol: 1e-5, label: name });
    }
  } finally {
    program.destroy();
    store.destroy();
    for (const tensor of Object.values(step)) tensor.storage.buffer.destroy();
  }
}

for (const [sizes, scale, clip] of [[[1, 1], 1, 0], [[37, 100], 1, 1], [[5, 9001], 0.01, 1]] as const) {
  kindTest(
    `adamW() updates ${sizes[0]} + ${2 * sizes[1]} parameters with clip ${clip}`,
    (device) => check(device, { sizes: [...sizes], scale, clip }),
  );
}

for (const embeddingRate of [0.1, 1, 30]) {
  kindTest(
    `adamW() updates embeddings ${embeddingRate} times as fast, and nothing else`,
    (device) => check(device, { sizes: [7, 37], scale: 1, clip: 1, embeddingRate }),
  );
}

// clipping divides by the norm; squares of 1e17 still fit float32, those of 1e-15 nearly vanish beside epsilon
for (const scale of [1e-15, 1e-6, 1e6, 1e15]) {
  kindTest(
    `adamW() updates by gradients of size ${scale}`,
    (device) => check(device, { sizes: [37, 100], scale, clip: 1 }),
  );
}

kindTest("adamW() cuts parameters that are larger than a binding into several calls", async (device) => {
  // the same device, said to bind no more than 64 KiB at once
  const narrow = new Proxy(device, {
    get: (target, name) => {
      if (name === "maxTensorBytes") return 1 << 16;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  await check(narrow, { sizes: [20_000, 9001], scale: 0.01, clip: 1 });
});

kindTest("adamW() changes nothing but clears the gradient when it is not a number", async (device) => {
  const store = new ParameterStore(device, [{ name: "weight", shape: [8, 8], decay: true }]);
  const step = {
    clock: allocateTensor(device, "clock", { shape: [4], dtype: "u32" }),
    scalars: allocateTensor(device, "scalars", { shape: [4] }),
    totals: allocateTensor(device, "totals", { shape: [4] }),
    ring: allocateTensor(device, "ring", { shape: [4, 4] }),
  };
  const graph = new Graph();
  adamW(graph, store, { ...options, clip: 1, step });
  const program = await graph.compile(device);
  const start = normal(64, { seed: 1 });
  device.write(store.values, start);
  device.write(step.scalars, Float32Array.of(1, rate, 10, 50));
  for (const bad of [NaN, Infinity, -Infinity, 3e38]) {
    device.write(store.gradients, Float32Array.from({ length: 64 }, (_, i) => i === 40 ? bad : 1));
    program.run();
    const [values, gradients, moments] = await device.read([store.values, store.gradients, store.firstMoment]);
    assertEquals(new Float32Array(values!), start);
    assert(new Float32Array(gradients!).every((value) => value === 0));
    assert(new Float32Array(moments!).every((value) => value === 0));
  }
  program.destroy();
  store.destroy();
  for (const tensor of Object.values(step)) tensor.storage.buffer.destroy();
});

kindTest(
  "adamW() changes nothing where the loss of the step or of another one beside it is not finite",
  async (device) => {
    const store = new ParameterStore(device, [{ name: "weight", shape: [8, 8], decay: true }]);
    const [step, other] = [allocateStep(device, "step"), allocateStep(device, "other")];
    const graph = new Graph();
    recordStep(graph, other);
    adamW(graph, store, { ...options, clip: 1, step, other });
    const program = await graph.compile(device);
    const start = normal(64, { seed: 1 });
    device.write(step.scalars, Float32Array.of(1, rate, 10, 50));
    const losses: [number, number][] = [[1, 2], [1, Infinity], [-Infinity, 2], [1, NaN], [NaN, 2], [3, 0], [
      1,
      -Infinity,
    ]];
    for (const [number, [loss, otherLoss]] of losses.entries()) {
      device.write(store.values, start);
      device.write(store.gradients, new Float32Array(64).fill(1));
      for (const { clock } of [step, other]) device.write(clock, Uint32Array.of(0, RING_SIZE - 2 + number, 0, 0));
      device.write(step.totals, Float32Array.of(loss, 0, 1, 0));
      device.write(other.totals, Float32Array.of(otherLoss, 0, 1, 0));
      program.run();
      const [values, gradients] = await device.read([store.values, store.gradients]);
      const isSame = new Float32Array(values!).every((value, i) => value === start[i]);
      assertEquals(isSame, !(Number.isFinite(loss) && Number.isFinite(otherLoss)), `${loss}, ${otherLoss}`);
      assert(new Float32Array(gradients!).every((value) => value === 0));
      const at = 4 * ((RING_SIZE - 2 + number) % RING_SIZE);
      const rings = await device.read([step.ring, other.ring]);
      assertEquals(rings.map((ring) => new Float32Array(ring)[at]), [loss, otherLoss]);
    }
    program.destroy();
    store.destroy();
    for (const tensor of [step, other].flatMap((tensors) => Object.values(tensors))) tensor.storage.buffer.destroy();
  },
);
