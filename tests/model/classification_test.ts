import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Device } from "../../lib/device/device.ts";
import { padTexts } from "../../lib/inference/texts.ts";
import { type ClassificationConfig, type ModelConfig, modelConfig } from "../../lib/model/config.ts";
import { compileClassification } from "../../lib/model/classification_program.ts";
import { createModel, Model } from "../../lib/model/model.ts";
import { NO_LABEL } from "../../lib/ops/cross_entropy.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import * as reference from "../reference/model.ts";
import * as tape from "../reference/tape.ts";

const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
const classes = ["a", "b", "c", "d", "e"];

function config(preset: ModelConfig["preset"], classification: Partial<ClassificationConfig>): ModelConfig {
  const head: ClassificationConfig = { of: "text", classes, pool: "cls", dropout: 0, ...classification };
  const sizes = { vocab: 13, layers: 2, width: 24, heads: 2, hidden: 20, maxLength: 9, dropout: 0 };
  return modelConfig({ ...sizes, preset, classification: head });
}

const heads: Readonly<Record<string, ModelConfig>> = {
  "BERT's texts": config("bert", {}),
  "BERT's tokens": config("bert", { of: "token" }),
  "ModernBERT's texts by their first token": config("modernbert", {}),
  "ModernBERT's texts by the mean of their tokens": config("modernbert", { pool: "mean" }),
  "ModernBERT's tokens": config("modernbert", { of: "token" }),
};

/** Three texts of 7, 4 and 1 tokens, in a program with room for one more. */
function texts(of: ClassificationConfig["of"]) {
  const next = random(3);
  const ids = [7, 4, 1].map((length) => Uint32Array.from({ length }, () => Math.floor(next() * 13)));
  const padded = padTexts(ids, { length: 7, padding: 0 });
  const lengths = ids.map(({ length }) => length);
  const labels = of === "text"
    ? [4, 0, 2]
    : lengths.flatMap((length) => Array.from({ length: 7 }, (_, i) => i < length && i % 3 < 2 ? i % 5 : undefined));
  const weights = labels.map((_, i) => [1, 0.25, 3][i % 3]!);
  const batch = { ...padded, original: padded.ids, maskedRows: new Uint32Array(), labels: new Uint32Array() };
  return { batch, lengths, labels, weights };
}

type Texts = ReturnType<typeof texts>;

/** Runs one step without an update. */
async function gradientsOf(device: Device, model: Model, given: Texts) {
  const shape = { windows: 4, length: 7, documents: true };
  const program = await compileClassification(model, shape, { optimizer });
  try {
    const { batch, labels, weights } = given;
    const total = labels.reduce<number>((sum, label, i) => label === undefined ? sum : sum + weights[i]!, 0);
    model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale: 1 / total, learningRate: 0, optimizer });
    program.write({
      ...batch,
      labels: Uint32Array.from(labels, (label) => label ?? NO_LABEL),
      weights: Float32Array.from(weights),
    });
    program.program.run("gradients");
    const [gradients, totals] = await device.read([model.store.gradients, model.step.totals]);
    const [lossSum, correct, counted] = new Float32Array(totals!);
    return { gradients: new Float32Array(gradients!), loss: lossSum! / total, correct, counted };
  } finally {
    program.destroy();
  }
}

/** Random weights that show in every gradient. */
function values(model: Model): Map<string, Float32Array<ArrayBuffer>> {
  const next = random(9);
  return new Map(model.store.specs.map(({ name, shape }) => {
    const middle = /norm\.weight$/i.test(name) ? 1 : 0;
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, Float32Array.from({ length: size }, () => middle + 0.6 * (next() - 0.5))];
  }));
}

