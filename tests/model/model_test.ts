import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import type { Batch } from "../../lib/batch/batch.ts";
import { type ModelConfig, modelConfig, presets } from "../../lib/model/config.ts";
import { createModel, lastLayers, type Model, type StepRecords } from "../../lib/model/model.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { deviceTest, kindTest } from "../helpers/devices.ts";
import { once } from "../helpers/once.ts";
import { random } from "../helpers/random.ts";
import * as reference from "../reference/model.ts";
import * as tape from "../reference/tape.ts";

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
const shape = { windows: 3, length: 7, capacity: 12 };

/** Two layers, every size odd in some way, weights large enough for gradients to differ from layer to layer. */
function config(preset: ModelConfig["preset"], options: Partial<ModelConfig> = {}): ModelConfig {
  const sizes = { vocab: 13, layers: 2, width: 24, heads: 2, hidden: 20, maxLength: 9, dropout: 0 };
  return modelConfig({ ...sizes, ...options, preset });
}

/** The presets as they are, and what models from elsewhere may have instead. */
const architectures: Readonly<Record<string, ModelConfig>> = {
  ...Object.fromEntries(presets.map((preset) => [preset, config(preset)])),
  "modernbert with local attention, biases and a decoder of its own": config("modernbert", {
    layers: 3,
    rotaryBase: 160_000,
    local: { window: 4, rotaryBase: 500, layers: [0, 2] },
    biases: ["norm", "attention", "feedForward", "head", "decoder"],
    tied: false,
    epsilon: 1e-4,
  }),
  "modernbert with heads of 26, SiLU gates and the tanh form in its head": config("modernbert", {
    width: 52,
    local: { window: 4, rotaryBase: 500, layers: [1] },
    gate: "silu",
    activation: "gelu_tanh",
  }),
  "bert with heads of 7 and the tanh form of GELU": config("bert", { width: 28, heads: 4, activation: "gelu_tanh" }),
  "labml with heads of 1 and SiLU": config("labml", { width: 12, heads: 12, activation: "silu" }),
  "bert with ReLU, no token types and a decoder of its own": config("bert", {
    activation: "relu",
    tokenTypes: 0,
    tied: false,
    epsilon: 1e-6,
  }),
  // its only layer adds to the embeddings themselves
  "modernbert of one layer": config("modernbert", { layers: 1 }),
  "bert that tells next sentences": config("bert", { nextSentence: true }),
};

function randomBatch(seed: number, { windows = shape.windows, count = 9, pairs = false } = {}): Batch {
  const next = random(seed);
  const rows = windows * shape.length;
  const draw = () => Math.floor(next() * 13);
  const original = Uint32Array.from({ length: rows }, draw);
  const maskedRows = Uint32Array.from({ length: rows }, (_, i) => i).sort(() => next() - 0.5).slice(0, count).sort();
  const ids = original.slice();
  for (const position of maskedRows) ids[position] = draw();
  const batch = {
    windows,
    length: shape.length,
    ids,
    original,
    maskedRows,
    labels: maskedRows.map((p) => original[p]!),
  };
  return pairs ? { ...batch, ...pairsOf(windows, next) } : batch;
}

/** Windows of two texts, the first of up to four tokens, with the last row for padding. */
function pairsOf(windows: number, next: () => number): Pick<Batch, "documents" | "tokenTypes" | "pairClasses"> {
  const { length } = shape;
  const firsts = Array.from({ length: windows }, () => 2 + Math.floor(next() * 3));
  const rows = Array.from({ length: windows * length }, (_, row) => [Math.floor(row / length), row % length] as const);
  return {
    documents: Uint32Array.from(rows.flatMap(([, at]) => at < length - 1 ? [0, length - 1] : [length - 1, length])),
    tokenTypes: Uint32Array.from(rows, ([w, at]) => Number(at >= firsts[w]! && at < length - 1)),
    pairClasses: Uint32Array.from({ length: windows }, (_, w) => w % 2),
  };
}

