import { assertAlmostEquals } from "@std/assert";
import { toHuggingFace } from "../../lib/format/tensor_names.ts";
import { fromHuggingFace } from "../../lib/format/place_tensors.ts";
import type { HostTensor } from "../../lib/format/safetensors.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { Model } from "../../lib/model/model.ts";
import fixture from "../fixtures/bert.json" with { type: "json" };
import { assertClose } from "../helpers/assert_close.ts";
import { deviceTest } from "../helpers/devices.ts";

const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 0 };
const shape = { windows: fixture.windows, length: fixture.length, capacity: 8 };

function tensorsOf(entries: Record<string, { shape: number[]; data: number[] }>): Map<string, HostTensor> {
  return new Map(
    Object.entries(entries).map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]),
  );
}

deviceTest("Model computes BERT's logits, loss and gradients as PyTorch does", async (device) => {
  const config = modelConfig({ preset: "bert", ...fixture.config });
  const model = new Model(device, config);
  model.writeParameters(fromHuggingFace(config, tensorsOf(fixture.parameters)));
  const ids = Uint32Array.from(fixture.ids);
  const maskedRows = Uint32Array.from(fixture.positions);
  const batch = { ...shape, ids, original: ids, maskedRows, labels: Uint32Array.from(fixture.labels) };

  const evaluation = await model.compileEvaluation(shape);
  evaluation.write(batch);
  evaluation.program.run();
  const [logits] = await device.read([evaluation.logits]);
  const padded = new Float32Array(logits!);
  const stride = padded.length / shape.capacity;
  const actual = fixture.logits.data.map((_, i) => padded[Math.floor(i / config.vocab) * stride + i % config.vocab]!);
  assertClose(actual, fixture.logits.data, { atol: 1e-5, rtol: 1e-5, label: "logits" });

  const training = await model.compileTraining(shape, optimizer);
  model.writeStep({ seed: 1, step: 0, microStep: 0, lossScale: 1 / maskedRows.length, learningRate: 0, optimizer });
  training.write(batch);
  training.program.run("gradients");
  const [gradients, totals] = await device.read([model.store.gradients, model.step.totals]);
  evaluation.destroy();
  training.destroy();
  model.destroy();
  assertAlmostEquals(new Float32Array(totals!)[0]! / maskedRows.length, fixture.loss, 1e-5);
  const byName = toHuggingFace(config, model.store.split(new Float32Array(gradients!)));
  for (const [name, expected] of tensorsOf(fixture.gradients)) {
    assertClose(byName.get(name)!.data, expected.data, { atol: 1e-5, rtol: 1e-4, label: name });
  }
});
