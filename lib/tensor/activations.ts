/**
 * Activation functions by name.
 *
 * @module
 */

/** Activation functions by name. */
export const activations = ["gelu", "relu", "gelu_tanh", "silu", "tanh"] as const;
/** An activation function: GELU by the error function or by its approximation with tanh, ReLU, SiLU, which is x · sigmoid(x), or tanh. */
export type Activation = typeof activations[number];