/** Initial values ten times as large as usual, biases included. */
function largeValues(model: Model, seed: number): Map<string, Float32Array<ArrayBuffer>> {
  const next = random(seed);
  const values = initialValues(model.config, seed);
  for (const [name, array] of values) {
    for (let i = 0; i < array.length; i++) {
      if (name.endsWith("bias")) array[i] = next() - 0.5;
      else if (name.includes("orm")) array[i] = 0.5 + next();
      else array[i]! *= enlarged[model.config.preset];
    }
  }
  return values;
}

/** Factors that bring every preset's initial weights to about 0.2. */
const enlarged = { modernbert: 1, bert: 10, labml: 0.5 } as const;

const shapesOf = (model: Model) => new Map(model.store.specs.map(({ name, shape }) => [name, shape]));

async function step(model: Model, program: Awaited<ReturnType<Model["compileTraining"]>>, batches: Batch[], at: {
  step: number;
  learningRate: number;
  update?: boolean;
}): Promise<void> {
  const masked = batches.reduce((sum, batch) => sum + batch.labels.length, 0);
  for (const [microStep, batch] of batches.entries()) {
    const pairs = batches.reduce((sum, { pairClasses = [] }) => sum + pairClasses.length, 0);
    const scales = { lossScale: masked === 0 ? 0 : 1 / masked, pairScale: pairs === 0 ? 0 : 1 / pairs };
    model.writeStep({ seed: 1, microStep, ...scales, optimizer, ...at });
    program.write(batch);
    program.program.run("gradients");
  }
  if (at.update ?? true) program.program.run("update");
  await Promise.resolve();
}

/** Mean loss of a step, that of pairs added. */
function meanLoss({ masked, pairs }: StepRecords): number {
  return masked.lossSum / masked.labels + (pairs ? pairs.lossSum / pairs.labels : 0);
}

/** A sample of a parameter's gradient against difference quotients of the float64 loss. */
function checkDifferences({ model, parameters, batch, name, gradient, size }: {
  model: Model;
  parameters: ReadonlyMap<string, Float32Array>;
  batch: Batch;
  name: string;
  gradient: Float32Array;
  size: number;
}): void {
  const next = random(11);
  for (let sample = 0; sample < 3; sample++) {
    const index = Math.floor(next() * gradient.length);
    const at = (change: number) => {
      const moved = new Map([...parameters].map(([key, array]) => [key, Float64Array.from(array)]));
      moved.get(name)![index]! += change;
      return reference.loss(model.config, reference.leaves(moved, shapesOf(model)), batch).data[0]!;
    };
    const quotient = once(`quotient of ${name}[${index}]`, () => (at(1e-5) - at(-1e-5)) / 2e-5);
    // 1e-5 squared for the quotient itself, and the device's float32
    const tolerance = { atol: 5e-4 * size + 1e-6, rtol: 1e-3, label: `difference quotient of ${name}[${index}]` };
    assertClose([gradient[index]!], [quotient], tolerance);
  }
}

