/**
 * Fields of JSON that was written before, checked one by one by a table, so that a sentence says which is wrong and what would be
 * right.
 *
 * @module
 */

import { shortened } from "./safe_text.ts";

/** What is wrong with a value. */
export interface Fault {
  /** Names and numbers that lead to it. */
  readonly path: readonly (string | number)[];
  /** What it should be. */
  readonly wanted: string;
  /** What it is; undefined where it is missing. */
  readonly found: unknown;
}

/** Finds what is wrong with a value, if anything is. */
export type Field = (value: unknown, path?: readonly (string | number)[]) => Fault | undefined;

/** A value for which something holds. */
export function such(wanted: string, holds: (value: unknown) => boolean): Field {
  return (value, path = []) => holds(value) ? undefined : { path, wanted, found: value };
}

/** A finite number within bounds. */
export function number(
  { least = -Infinity, above = -Infinity, most = Infinity, wanted = "a number" }: {
    least?: number;
    above?: number;
    most?: number;
    wanted?: string;
  } = {},
): Field {
  const bounds = [
    least > -Infinity ? ` of at least ${least}` : "",
    above > -Infinity ? ` above ${above}` : "",
    most < Infinity ? `${least > -Infinity || above > -Infinity ? " and" : ""} of at most ${most}` : "",
  ];
  return such(
    wanted + bounds.join(""),
    (value) =>
      Number.isFinite(value) && (value as number) >= least && (value as number) > above && (value as number) <= most,
  );
}

/** A whole number of at least so much. */
export function whole(least = 0): Field {
  return such(
    `a whole number of at least ${least}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= least,
  );
}

/** A share above 0. */
export const share: Field = number({ above: 0, most: 1 });

/** Text. */
export const text: Field = such("text", (value) => typeof value === "string");

/** Yes or no. */
export const truth: Field = such("true or false", (value) => typeof value === "boolean");

/** One of some words or numbers. */
export function choice(choices: readonly (string | number)[]): Field {
  const words = choices.map((one) => JSON.stringify(one));
  const wanted = words.length === 1 ? words[0]! : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return such(wanted, (value) => choices.includes(value as string));
}

/** A field that may be absent. */
export function optional(field: Field): Field {
  return (value, path) => value === undefined ? undefined : field(value, path);
}

/** A value that is null, or else as a field wants it. */
export function orNull(field: Field): Field {
  return (value, path) => value === null ? undefined : field(value, path);
}

/** A list of values of a kind. */
export function list(field: Field, { least = 0 } = {}): Field {
  return (value, path = []) => {
    if (!Array.isArray(value)) return { path, wanted: "a list", found: value };
    if (value.length < least) return { path, wanted: `a list of at least ${least}`, found: value };
    for (const [i, item] of value.entries()) {
      const fault = field(item, [...path, i]);
      if (fault) return fault;
    }
    return undefined;
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object with these fields; others are nobody's business. */
export function record(fields: Readonly<Record<string, Field>>): Field {
  return (value, path = []) => {
    if (!isRecord(value)) return { path, wanted: "an object", found: value };
    for (const [name, field] of Object.entries(fields)) {
      const fault = field(Object.hasOwn(value, name) ? value[name] : undefined, [...path, name]);
      if (fault) return fault;
    }
    return undefined;
  };
}

/** An object whose fields, whatever they are called, are all of a kind. */
export function entries(field: Field): Field {
  return (value, path = []) => {
    if (!isRecord(value)) return { path, wanted: "an object", found: value };
    for (const [name, item] of Object.entries(value)) {
      const fault = field(item, [...path, name]);
      if (fault) return fault;
    }
    return undefined;
  };
}

/** A value that one of some fields takes; what the fields want is said together. */
export function either(wanted: string, ...fields: readonly Field[]): Field {
  return such(wanted, (value) => fields.some((field) => field(value) === undefined));
}

/** A value that a field takes and for which something more holds. */
export function also(field: Field, wanted: string, holds: (value: never) => boolean): Field {
  const more = such(wanted, (value) => holds(value as never));
  return (value, path) => field(value, path) ?? more(value, path);
}

/** What is wrong, to stand behind a colon: `"training.seed" is "x"; wanted a whole number of at least 0`. */
export function faultText({ path, wanted, found }: Fault): string {
  const name = path.map((part, i) => typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`).join("");
  const what = found === undefined ? "is missing" : `is ${shown(found)}`;
  return name === "" ? `it ${what}; wanted ${wanted}` : `"${shortened(name)}" ${what}; wanted ${wanted}`;
}

/** A value of any kind, for a sentence. */
export function shown(value: unknown): string {
  if (typeof value === "string") return `"${shortened(value, 40)}"`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" && value !== null ? "an object" : shortened(String(value), 40);
}

/**
 * Checks a value by a table; returns it.
 *
 * @param says Begins the sentence, such as `Cannot resume "runs/a"`.
 * @throws {SyntaxError} that says which field is wrong.
 */
export function checked<T>(value: unknown, field: Field, says: string): T {
  const fault = field(value);
  if (fault) throw new SyntaxError(`${says}: ${faultText(fault)}`);
  return value as T;
}
