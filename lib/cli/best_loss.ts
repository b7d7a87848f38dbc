/**
 * The best of several validations.
 *
 * @module
 */

/** The one with the least loss; undefined where none has a loss that is a number. */
export function bestOf<Validated extends { readonly loss: number }>(
  validations: readonly Validated[],
): Validated | undefined {
  const least = (best: Validated | undefined, one: Validated) => one.loss < (best?.loss ?? Infinity) ? one : best;
  return validations.reduce<Validated | undefined>(least, undefined);
}
