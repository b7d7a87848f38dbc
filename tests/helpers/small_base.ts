import type { Device } from "../../lib/device/device.ts";
import { type ModelConfig, modelConfig } from "../../lib/model/config.ts";
import { createModel, type Model } from "../../lib/model/model.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";

/** A small model with random weights, whose vocabulary are letters. */
export function smallBase(
  device: Device,
  { preset = "modernbert", framed = true, ...options }: Partial<ModelConfig> & { framed?: boolean } = {},
) {
  const letters = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
  const tokenizer = framed ? { ...letters, frame: bertFrame(letters.special)! } : letters;
  const sizes = { layers: 1, width: 32, heads: 2, hidden: 48, maxLength: 24 };
  const model = createModel(device, modelConfig({ ...sizes, ...options, preset, vocab: letters.size }));
  if (preset === "bert") enlarge(model);
  return { tokenizer, model };
}

/** At so small a width BERT's initial weights of 0.02 let next to nothing through. */
function enlarge(model: Model): void {
  const values = initialValues(model.config, 1);
  for (const [name, array] of values) {
    if (!/norm|bias/i.test(name)) { for (let i = 0; i < array.length; i++) array[i]! *= 8; }
  }
  model.writeParameters(values);
}
