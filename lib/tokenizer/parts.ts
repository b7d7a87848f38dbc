/**
 * Parts of a tokenizer as tokenizer.json writes them: objects with a type and options.
 *
 * @module
 */

/** A normalizer, pre-tokenizer, model, post-processor or decoder. */
export interface Part {
  /** Its kind. */
  readonly type?: string;
  /** Its options. */
  readonly [option: string]: unknown;
}

/** An option that is text. @throws {RangeError} if it is none. */
export function textOption(part: Part, name: string, otherwise?: string): string {
  const value = part[name] ?? otherwise;
  if (typeof value !== "string") throw wrongOption(part, name, "text");
  return value;
}

/** An option that is one character. @throws {RangeError} if it is none. */
export function characterOption(part: Part, name: string, otherwise?: string): string {
  const value = textOption(part, name, otherwise);
  if ([...value].length !== 1) throw wrongOption(part, name, "one character");
  return value;
}

/** An option that is true or false. @throws {RangeError} if it is neither. */
export function flagOption(part: Part, name: string, otherwise: boolean): boolean {
  const value = part[name] ?? otherwise;
  if (typeof value !== "boolean") throw wrongOption(part, name, "true or false");
  return value;
}

/** An option that counts. @throws {RangeError} if it does not. */
export function countOption(part: Part, name: string, otherwise?: number): number {
  const value = part[name] ?? otherwise;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw wrongOption(part, name, "a count");
  return value;
}

/** An option that is one of several words. @throws {RangeError} if it is none of them. */
export function choiceOption<Choice extends string>(
  part: Part,
  name: string,
  { choices, otherwise }: { choices: readonly Choice[]; otherwise?: Choice },
): Choice {
  const value = part[name] ?? otherwise;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw wrongOption(part, name, choices.join(", "));
  return found;
}

/** An option that lists parts. @throws {RangeError} if it does not. */
export function partsOption(part: Part, name: string): readonly Part[] {
  const value = part[name];
  if (!Array.isArray(value) || value.some((item) => item === null || typeof item !== "object")) {
    throw wrongOption(part, name, "a list of parts");
  }
  return value;
}

function wrongOption(part: Part, name: string, wanted: string): RangeError {
  const found = JSON.stringify(part[name])?.slice(0, 60) ?? "missing";
  return new RangeError(`"${name}" of its ${part.type ?? "part"} is ${found}; it must be ${wanted}`);
}
