/**
 * Activation functions by name.
 *
 * @module
 */

/** Activation functions by name. */
export const activations = ["gelu", "relu", "gelu_tanh", "silu", "tanh", "relu2"] as const;
/**
 * An activation function: GELU by the error function or by its approximation with tanh, ReLU, SiLU, which is x · sigmoid(x), tanh, or the
 * square of ReLU (So et al., "Primer", 2021).
 */
export type Activation = typeof activations[number];