for (const [name, architecture] of Object.entries(architectures)) {
  const pairs = architecture.nextSentence;
  deviceTest(`Model computes loss and gradient of ${name}`, async (device) => {
    const model = createModel(device, architecture);
    const program = await model.compileTraining({ ...shape, pairs }, optimizer);
    try {
      const parameters = largeValues(model, 3);
      model.writeParameters(parameters);
      const batch = randomBatch(1, { pairs });
      const values = reference.leaves(parameters, shapesOf(model));
      const loss = reference.loss(model.config, values, batch);
      tape.backpropagate(loss, [1]);

      await step(model, program, [batch], { step: 0, learningRate: 0, update: false });
      const [gradients, totals] = await device.read([model.store.gradients, model.step.totals]);
      const [lossSum, , masked] = new Float32Array(totals!);
      assertEquals(masked, batch.labels.length);
      program.program.run("update");
      const [record] = await model.readRecords({ first: 0, end: 1 });
      assertEquals(record!.pairs?.labels, batch.pairClasses?.length);
      assertEquals(record!.masked.lossSum, lossSum);
      assertAlmostEquals(meanLoss(record!), loss.data[0]!, 2e-5);
      for (const [name, gradient] of model.store.split(new Float32Array(gradients!))) {
        const expected = values.get(name)!.grad;
        const size = Math.hypot(...expected) / Math.sqrt(expected.length);
        // float32 through two layers: about 50 times its rounding of 6e-8, relative to the tensor's own size
        assertClose(gradient, expected, { atol: 2e-4 * size + 1e-7, rtol: 1e-4, label: name });
        checkDifferences({ model, parameters, batch, name, gradient, size });
      }
    } finally {
      program.destroy();
      model.destroy();
    }
  });

  kindTest(
    `Model computes the same gradient of ${name} to the bit in less memory where it computes layers anew`,
    async (device) => {
      const model = createModel(device, { ...architecture, dropout: 0.1 });
      const results: unknown[] = [];
      const memory: number[] = [];
      for (const recomputes of [false, true]) {
        const program = await model.compileTraining({ ...shape, pairs }, optimizer, { recomputes });
        try {
          await step(model, program, [randomBatch(1, { pairs })], { step: 0, learningRate: 0, update: false });
          results.push(
            (await device.read([model.store.gradients, model.step.totals])).map((bytes) => new Uint32Array(bytes)),
          );
          memory.push(program.bytes);
          // clears the gradients
          program.program.run("update");
        } finally {
          program.destroy();
        }
      }
      model.destroy();
      assertEquals(results[0], results[1]);
      assertLess(memory[1]!, memory[0]!);
    },
  );

  kindTest(
    `Model computes the same gradient of ${name}, in less memory, where its last layer is computed for masked rows alone`,
    async (device) => {
      const model = createModel(device, architecture);
      model.writeParameters(largeValues(model, 3));
      const found: { gradients: Map<string, Float32Array>; loss: number; bytes: number }[] = [];
      for (const lastLayer of lastLayers) {
        const program = await model.compileTraining({ ...shape, pairs, lastLayer }, optimizer);
        try {
          await step(model, program, [randomBatch(1, { pairs })], { step: 0, learningRate: 0, update: false });
          const [gradients, totals] = await device.read([model.store.gradients, model.step.totals]);
          const [loss] = new Float32Array(totals!);
          found.push({ gradients: model.store.split(new Float32Array(gradients!)), loss: loss!, bytes: program.bytes });
          // clears the gradients
          program.program.run("update");
        } finally {
          program.destroy();
        }
      }
      model.destroy();
      const [masked, whole] = found as [typeof found[0], typeof found[0]];
      // the same products, summed in other blocks of rows: some roundings of 6e-8
      assertClose([masked.loss], [whole.loss], { atol: 0, rtol: 1e-6 });
      for (const [name, gradient] of whole.gradients) {
        const size = Math.hypot(...gradient) / Math.sqrt(gradient.length);
        assertClose(masked.gradients.get(name)!, gradient, { atol: 1e-5 * size + 1e-8, rtol: 1e-5, label: name });
      }
      // a head for next sentences reads rows that are not masked
      if (pairs) assertEquals(masked, whole);
      else assertLess(masked.bytes, whole.bytes);
    },
  );

  kindTest(`Model takes ten AdamW steps of ${name} like float64`, async (device) => {
    const model = createModel(device, architecture);
    const program = await model.compileTraining({ ...shape, pairs }, optimizer);
    try {
      const start = largeValues(model, 3);
      model.writeParameters(start);
      const parameters = new Map([...start].map(([name, array]) => [name, Float64Array.from(array)]));
      const update = reference.adamW(optimizer);
      const losses: number[] = [];
      const norms: number[] = [];
      for (let i = 0; i < 10; i++) {
        const learningRate = 1e-3 * (1 + i % 3);
        await step(model, program, [randomBatch(i, { pairs })], { step: i, learningRate });
        const values = reference.leaves(parameters, shapesOf(model));
        const loss = reference.loss(model.config, values, randomBatch(i, { pairs }));
        tape.backpropagate(loss, [1]);
        norms.push(update(parameters, values, learningRate));
        losses.push(loss.data[0]!);
      }
      const records = await model.readRecords({ first: 0, end: 10 });
      assertClose(records.map(meanLoss), losses, {
        atol: 1e-4,
        rtol: 1e-4,
      });
      assertClose(records.map((record) => record.masked.gradientNorm), norms, { atol: 1e-4, rtol: 1e-3 });
      const trained = await model.readParameters();
      for (const [name, expected] of parameters) {
        // Adam divides by √v: where a gradient is rounding noise, a step of the rate's size has either sign; ten steps of
        // 2e-3 move a parameter by 2e-2, and agreement to 2 % of that is what float32 gradients allow
        // The loss does not depend on key biases at all (a softmax ignores what is added to all scores): pure noise.
        const isNoise = (i: number) => name.endsWith("qkv.bias") && Math.floor(i / model.config.width) === 1;
        const actual = trained.get(name)!.map((value, i) => isNoise(i) ? expected[i]! : value);
        assertClose(actual, Float32Array.from(expected), { atol: 4e-4, rtol: 1e-4, label: name });
      }
    } finally {
      program.destroy();
      model.destroy();
    }
  });
}

