/**
 * The parameters of a model by name, and their initial values.
 *
 * @module
 */

import { randomSequence } from "../random/philox.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { architectures, type ModelConfig } from "./config.ts";
import { encoderParameters } from "./encoder.ts";
import { classificationParameters } from "./heads/classification.ts";
import { maskedHeadParameters } from "./heads/masked.ts";
import { nextSentenceParameters } from "./heads/next_sentence.ts";
import type { ModelParameter } from "./parameter_list.ts";

/** All parameters of a configuration, or without its heads but one that tells classes, in the order in which a forward pass meets them. */
export function modelParameters(config: ModelConfig, { head = true }: { head?: boolean } = {}): ModelParameter[] {
  const encoder = encoderParameters(config);
  if (config.classification) return [...encoder, ...classificationParameters(config)];
  return head ? [...encoder, ...maskedHeadParameters(config), ...nextSentenceParameters(config)] : encoder;
}

/** Room for the values of every parameter, all zero. */
export function emptyValues(config: ModelConfig): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(modelParameters(config).map(({ name, shape }) => [name, new Float32Array(sizeOf(shape))]));
}

/** Number of trained numbers of a configuration, or of its encoder alone. */
export function parameterCount(config: ModelConfig, { head = true }: { head?: boolean } = {}): number {
  return modelParameters(config, { head }).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** Standard deviation of BERT's weights and embeddings (Devlin et al., 2019). */
const DEVIATION = 0.02;

/**
 * Initial values of every parameter, each from a random stream of its own. "truncated": normal cut at two standard
 * deviations, products that end a residual branch smaller by √(2 · layers) as in ModernBERT (Warner et al., 2024), but of
 * deviation 1/√width (LeCun et al., 1998): at the widths of small models 0.02 learns far more slowly. "normal": 0.02
 * everywhere; "uniform": PyTorch's defaults, ±1/√inputs and standard normal embeddings. The products that end a residual branch
 * are smaller by `outputInit` besides: with 0 every block begins by adding nothing. With `only`, of some parameters alone, the
 * same as among all.
 */
export function initialValues(
  config: ModelConfig,
  seed: number,
  { only = () => true, outputInit = 1 }: { only?: (name: string) => boolean; outputInit?: number | undefined } = {},
): Map<string, Float32Array<ArrayBuffer>> {
  const { initialisation } = architectures[config.preset];
  const numbered = modelParameters(config).map((parameter, index) => ({ ...parameter, index }));
  return new Map(
    numbered.filter(({ name }) => only(name)).map(({ name, shape, role, inputs, index }) => {
      const random = randomSequence({ seed, purpose: "initialisation", at: [index, 0] });
      const values = new Float32Array(sizeOf(shape));
      const fill = (draw: () => number) => {
        for (let i = 0; i < values.length; i++) values[i] = draw();
      };
      // the head's is followed by a norm, which could make nothing of 0
      const factor = role === "output" && name.startsWith("layers.") ? outputInit : 1;
      if (role === "scale") values.fill(1);
      else if (initialisation === "uniform") {
        const bound = factor * inputs ** -0.5;
        if (role === "embedding") fill(() => random.normal());
        else if (inputs > 0) fill(() => bound * (2 * random.uniform() - 1));
      } else if (role !== "bias" && role !== "decoderBias") {
        const truncated = initialisation === "truncated";
        const branch = role === "output" ? Math.sqrt(2 * config.layers) : 1;
        const deviation = factor * (truncated ? 1 / Math.sqrt(config.width) / branch : DEVIATION);
        fill(() => {
          let draw = random.normal();
          while (truncated && Math.abs(draw) > 2) draw = random.normal();
          return deviation * draw;
        });
      }
      return [name, values];
    }),
  );
}
