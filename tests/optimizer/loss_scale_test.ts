import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { lowerOp } from "../../lib/device/lowering.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { adamW, roundWeights } from "../../lib/optimizer/adamw.ts";
import {
  allocateLossScale,
  FIRST_LOSS_SCALE,
  GROWTH_STEPS,
  HIGHEST_SCALE,
  isOverflow,
  type LossScale,
  nextLossScale,
  writeLossScale,
} from "../../lib/optimizer/loss_scale.ts";
import { ParameterStore } from "../../lib/optimizer/parameter_store.ts";
import { allocateStep, recordStep } from "../../lib/optimizer/step.ts";
import { halfTest } from "../helpers/devices.ts";
import { normal } from "../helpers/random.ts";

const good = { loss: 2, gradientNorm: 1 };
const overflowed = { loss: 2, gradientNorm: Infinity };

function after(scale: LossScale, steps: readonly { loss: number; gradientNorm: number }[]): LossScale {
  return steps.reduce(nextLossScale, scale);
}

Deno.test("nextLossScale() halves the factor of a gradient that overflows, down to 1", () => {
  assertEquals(after(FIRST_LOSS_SCALE, [good, good]), { factor: 2 ** 16, goodSteps: 2 });
  assertEquals(after(FIRST_LOSS_SCALE, [good, overflowed]), { factor: 2 ** 15, goodSteps: 0 });
  assertEquals(nextLossScale({ factor: 8, goodSteps: 3 }, { loss: 1, gradientNorm: NaN }), { factor: 4, goodSteps: 0 });
  assertEquals(after(FIRST_LOSS_SCALE, Array(20).fill(overflowed)), { factor: 1, goodSteps: 0 });
});

Deno.test("nextLossScale() doubles the factor after enough good steps, up to the highest", () => {
  const steps = Array(GROWTH_STEPS).fill(good);
  assertEquals(after(FIRST_LOSS_SCALE, steps.slice(1)), { factor: 2 ** 16, goodSteps: GROWTH_STEPS - 1 });
  assertEquals(after(FIRST_LOSS_SCALE, steps), { factor: 2 ** 17, goodSteps: 0 });
  assertEquals(after({ factor: HIGHEST_SCALE, goodSteps: 0 }, steps), { factor: HIGHEST_SCALE, goodSteps: 0 });
  // an overflow begins the count anew
  assertEquals(after(FIRST_LOSS_SCALE, [...steps.slice(1), overflowed, ...steps.slice(1)]).factor, 2 ** 15);
});

Deno.test("nextLossScale() leaves the factor where it is the loss that is not finite", () => {
  for (const loss of [NaN, Infinity]) {
    assertEquals(nextLossScale({ factor: 64, goodSteps: 7 }, { loss, gradientNorm: NaN }), {
      factor: 64,
      goodSteps: 7,
    });
  }
});

Deno.test("isOverflow() tells a scale that is too high from a step that no scale helps", () => {
  assert(isOverflow({ factor: 2, goodSteps: 0 }, overflowed));
  assert(!isOverflow({ factor: 2, goodSteps: 0 }, good));
  assert(!isOverflow({ factor: 1, goodSteps: 0 }, overflowed));
  assert(!isOverflow({ factor: 2, goodSteps: 0 }, { loss: NaN, gradientNorm: NaN }));
});