for (const [name, config] of Object.entries(heads)) {
  const of = config.classification!.of;
  const shapesOf = (model: Model) => new Map(model.store.specs.map(({ name, shape }) => [name, shape]));

  kindTest(
    `the head for classes of ${name} has the float64 reference's logits, loss and gradients`,
    async (device) => {
      const model = new Model(device, config);
      try {
        const parameters = values(model);
        model.writeParameters(parameters);
        const given = texts(of);
        const leaves = reference.leaves(parameters, shapesOf(model));
        const loss = reference.classLoss(config, leaves, given);
        tape.backpropagate(loss, [1]);

        const program = await compileClassification(model, { windows: 4, length: 7, documents: true });
        program.write(given.batch);
        program.program.run();
        const logits = new Float32Array((await device.read([program.logits]))[0]!);
        program.destroy();
        const expected = reference.classLogits(config, leaves, given);
        const units = [...given.labels.keys()].filter((i) => given.labels[i] !== undefined);
        const of5 = (data: ArrayLike<number>, stride: number) =>
          units.flatMap((i) => classes.map((_, c) => data[i * stride + c]!));
        assertClose(of5(logits, 8), of5(expected.data, 5), { atol: 2e-5, rtol: 1e-4, label: "logits" });

        const found = await gradientsOf(device, model, given);
        assertAlmostEquals(found.loss, loss.data[0]!, 2e-5);
        assertEquals(found.counted, units.length);
        for (const [name, gradient] of model.store.split(found.gradients)) {
          const wanted = leaves.get(name)!.grad;
          const size = Math.hypot(...wanted) / Math.sqrt(wanted.length);
          assertClose(gradient, wanted, { atol: 2e-4 * size + 1e-7, rtol: 1e-4, label: name });
          if (!name.startsWith("classifier.") && name !== "embeddings.token") continue;
          // a difference quotient of the float64 loss; its own error is of order 1e-10
          const index = Math.floor(gradient.length / 3);
          const at = (change: number) => {
            const moved = new Map([...parameters].map(([key, array]) => [key, Float64Array.from(array)]));
            moved.get(name)![index]! += change;
            return reference.classLoss(config, reference.leaves(moved, shapesOf(model)), given).data[0]!;
          };
          const quotient = (at(1e-5) - at(-1e-5)) / 2e-5;
          assertClose([gradient[index]!], [quotient], {
            atol: 5e-4 * size + 1e-6,
            rtol: 1e-3,
            label: `quotient of ${name}`,
          });
        }
      } finally {
        model.destroy();
      }
    },
  );
}

kindTest("what stands in the padding changes no class", async (device) => {
  const config = heads["ModernBERT's texts by the mean of their tokens"]!;
  const model = createModel(device, config);
  const program = await compileClassification(model, { windows: 4, length: 7, documents: true });
  const logits: Float32Array[] = [];
  for (const padding of [0, 5]) {
    const ids = [Uint32Array.of(3, 4, 5, 6, 7, 8, 9), Uint32Array.of(2, 3, 4, 1), Uint32Array.of(9)];
    program.write(padTexts(ids, { length: 7, padding }));
    program.program.run();
    logits.push(new Float32Array((await device.read([program.logits]))[0]!).slice(0, 24));
  }
  program.destroy();
  model.destroy();
  assertEquals(logits[0], logits[1]);
});

kindTest("dropout before the classes has masks of its own, the same for the same step", async (device) => {
  const model = new Model(device, config("bert", { dropout: 0.5 }));
  model.writeParameters(values(model));
  const without = new Model(device, config("bert", {}));
  without.writeParameters(values(without));
  const clear = () => device.write(model.store.gradients, new Float32Array(model.store.gradients.size));
  const first = await gradientsOf(device, model, texts("text"));
  clear();
  device.write(model.step.totals, new Float32Array(4));
  const again = await gradientsOf(device, model, texts("text"));
  const whole = await gradientsOf(device, without, texts("text"));
  model.destroy();
  without.destroy();
  assertEquals(first.gradients, again.gradients);
  assert(first.loss !== whole.loss);
});

kindTest("a model without a head for classes says so", async (device) => {
  const model = createModel(device, modelConfig({ vocab: 13, size: "tiny" }));
  await assertRejects(
    () => compileClassification(model, { windows: 1, length: 4 }),
    RangeError,
    "this model has no head for them",
  );
  model.destroy();
});

Deno.test("modelConfig() takes two classes and more, and no labml", () => {
  assertThrows(() => config("bert", { classes: ["a"] }), RangeError, "Cannot tell 1 classes apart");
  assertThrows(() => config("labml", {}), RangeError, "labml.ai's model");
  assertThrows(() => config("bert", { dropout: 1 }), RangeError, "must be at least 0 and below 1");
});