kindTest(
  "Model gives the same gradient for one batch and for its windows in two accumulated batches",
  async (device) => {
    const model = createModel(device, config("modernbert"));
    const whole = randomBatch(5);
    const part = (from: number, to: number): Batch => {
      const rows = [from * whole.length, to * whole.length] as const;
      const inside = [...whole.maskedRows.keys()].filter((i) =>
        whole.maskedRows[i]! >= rows[0] && whole.maskedRows[i]! < rows[1]
      );
      return {
        windows: to - from,
        length: whole.length,
        ids: whole.ids.slice(...rows),
        original: whole.original.slice(...rows),
        maskedRows: Uint32Array.from(inside, (i) => whole.maskedRows[i]! - rows[0]),
        labels: Uint32Array.from(inside, (i) => whole.labels[i]!),
      };
    };
    const program = await model.compileTraining(shape, optimizer);
    const gradientsOf = async (batches: Batch[]) => {
      model.device.write(model.store.gradients, new Float32Array(model.store.gradients.size));
      await step(model, program, batches, { step: 0, learningRate: 0, update: false });
      return new Float32Array((await device.read([model.store.gradients]))[0]!);
    };
    const expected = await gradientsOf([whole]);
    const actual = await gradientsOf([part(0, 1), part(1, 3)]);
    program.destroy();
    model.destroy();
    assert(expected.some((value) => Math.abs(value) > 1e-4));
    assertClose(actual, expected, { atol: 1e-6, rtol: 1e-4 });
  },
);

kindTest(
  "Model reports loss 0 and changes nothing but by weight decay for a batch without masked tokens",
  async (device) => {
    const model = createModel(device, config("bert"));
    const program = await model.compileTraining(shape, { ...optimizer, weightDecay: 0 });
    const before = await model.readParameters();
    await step(model, program, [randomBatch(1, { count: 0 })], { step: 0, learningRate: 0.1 });
    const [record] = await model.readRecords({ first: 0, end: 1 });
    const after = await model.readParameters();
    program.destroy();
    model.destroy();
    assertEquals(record, { masked: { lossSum: 0, correct: 0, labels: 0, gradientNorm: 0 } });
    for (const [name, values] of before) assertEquals(after.get(name), values);
  },
);

kindTest("Model leaves its weights alone in a step whose loss is not a number", async (device) => {
  const model = createModel(device, config("modernbert"));
  const program = await model.compileTraining(shape, optimizer);
  const values = await model.readParameters();
  values.get("decoder.bias")![3] = NaN;
  model.writeParameters(values);
  await step(model, program, [randomBatch(1)], { step: 0, learningRate: 0.1 });
  const [record] = await model.readRecords({ first: 0, end: 1 });
  const after = await model.readParameters();
  const [moments] = await device.read([model.store.firstMoment]);
  program.destroy();
  model.destroy();
  assert(!Number.isFinite(record!.masked.lossSum) || !Number.isFinite(record!.masked.gradientNorm));
  for (const [name, array] of values) assertEquals(after.get(name), array);
  assert(new Float32Array(moments!).every((value) => value === 0));
});

kindTest("Model drops by step and seed: the same loss for the same step, another for the next", async (device) => {
  const model = createModel(device, { ...config("labml"), dropout: 0.2 });
  const program = await model.compileTraining(shape, optimizer);
  const losses: number[] = [];
  for (const at of [4, 4, 5]) {
    await step(model, program, [randomBatch(1)], { step: at, learningRate: 0 });
    losses.push((await model.readRecords({ first: at, end: at + 1 }))[0]!.masked.lossSum);
  }
  program.destroy();
  model.destroy();
  assertEquals(losses[0], losses[1]);
  assert(Math.abs(losses[0]! - losses[2]!) > 1e-3);
});

