/**
 * Parameters in the making: what encoder and heads declare them by.
 *
 * @module
 */

import type { ParameterSpec } from "../optimizer/parameter_store.ts";
import type { BiasPlace, ModelConfig } from "./config.ts";

/** Role of a parameter, which decides its initial values. */
export type ParameterRole = "embedding" | "input" | "output" | "scale" | "bias" | "decoderBias";

/** A parameter with its role, and for weights and biases of a product the number of inputs. */
export interface ModelParameter extends ParameterSpec {
  /** Decides the initial values. */
  readonly role: ParameterRole;
  /** Number of inputs of the product that it belongs to. */
  readonly inputs: number;
}

/** Declares parameters one after the other, with biases where the configuration has them. */
export class ParameterList {
  /** Those declared so far. */
  readonly parameters: ModelParameter[] = [];
  readonly #config: ModelConfig;

  /** An empty list. */
  constructor(config: ModelConfig) {
    this.#config = config;
  }

  /** Any parameter. */
  put(
    name: string,
    shape: number[],
    role: ParameterRole,
    { inputs = 0, hidden = false }: { inputs?: number; hidden?: boolean } = {},
  ): void {
    const kind = { ...(role === "embedding" ? { embedding: true } : {}), ...(hidden ? { hidden } : {}) };
    this.parameters.push({ name, shape, role, inputs, decay: shape.length > 1, ...kind });
  }

  /** Scale and bias of a norm. */
  norm(name: string): void {
    this.put(`${name}.weight`, [this.#config.width], "scale");
    if (this.#config.biases.includes("norm")) this.put(`${name}.bias`, [this.#config.width], "bias");
  }

  /** Weight and bias of a product. */
  linear(
    name: string,
    [outputs, inputs]: [number, number],
    role: ParameterRole,
    place: BiasPlace,
  ): void {
    this.put(`${name}.weight`, [outputs, inputs], role, {
      inputs,
      hidden: place === "attention" || place === "feedForward",
    });
    if (this.#config.biases.includes(place)) this.put(`${name}.bias`, [outputs], "bias", { inputs });
  }
}
