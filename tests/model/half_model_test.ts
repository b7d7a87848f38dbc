import { assertAlmostEquals, assertEquals } from "@std/assert";
import { assertClose } from "../helpers/assert_close.ts";
import { halfProducts, halfTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import * as reference from "../reference/model.ts";
import * as tape from "../reference/tape.ts";
import type { Batch } from "../../lib/batch/batch.ts";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { FIRST_LOSS_SCALE } from "../../lib/optimizer/loss_scale.ts";

const shape = { windows: 5, length: 33, capacity: 40 };
const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

function randomBatch({ vocab }: { vocab: number }): Batch {
  const next = random(1);
  const { windows, length } = shape;
  const draw = () => Math.floor(next() * vocab);
  const original = Uint32Array.from({ length: windows * length }, draw);
  const maskedRows = Uint32Array.from({ length: 31 }, (_, i) => 5 * i + 2);
  const ids = original.slice();
  for (const row of maskedRows) ids[row] = draw();
  return { windows, length, ids, original, maskedRows, labels: maskedRows.map((row) => original[row]!) };
}

/** Initial values of about 0.2, which f16 holds. */
function values(config: ReturnType<typeof modelConfig>): Map<string, Float32Array<ArrayBuffer>> {
  const enlarged = { modernbert: 1, bert: 10, labml: 0.5 }[config.preset];
  const next = random(3);
  const all = initialValues(config, 3);
  for (const [name, array] of all) {
    for (const [i, value] of array.entries()) {
      const isNorm = name.includes("orm");
      array[i] = Math.f16round(name.endsWith("bias") ? next() - 0.5 : isNorm ? 0.5 + next() : enlarged * value);
    }
  }
  return all;
}

for (const preset of presets) {
  const config = modelConfig({
    ...{ preset, vocab: 13, layers: 2, width: 24, heads: 2, hidden: 20, maxLength: 33, dropout: 0 },
  });
  halfTest(`Model in f16 computes loss and gradient of ${preset} like float64`, async (device) => {
    const model = createModel(device, config);
    const parameters = values(config);
    model.writeParameters(parameters);
    const program = await model.compileTraining(shape, optimizer);
    const batch = randomBatch(config);
    const leaves = reference.leaves(parameters, new Map(model.store.specs.map(({ name, shape }) => [name, shape])));
    const loss = reference.loss(config, leaves, batch);
    tape.backpropagate(loss, [1]);
    const at = { seed: 1, step: 0, microStep: 0, learningRate: 0, optimizer };
    model.writeStep({ ...at, lossScale: 1 / batch.labels.length });
    program.write(batch);
    program.program.run("gradients");
    const [gradients] = await device.read([model.store.gradients]);
    program.program.run("update");
    const [record] = await model.readRecords({ first: 0, end: 1 });
    const { masked } = record!;
    // a sum of 31 losses of logits that were rounded some ten times, each to 2^-11 of itself
    assertAlmostEquals(masked.lossSum / masked.labels, loss.data[0]!, 10 * 2 ** -11);
    for (const [name, gradient] of model.store.split(new Float32Array(gradients!))) {
      const expected = leaves.get(name)!.grad;
      const size = Math.hypot(...expected) / Math.sqrt(expected.length);
      const actual = gradient.map((value) => value / FIRST_LOSS_SCALE.factor);
      // forward and backward about forty roundings lie between a gradient and its reference
      assertClose(actual, expected, { atol: 40 * 2 ** -11 * size + 1e-6, rtol: 40 * 2 ** -11, label: name });
    }
    assertEquals(device.precision, "f16");
    program.destroy();
    model.destroy();
  }, { as: preset === "modernbert" ? halfProducts : ["webgpu, f16"] });
}