kindTest("Model evaluates with room to spare exactly like with none", async (device) => {
  const model = createModel(device, config("modernbert"));
  const batch = randomBatch(8, { windows: 2, count: 5 });
  const run = async (room: typeof shape) => {
    const program = await model.compileEvaluation(room);
    program.write(batch);
    program.program.run();
    const [losses, predictions] = await device.read([program.losses, program.predictions]);
    program.destroy();
    const count = batch.labels.length;
    // what there is room for besides weighs nothing
    assert(new Float32Array(losses!).subarray(count).every((loss) => loss === 0));
    return {
      losses: new Float32Array(losses!).slice(0, count),
      predictions: new Uint32Array(predictions!).slice(0, count),
    };
  };
  const tight = await run({ windows: 2, length: 7, capacity: 5 });
  const roomy = await run({ windows: 4, length: 7, capacity: 40 });
  model.destroy();
  assertClose(roomy.losses, tight.losses, { atol: 1e-5, rtol: 1e-5, label: "losses" });
  assertEquals(roomy.predictions, tight.predictions);
  assert(tight.losses.every((loss) => loss > 0));
});

kindTest("Model refuses batches and lengths that it has no room for", async (device) => {
  const model = createModel(device, config("bert"));
  await assertRejects(() => model.compileEvaluation({ ...shape, length: 10 }), RangeError, "Cannot run length 10");
  const program = await model.compileEvaluation({ ...shape, capacity: 2 });
  await assertRejects(
    async () => await Promise.resolve(program.write(randomBatch(1))),
    RangeError,
    "there is room for",
  );
  program.destroy();
  model.destroy();
});

for (const [name, architecture] of Object.entries(architectures)) {
  kindTest(`Model of ${name} learns from packed documents what it learns from each alone`, async (device) => {
    const model = createModel(device, architecture);
    model.writeParameters(largeValues(model, 5));
    const next = random(8);
    const sizes = [3, 4];
    const ids = Uint32Array.from({ length: 7 }, () => Math.floor(next() * 13));
    const original = Uint32Array.from({ length: 7 }, () => Math.floor(next() * 13));
    const run = async (
      batch: Batch,
      shape: { windows: number; length: number; capacity: number; documents: boolean },
    ) => {
      const program = await model.compileTraining(shape, optimizer);
      device.write(model.store.gradients, new Float32Array(model.store.gradients.size));
      device.write(model.step.totals, new Float32Array(4));
      model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale: 1, learningRate: 0, optimizer });
      program.write(batch);
      program.program.run("gradients");
      const [gradients, totals] = await device.read([model.store.gradients, model.step.totals]);
      program.destroy();
      return { gradients: new Float32Array(gradients!), loss: new Float32Array(totals!)[0]! };
    };
    const everywhere = (length: number) => Uint32Array.from({ length }, (_, i) => i);
    const documents = Uint32Array.from([0, 3, 0, 3, 0, 3, 3, 7, 3, 7, 3, 7, 3, 7]);
    const together = await run(
      { windows: 1, length: 7, ids, original, maskedRows: everywhere(7), labels: original, documents },
      { windows: 1, length: 7, capacity: 8, documents: true },
    );
    let loss = 0;
    const sum = new Float32Array(together.gradients.length);
    let start = 0;
    for (const length of sizes) {
      const some = ids.slice(start, start + length);
      const labels = original.slice(start, start + length);
      const alone = await run(
        { windows: 1, length, ids: some, original: labels, maskedRows: everywhere(length), labels },
        { windows: 1, length, capacity: 8, documents: false },
      );
      loss += alone.loss;
      for (let i = 0; i < sum.length; i++) sum[i]! += alone.gradients[i]!;
      start += length;
    }
    model.destroy();
    assertAlmostEquals(together.loss, loss, 1e-4);
    const size = Math.hypot(...sum) / Math.sqrt(sum.length);
    assertClose(together.gradients, sum, { atol: 1e-4 * size + 1e-6, rtol: 1e-3, label: "gradients" });
  });
}
