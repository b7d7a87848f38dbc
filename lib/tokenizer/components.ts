/**
 * Components of a tokenizer as tokenizer.json writes them: objects with a type and options.
 *
 * @module
 */
import { shortened } from "../sentences/safe_text.ts";

/** A normalizer, pre-tokenizer, model, post-processor or decoder. */
export interface Component {
  /** Its kind. */
  readonly type?: string;
  /** Its options. */
  readonly [option: string]: unknown;
}

/** An option that is text. @throws {RangeError} if it is none. */
export function textOption(component: Component, name: string, otherwise?: string): string {
  const value = component[name] ?? otherwise;
  if (typeof value !== "string") throw wrongOption(component, name, "text");
  return value;
}

/** An option that is one character. @throws {RangeError} if it is none. */
export function characterOption(component: Component, name: string, otherwise?: string): string {
  const value = textOption(component, name, otherwise);
  if ([...value].length !== 1) throw wrongOption(component, name, "one character");
  return value;
}

/** An option that is true or false. @throws {RangeError} if it is neither. */
export function flagOption(component: Component, name: string, otherwise: boolean): boolean {
  const value = component[name] ?? otherwise;
  if (typeof value !== "boolean") throw wrongOption(component, name, "true or false");
  return value;
}

/** An option that counts. @throws {RangeError} if it does not. */
export function countOption(component: Component, name: string, otherwise?: number): number {
  const value = component[name] ?? otherwise;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw wrongOption(component, name, "a count");
  return value;
}

/** An option that is one of several words. @throws {RangeError} if it is none of them. */
export function choiceOption<Choice extends string>(
  component: Component,
  name: string,
  { choices, otherwise }: { choices: readonly Choice[]; otherwise?: Choice },
): Choice {
  const value = component[name] ?? otherwise;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw wrongOption(component, name, choices.join(", "));
  return found;
}

/** An option that lists components. @throws {RangeError} if it does not. */
export function componentsOption(component: Component, name: string): readonly Component[] {
  const value = component[name];
  if (!Array.isArray(value) || value.some((item) => item === null || typeof item !== "object")) {
    throw wrongOption(component, name, "a list of parts");
  }
  return value;
}

function wrongOption(component: Component, name: string, wanted: string): RangeError {
  const found = JSON.stringify(component[name])?.slice(0, 60) ?? "missing";
  return new RangeError(
    `"${name}" of its ${
      typeof component.type === "string" ? shortened(component.type) : "part"
    } is ${found}; it must be ${wanted}`,
  );
}

/** The type that a component says it is of, for a sentence. */
export function typeName({ type }: { readonly type?: unknown }): string {
  return typeof type === "string" ? shortened(type) : "of no type";
}
