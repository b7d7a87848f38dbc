/**
 * Activation functions as configurations of Hugging Face call them.
 *
 * @module
 */

import type { Activation } from "../tensor/activations.ts";

/** Every name of the functions that are known; several spell the same function, computed in other ways. */
const activationNames: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_pytorch_tanh: "gelu_tanh",
  gelu_python_tanh: "gelu_tanh",
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_accurate: "gelu_tanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
  relu2: "relu2",
};

/** The names under which functions are written. */
const writtenNames: Readonly<Record<Activation, string>> = {
  gelu: "gelu",
  gelu_tanh: "gelu_pytorch_tanh",
  relu: "relu",
  silu: "silu",
  tanh: "tanh",
  relu2: "relu2",
};

/** The function of a name; undefined if it is not known. */
export function activationOf(name: unknown): Activation | undefined {
  return typeof name === "string" && Object.hasOwn(activationNames, name) ? activationNames[name] : undefined;
}

/** The name of a function that every version knows. */
export function activationName(activation: Activation): string {
  return writtenNames[activation];
}

/** All names that are known, for messages. */
export const knownActivations: string = Object.keys(activationNames).join(", ");
