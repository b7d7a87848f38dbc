/**
 * The parameters of a model by name, and their initial values.
 *
 * @module
 */

import { randomSequence } from "../random/philox.ts";
import type { ParameterSpec } from "../optimizer/parameter_store.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { architectures, type BiasPlace, type ModelConfig } from "./config.ts";

/** Role of a parameter, which decides its initial values. */
export type ParameterRole = "embedding" | "input" | "output" | "scale" | "bias" | "decoderBias";

/** A parameter with its role, and for weights and biases of a product the number of inputs. */
export interface ModelParameter extends ParameterSpec {
  /** Decides the initial values. */
  readonly role: ParameterRole;
  /** Number of inputs of the product that it belongs to. */
  readonly inputs: number;
}

/** Whether a parameter belongs to the head alone: without those a model still gives vectors of texts. */
export function isHeadParameter(name: string): boolean {
  return name.startsWith("head.") || name.startsWith("decoder.");
}

/** All parameters of a configuration, or without its head, in the order in which a forward pass meets them. */
export function modelParameters(config: ModelConfig, { head = true }: { head?: boolean } = {}): ModelParameter[] {
  const all = allParameters(config);
  return head ? all : all.filter(({ name }) => !isHeadParameter(name));
}

function allParameters(config: ModelConfig): ModelParameter[] {
  const { vocab, layers, width, hidden, maxLength, tokenTypes, tied } = config;
  const { norm, embeddingNorm, positionEncoding, gated, head } = architectures[config.preset];
  const biases = new Set(config.biases);
  const list: ModelParameter[] = [];
  const put = (name: string, shape: number[], role: ParameterRole, inputs = 0) =>
    list.push({ name, shape, role, inputs, decay: shape.length > 1 });
  const putNorm = (name: string) => {
    put(`${name}.weight`, [width], "scale");
    if (biases.has("norm")) put(`${name}.bias`, [width], "bias");
  };
  const putLinear = (name: string, [outputs, inputs]: [number, number], role: ParameterRole, place: BiasPlace) => {
    put(`${name}.weight`, [outputs, inputs], role, inputs);
    if (biases.has(place)) put(`${name}.bias`, [outputs], "bias", inputs);
  };

  put("embeddings.token", [vocab, width], "embedding");
  if (positionEncoding === "learned") put("embeddings.position", [maxLength, width], "embedding");
  if (tokenTypes > 0) put("embeddings.tokenType", [tokenTypes, width], "embedding");
  if (embeddingNorm) putNorm("embeddings.norm");
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `layers.${layer}`;
    // embeddings that are normalised already enter the first layer as they are
    if (norm === "after" || layer > 0 || !embeddingNorm) putNorm(`${prefix}.attention.norm`);
    putLinear(`${prefix}.attention.qkv`, [3 * width, width], "input", "attention");
    putLinear(`${prefix}.attention.output`, [width, width], "output", "attention");
    putNorm(`${prefix}.feedForward.norm`);
    putLinear(`${prefix}.feedForward.input`, [gated ? 2 * hidden : hidden, width], "input", "feedForward");
    putLinear(`${prefix}.feedForward.output`, [width, hidden], "output", "feedForward");
  }
  if (norm === "before") putNorm("finalNorm");
  if (head === "transformed") {
    putLinear("head.dense", [width, width], "output", "head");
    putNorm("head.norm");
  }
  if (!tied) put("decoder.weight", [vocab, width], "output", width);
  if (biases.has("decoder")) put("decoder.bias", [vocab], "decoderBias", width);
  return list;
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
 * everywhere; "uniform": PyTorch's defaults, ±1/√inputs and standard normal embeddings. With `only`, of some parameters alone,
 * the same as among all.
 */
export function initialValues(
  config: ModelConfig,
  seed: number,
  { only = () => true }: { only?: (name: string) => boolean } = {},
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
      if (role === "scale") values.fill(1);
      else if (initialisation === "uniform") {
        const bound = inputs ** -0.5;
        if (role === "embedding") fill(() => random.normal());
        else if (inputs > 0) fill(() => bound * (2 * random.uniform() - 1));
      } else if (role !== "bias" && role !== "decoderBias") {
        const truncated = initialisation === "truncated";
        const branch = role === "output" ? Math.sqrt(2 * config.layers) : 1;
        const deviation = truncated ? 1 / Math.sqrt(config.width) / branch : DEVIATION;
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
