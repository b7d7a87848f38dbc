import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Batch } from "../../lib/batch/batch.ts";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { trainingMemory } from "../../lib/model/memory.ts";
import { createModel, type Model } from "../../lib/model/model.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { deviceTest, kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import * as reference from "../reference/model.ts";
import * as tape from "../reference/tape.ts";

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0, clip: 0 };
const sizes = { vocab: 13, layers: 2, width: 24, heads: 2, hidden: 20, maxLength: 9 };
const contrast = { temperature: 0.3 };
const shape = { windows: 6, length: 7, capacity: 3, documents: true, contrast };
const lengths = [7, 3, 5, 2, 7, 6];

/** Two views each of three texts, of different lengths. */
function views(seed: number, { isSame = false } = {}): Batch {
  const next = random(seed);
  const { windows, length } = shape;
  const ids = Uint32Array.from({ length: windows * length }, () => Math.floor(next() * 13));
  if (isSame) ids.copyWithin(3 * length, 0, 3 * length);
  const own = isSame ? [...lengths.slice(0, 3), ...lengths.slice(0, 3)] : lengths;
  const documents = Uint32Array.from(
    own.flatMap((end) => Array.from({ length }, (_, i) => i < end ? [0, end] : [end, length]).flat()),
  );
  const labels = Uint32Array.of(0, 1, 2);
  return { windows, length, ids, original: ids, maskedRows: new Uint32Array(), labels, documents };
}

async function gradientsOf(model: Model, batch: Batch, { step = 0, lossScale = 1 / 3 } = {}) {
  const program = await model.compileTraining(shape, optimizer);
  try {
    model.writeStep({ seed: 1, step, microStep: 0, lossScale, learningRate: 0, optimizer });
    program.write(batch);
    program.program.run("gradients");
    const [gradients, totals] = await model.device.read([model.store.gradients, model.step.totals]);
    program.program.run("update");
    return { gradients: new Float32Array(gradients!), totals: [...new Float32Array(totals!)] };
  } finally {
    program.destroy();
  }
}

for (const preset of presets) {
  deviceTest(`Model compares texts, with loss and gradient of ${preset} as in float64`, async (device) => {
    const model = createModel(device, modelConfig({ ...sizes, preset, dropout: 0 }), { seed: 3 });
    try {
      const parameters = await model.readParameters();
      const shapes = new Map(model.store.specs.map(({ name, shape }) => [name, shape]));
      const values = reference.leaves(parameters, shapes);
      const loss = reference.contrastiveLoss(model.config, values, views(1), contrast.temperature);
      tape.backpropagate(loss, [1]);
      const { gradients, totals } = await gradientsOf(model, views(1));
      assertAlmostEquals(totals[0]! / 3, loss.data[0]!, 2e-5);
      assertEquals(totals[2], 3);
      for (const [name, gradient] of model.store.split(gradients)) {
        const expected = values.get(name)!.grad;
        const size = Math.hypot(...expected) / Math.sqrt(expected.length);
        // float32 through two layers, as of the masked loss
        assertClose(gradient, expected, { atol: 2e-4 * size + 1e-7, rtol: 1e-4, label: name });
      }
    } finally {
      model.destroy();
    }
  });
}

kindTest(
  "Model drops other activations of the two views of a text, other ones in every step, the same ones again",
  async (device) => {
    const model = createModel(device, modelConfig({ ...sizes, dropout: 0.3 }), { seed: 3 });
    try {
      const same = views(2, { isSame: true });
      const [first, again, later] = [
        await gradientsOf(model, same),
        await gradientsOf(model, same),
        await gradientsOf(model, same, { step: 1 }),
      ];
      assertEquals(first, again);
      assert(first.totals[0] !== later.totals[0]);
      // equal views have the same vector, and with it the highest cosine there is: in training they have not
      const evaluation = await model.compileEvaluation(shape);
      evaluation.write(same);
      evaluation.program.run();
      const [losses, predictions] = await device.read([evaluation.losses, evaluation.predictions]);
      evaluation.destroy();
      assertEquals([...new Uint32Array(predictions!)], [0, 1, 2]);
      const still = new Float32Array(losses!).reduce((sum, loss) => sum + loss);
      assert(still < first.totals[0]! - 1e-3, `${still} is not below ${first.totals[0]}`);
    } finally {
      model.destroy();
    }
  },
);

kindTest("Model refuses batches to compare that are not full, or odd, and temperatures of 0", async (device) => {
  const model = createModel(device, modelConfig({ ...sizes }));
  try {
    const program = await model.compileTraining(shape, optimizer);
    const batch = views(1);
    assertThrows(
      () => program.write({ ...batch, windows: 4, ids: batch.ids.slice(0, 28) }),
      RangeError,
      "Cannot compare the texts of 4 windows: there must be 6",
    );
    program.destroy();
    await assertRejects(() => model.compileTraining({ ...shape, windows: 5 }, optimizer), RangeError, "of 5 windows");
    const cold = { ...shape, contrast: { temperature: 0 } };
    await assertRejects(() => model.compileTraining(cold, optimizer), RangeError, "a temperature of 0");
  } finally {
    model.destroy();
  }
});

kindTest("trainingMemory() of texts that are compared is what they take", async (device) => {
  const config = modelConfig({ ...sizes, dropout: 0.1 });
  const model = createModel(device, config);
  const program = await model.compileTraining(shape, optimizer);
  const planned = await trainingMemory(device, config, { shape, optimizer });
  // some memory is rounded up where it is taken
  assertAlmostEquals(planned.parameters + planned.batch, model.bytes + program.bytes, 1024);
  program.destroy();
  model.destroy();
});
