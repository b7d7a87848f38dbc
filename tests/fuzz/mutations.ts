/**
 * Ways to damage what is right, by seeded random numbers.
 */

/** Random numbers in [0, 1). */
export type Next = () => number;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export const below = (next: Next, most: number): number => Math.floor(next() * most);
export const pick = <T>(next: Next, list: readonly T[]): T => list[below(next, list.length)]!;

/** Values that stand where others are wanted. */
const oddValues: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  2.5,
  1e9,
  2 ** 53,
  -0.5,
  1e308,
  "",
  "x",
  "[PAD]",
  "[MASK]",
  "__proto__",
  "constructor",
  "\x1b[2J\u202e",
  "\ud800",
  "x".repeat(300),
  [],
  [null],
  [["a", 1]],
  [0, -1, 1e9],
  {},
  { x: 1 },
  { type: "NFC" },
  JSON.parse('{"__proto__": 1}'),
];

/** JSON with some values replaced, left out, doubled or moved. */
export function damagedJson(json: Json, next: Next): Json {
  const copy = structuredClone(json);
  for (let times = next() < 0.7 ? 1 : 3; times > 0; times--) damageOne(copy, next);
  return next() < 0.01 ? pick(next, oddValues) : copy;
}

function damageOne(json: Json, next: Next): void {
  // down from the top, so that what lies high is found as often as what lies deep
  let holder = json as Json[] | { [key: string]: Json };
  while (true) {
    if (holder === null || typeof holder !== "object") return;
    const keys = Object.keys(holder);
    if (keys.length === 0) return;
    const key = pick(next, keys.length > 40 ? [...keys.slice(0, 20), ...keys.slice(-10)] : keys);
    const value = (holder as Record<string, Json>)[key]!;
    if (value !== null && typeof value === "object" && next() < 0.75 && Object.keys(value).length > 0) {
      holder = value as Json[];
      continue;
    }
    const way = next();
    if (Array.isArray(holder)) {
      if (way < 0.2) holder.splice(Number(key), 1);
      else if (way < 0.3) holder.push(structuredClone(value));
      else holder[Number(key)] = structuredClone(pick(next, oddValues));
    } else if (way < 0.2) delete holder[key];
    else if (way < 0.3) {
      const name = pick(next, ["x", "type", "__proto__", key + key]);
      // as JSON has it, where this is a name like any other
      Object.defineProperty(holder, name, {
        value: structuredClone(value),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    } else if (way < 0.5 && typeof value === "number") {
      holder[key] = pick(next, [value + 1, -value, value * 1e6, value / 3]);
    } else holder[key] = structuredClone(pick(next, oddValues));
    return;
  }
}

const oddBytes = [0x00, 0xff, 0x7f, 0x80, 0x0a, 0x22, 0x2c, 0x5c, 0x7b, 0x5b, 0x1b, 0xc3, 0xed, 0xf0];

/** Bytes with some changed, left out, doubled, put in or cut off. */
export function damagedBytes(bytes: Uint8Array<ArrayBuffer>, next: Next, most = bytes.length): Uint8Array<ArrayBuffer> {
  let changed = bytes.slice();
  for (let times = 1 + below(next, 4); times > 0 && changed.length > 0; times--) {
    const at = below(next, Math.min(most, changed.length));
    const way = next();
    if (way < 0.45) changed[at]! ^= 1 << below(next, 8);
    else if (way < 0.65) changed[at] = pick(next, oddBytes);
    else if (way < 0.72) changed = changed.slice(0, at);
    else if (way < 0.8) changed = joined(changed.subarray(0, at), changed.subarray(at + 1 + below(next, 8)));
    else if (way < 0.88) {
      const part = changed.slice(at, at + below(next, 40));
      changed = joined(changed.subarray(0, at), part, changed.subarray(at));
    } else if (way < 0.95) {
      const noise = Uint8Array.from({ length: 1 + below(next, 6) }, () => below(next, 256));
      changed = joined(changed.subarray(0, at), noise, changed.subarray(at));
    } else changed.fill(0, at, Math.min(changed.length, at + below(next, 64)));
  }
  return changed;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Text damaged as bytes are. */
export function damagedText(text: string, next: Next): string {
  return new TextDecoder().decode(damagedBytes(new TextEncoder().encode(text), next));
}

/** Words of a notation in any order. */
export function scrambled(words: readonly string[], next: Next, most = 12): string {
  return Array.from({ length: below(next, most) }, () => pick(next, words)).join("");
}