halfTest(
  "adamW() in f16 unscales gradients, rounds weights, and changes the scale as nextLossScale() does",
  async (device) => {
    const rate = 0.01;
    const store = new ParameterStore(device, [
      { name: "bias", shape: [9], decay: false },
      { name: "weight", shape: [7, 5], decay: true },
      { name: "other", shape: [3, 3], decay: true },
    ]);
    const [masked, pairs] = [allocateStep(device, "step"), allocateStep(device, "pairs")];
    const scaling = allocateLossScale(device);
    const options = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.1, clip: 1 };
    const graph = new Graph({ precision: "f16" });
    graph.section("weights");
    roundWeights(graph, store);
    graph.section("update");
    recordStep(graph, pairs);
    adamW(graph, store, { ...options, step: { ...masked, scaling }, other: pairs });
    const program = await graph.compile(device);
    const read = async () => {
      const tensors = [store.values, store.rounded!, scaling, masked.ring, store.firstMoment];
      const [values, rounded, scale, ring, moment] = (await device.read(tensors)).map((bytes) =>
        new Float32Array(bytes)
      );
      return { values: values!, rounded: rounded!, scale: scale!, ring: ring!, moment: moment! };
    };
    const start = new Map(store.specs.map(({ name, shape }, i) => [
      name,
      normal(shape.reduce((a, b) => a * b), { seed: i }),
    ]));
    store.writeAll(start);
    program.run("weights");
    let before = await read();
    const isRounded = ({ values, rounded }: typeof before) =>
      rounded.every((value, i) => value === Math.f16round(values[i]!));
    assertEquals(before.rounded.length, store.decayed);
    assert(isRounded(before));

    let scale: LossScale = { factor: 2 ** 20, goodSteps: GROWTH_STEPS - 2 };
    writeLossScale(device, scaling, scale);
    const gradient = normal(store.values.size, { seed: 9, scale: 0.01 });
    const norm = Math.hypot(...gradient);
    const faults = [undefined, undefined, Infinity, NaN, undefined, 1e30, undefined];
    for (const [step, fault] of faults.entries()) {
      for (const [loss, pairLoss] of [[2, 1], [NaN, 1], [2, Infinity]] as const) {
        device.write(
          store.gradients,
          gradient.map((value, i) => i === 20 ? fault ?? value * scale.factor : value * scale.factor),
        );
        for (const { clock } of [masked, pairs]) device.write(clock, Uint32Array.of(0, step, 0, 0));
        device.write(masked.scalars, Float32Array.of(1, rate, 10, 50));
        device.write(masked.totals, Float32Array.of(loss, 0, 1, 0));
        device.write(pairs.totals, Float32Array.of(pairLoss, 0, 1, 0));
        program.run("update");
        const now = await read();
        const gradientNorm = now.ring[4 * step + 3]!;
        assertEquals(Number.isFinite(gradientNorm), fault === undefined);
        if (fault === undefined) assertAlmostEquals(gradientNorm, norm, 1e-5 * norm);
        scale = nextLossScale(scale, { loss: loss + pairLoss, gradientNorm });
        assertEquals([...now.scale], [scale.factor, scale.goodSteps, 0, 0], `step ${step}`);
        const isUpdated = fault === undefined && Number.isFinite(loss + pairLoss);
        assertEquals(now.values.some((value, i) => value !== before.values[i]), isUpdated, `step ${step}`);
        assert(isRounded(now), `step ${step}`);
        // the first update: (1 - β₁) of the gradient as it is without the scale
        if (step === 0 && isUpdated) {
          assertAlmostEquals(
            now.moment[3]!,
            0.1 * gradient[3]!,
            1e-6 * Math.abs(gradient[3]!),
          );
        }
        before = now;
      }
    }
    assertEquals(scale.factor, 2 ** (20 + 1 - 3));
    program.destroy();
    store.destroy();
    for (const tensor of [...Object.values(masked), ...Object.values(pairs), scaling]) tensor.storage.buffer.destroy();
  },
);

halfTest("adamW() in f16 cuts weights that are larger than a binding at multiples of 256 bytes", async (device) => {
  const store = new ParameterStore(device, [
    { name: "weight", shape: [150, 150], decay: true },
    { name: "bias", shape: [20_000], decay: false },
  ]);
  const { clock, scalars, totals, ring } = allocateStep(device, "step");
  const graph = new Graph({ precision: "f16" });
  roundWeights(graph, store);
  adamW(graph, store, {
    ...{ beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.1, clip: 1 },
    step: { clock, scalars, totals, ring },
  });
  const calls = graph.section("main").flatMap((call) => lowerOp(call, { parallelism: 16, maxTensorBytes: 50_000 }));
  const rounding = calls.filter(({ kernel }) => kernel === "round_weights");
  const updates = calls.filter(({ kernel }) => kernel === "adamw");
  // chunks of 97 · 32 vectors, of which the weight has 5,632 and all parameters 10,656
  assertEquals(rounding.map(({ params }) => params.size4), [3104, 2528]);
  assertEquals(updates.map(({ params }) => [params.size4, params.decayed4]), [[3104, 3104], [3104, 2528], [3104, 0], [
    1344,
    0,
  ]]);
  assertEquals(updates.map(({ constants }) => constants.ROUNDED ?? false), [true, true, false, false]);
  const cut = [
    ...rounding.map(({ tensors }) => tensors.y!),
    ...updates.flatMap(({ tensors }) => tensors.rounded ?? []),
  ];
  assertEquals(
    cut.map(({ size, storage }) => [size, storage!.offset]),
    Array(2).fill([[4 * 3104, 0], [4 * 2528, 8 * 3104]]).flat(),
  );
  assert(
    calls.flatMap(({ tensors }) => Object.values(tensors)).every(({ storage }) => (storage?.offset ?? 0) % 256 === 0),
  );
  store.destroy();
  for (const tensor of [clock, scalars, totals, ring]) tensor.storage.buffer.destroy();
  await Promise.resolve();
});
