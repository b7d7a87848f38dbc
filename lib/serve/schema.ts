/**
 * The part of JSON Schema that the requests and answers of the server are described in, and checking values by it.
 *
 * @module
 */

import { faultText } from "../sentences/fields.ts";
import { listed, shortened } from "../sentences/safe_text.ts";

/** What a value must be. */
export interface Schema {
  /** Its kind. */
  readonly type: "object" | "array" | "string" | "integer" | "number" | "boolean";
  /** What it means. */
  readonly description?: string;
  /** Of an object: its fields. Others are refused. */
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Of an object: the fields that it must have. */
  readonly required?: readonly string[];
  /** Of an object with a table of fields. */
  readonly additionalProperties?: false;
  /** Of an array: what its items are. */
  readonly items?: Schema;
  /** Of an array: fewest items. */
  readonly minItems?: number;
  /** Of an array: most items. */
  readonly maxItems?: number;
  /** Of a number: least value. */
  readonly minimum?: number;
  /** Of a number: greatest value. */
  readonly maximum?: number;
  /** Of text: the words that it may be. */
  readonly enum?: readonly string[];
  /** What is taken where the field is missing. */
  readonly default?: unknown;
  /** A value as it may be. */
  readonly example?: unknown;
}

/** An object with these fields and no others; those without a default are required, unless they are named as optional. */
export function objectSchema(
  properties: Readonly<Record<string, Schema>>,
  { optional = [] }: { optional?: readonly string[] } = {},
): Schema {
  const required = Object.keys(properties).filter((name) =>
    properties[name]!.default === undefined && !optional.includes(name)
  );
  return { type: "object", properties, required, additionalProperties: false };
}

type Path = readonly (string | number)[];

/** What is wrong with a value, as a clause that stands behind a colon; undefined: nothing. */
export function schemaFault(value: unknown, schema: Schema, path: Path = []): string | undefined {
  if (!isOfType(value, schema)) return faultText({ path, wanted: wantedOf(schema), found: value });
  if (schema.type === "array") return arrayFault(value as unknown[], schema, path);
  if (schema.type === "object") return objectFault(value as Record<string, unknown>, schema, path);
  return undefined;
}

function arrayFault(value: readonly unknown[], { items, minItems = 0, maxItems = Infinity }: Schema, path: Path) {
  if (value.length < minItems || value.length > maxItems) {
    const name = path.length === 0 ? "it" : `"${shortened(path.join("."))}"`;
    return `${name} has ${value.length} items; wanted ${minItems} to ${maxItems}`;
  }
  for (const [i, item] of value.entries()) {
    const fault = items && schemaFault(item, items, [...path, i]);
    if (fault) return fault;
  }
  return undefined;
}

function objectFault(value: Record<string, unknown>, { properties = {}, required = [] }: Schema, path: Path) {
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(properties, name)) continue;
    return `"${shortened(name, 40)}" is no field; there are ${listed(Object.keys(properties))}`;
  }
  for (const [name, schema] of Object.entries(properties)) {
    const isThere = Object.hasOwn(value, name);
    if (!isThere && !required.includes(name)) continue;
    const fault = schemaFault(isThere ? value[name] : undefined, schema, [...path, name]);
    if (fault) return fault;
  }
  return undefined;
}

function isOfType(value: unknown, { type, minimum = -Infinity, maximum = Infinity, enum: words }: Schema): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "string":
      return typeof value === "string" && (words?.includes(value) ?? true);
    case "boolean":
      return typeof value === "boolean";
    default: {
      const isNumber = type === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
      return isNumber && (value as number) >= minimum && (value as number) <= maximum;
    }
  }
}

function wantedOf({ type, minimum, maximum, enum: words }: Schema): string {
  if (words) return words.map((word) => JSON.stringify(word)).join(" or ");
  const names = {
    object: "an object",
    array: "a list",
    string: "text",
    boolean: "true or false",
    integer: "a whole number",
    number: "a number",
  };
  const bounds = [
    ...(minimum === undefined ? [] : [` of at least ${minimum}`]),
    ...(maximum === undefined ? [] : [`${minimum === undefined ? "" : " and"} of at most ${maximum}`]),
  ];
  return names[type] + bounds.join("");
}

/** A value with what is taken for its missing fields. */
export function withDefaults<T>(value: object, { properties = {} }: Schema): T {
  const defaults = Object.entries(properties).filter(([, schema]) => schema.default !== undefined);
  return { ...Object.fromEntries(defaults.map(([name, schema]) => [name, schema.default])), ...value } as T;
}
