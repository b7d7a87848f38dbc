/**
 * Activation functions by name.
 *
 * @module
 */

/** Activation functions by name. */
export const activations = ["gelu", "relu", "gelu_tanh", "silu"] as const;
/** An activation function: GELU by the error function or by its approximation with tanh, ReLU, or SiLU, which is x · sigmoid(x). */
export type Activation = typeof activations[number];
