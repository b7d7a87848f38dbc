import type { MaskedLanguageModel } from "../../lib/inference/load.ts";
import { batchesOf } from "../../lib/inference/texts.ts";

/** Logits of every token of each text, computed in one padded batch: [tokens · vocab] each. */
export async function logitsOf(
  { model, tokenizer }: Pick<MaskedLanguageModel, "model" | "tokenizer">,
  texts: readonly (readonly number[])[],
): Promise<Float32Array[]> {
  const { maxLength, vocab } = model.config;
  const padding = tokenizer.special["[PAD]"];
  const [batch, ...rest] = batchesOf(texts.map((text) => Uint32Array.from(text)), { padding, maxLength });
  if (rest.length > 0) throw new Error("the texts do not fit one batch");
  const { windows, length, ids, documents, members, lengths } = batch!;
  const capacity = windows * length;
  const program = await model.compileEvaluation({ windows, length, capacity, documents: documents !== undefined });
  const maskedRows = Uint32Array.from({ length: capacity }, (_, row) => row);
  program.write({ ...batch!, original: ids, maskedRows, labels: new Uint32Array(capacity) });
  program.program.run();
  const [bytes] = await model.device.read([program.logits]);
  program.destroy();
  const all = new Float32Array(bytes!);
  const stride = all.length / capacity;
  const result: Float32Array[] = [];
  for (const [w, member] of members.entries()) {
    result[member] = Float32Array.from({ length: lengths[w]! * vocab }, (_, i) => {
      return all[(w * length + Math.floor(i / vocab)) * stride + i % vocab]!;
    });
  }
  return result;
}
