import { assert, assertEquals } from "@std/assert";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { readWeights } from "../../lib/format/weights.ts";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { modelFiles } from "../helpers/model_files.ts";
import { random } from "../helpers/random.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const values: Json[] = [null, true, 0, -1, 2.5, 1e9, "x", [], [null], {}, { x: 1 }];

/** JSON with one value somewhere replaced or left out. */
function damaged(json: Json, next: () => number): Json {
  const copy = structuredClone(json);
  const places: [holder: Json[] | { [key: string]: Json }, key: string][] = [];
  const walk = (value: Json) => {
    if (value === null || typeof value !== "object") return;
    // of long lists and vocabularies the first entries are enough
    for (const key of Object.keys(value).slice(0, 20)) {
      places.push([value, key]);
      walk((value as Record<string, Json>)[key]!);
    }
  };
  walk(copy);
  const [holder, key] = places[Math.floor(next() * places.length)]!;
  if (next() < 0.2) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  } else (holder as Record<string, Json>)[key] = values[Math.floor(next() * values.length)]!;
  return copy;
}

/** Opens and reads a model of which one file is damaged; whatever is said must be said on purpose. */
async function check(files: ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>, what: string): Promise<boolean> {
  try {
    const { weights, config } = await openModel(memoryFolder("m", files));
    await readWeights(weights, config);
    return true;
  } catch (error) {
    const isMeant = error instanceof SyntaxError ||
      (error instanceof RangeError && error.message.startsWith("Cannot "));
    assert(isMeant, `${what}: ${(error as Error).stack}`);
    return false;
  }
}

for (const [kind, preset] of [["framed wordpiece", "bert"], ["framed bpe", "modernbert"], ["char", "labml"]] as const) {
  const tokenizer = kinds[kind]!;
  const options = { vocab: tokenizer.size, layers: 2, width: 8, heads: 2, hidden: 8, maxLength: 16 };
  const local = preset === "modernbert" ? { local: { window: 4, rotaryBase: 500, layers: [1] } } : {};
  const files = modelFiles(modelConfig({ ...options, preset, ...local }), tokenizer);

  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    Deno.test(`openModel() says in its own words what is wrong with a damaged ${name} (${preset})`, async () => {
      const next = random(3);
      const json = JSON.parse(await new Blob([...files.get(name)!]).text());
      let fine = 0;
      for (let i = 0; i < 150; i++) {
        const text = JSON.stringify(damaged(json, next));
        const changed = new Map(files).set(name, [new TextEncoder().encode(text)]);
        if (await check(changed, text.slice(0, 400))) fine++;
      }
      // most of what tokenizer_config.json says does not matter
      if (name !== "tokenizer_config.json") assert(fine < 150);
    });
  }

  Deno.test(`openModel() says in its own words what is wrong with damaged weights (${preset})`, async () => {
    const next = random(4);
    const whole = await new Blob([...files.get("model.safetensors")!]).bytes();
    const header = Number(new DataView(whole.buffer).getBigUint64(0, true));
    for (let i = 0; i < 300; i++) {
      const bytes = i % 3 === 0 ? whole.slice(0, Math.floor(next() * whole.length)) : whole.slice();
      for (let j = 0; j < 3; j++) {
        const at = Math.floor(next() * Math.min(bytes.length, 8 + header));
        if (bytes.length > 0) bytes[at] = Math.floor(next() * 256);
      }
      await check(new Map(files).set("model.safetensors", [bytes]), `weights ${i}`);
    }
    assertEquals(await check(files, "whole"), true);
  });
}

/** A safetensors file with another header over the same numbers. */
function withHeader(bytes: Uint8Array<ArrayBuffer>, header: Json): Uint8Array<ArrayBuffer> {
  const before = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const text = new TextEncoder().encode(JSON.stringify(header));
  const whole = new Uint8Array(8 + text.length + bytes.length - before);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(bytes.subarray(before), 8 + text.length);
  return whole;
}

for (const preset of presets) {
  const tokenizer = kinds.char!;
  const sizes = { vocab: tokenizer.size, layers: 1, width: 12, heads: 2, hidden: 8, maxLength: 16 };
  const files = modelFiles(modelConfig({ ...sizes, preset }), tokenizer);

  Deno.test(`openModel() says in its own words what is wrong with a header that says something else (${preset})`, async () => {
    const next = random(6);
    const whole = await new Blob([...files.get("model.safetensors")!]).bytes();
    const length = Number(new DataView(whole.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(whole.subarray(8, 8 + length)));
    const names = Object.keys(header).filter((name) => name !== "__metadata__");
    const pick = () => names[Math.floor(next() * names.length)]!;
    const odd = ["x", "", "a.b.", "bert.", "_orig_mod.", "decoder.weight", "cls.predictions.decoder.bias", "head."];
    const word = () => next() < 0.5 ? pick() : odd[Math.floor(next() * odd.length)]!;
    let fine = 0;
    for (let i = 0; i < 200; i++) {
      // names with other prefixes, swapped or gone, aliases of all kinds, and anything else
      const prefix = i % 3 === 0 ? word() : "";
      const lost = pick();
      const changed: Record<string, Json> = {};
      for (const [name, value] of Object.entries<Json>(header)) {
        if (name !== "__metadata__") changed[name === lost && i % 2 === 0 ? word() : prefix + name] = value;
      }
      changed.__metadata__ = i % 4 === 0
        ? damaged({ a: word(), [lost]: word() }, next)
        : { [lost]: word(), [word()]: lost };
      const json = i % 5 === 0 ? damaged(changed, next) : changed;
      const damagedFile = new Map(files).set("model.safetensors", [withHeader(whole, json)]);
      if (await check(damagedFile, JSON.stringify(json).slice(0, 400))) fine++;
    }
    assert(fine > 10 && fine < 200, `${fine} of 200 were fine`);
  });

  Deno.test(`openModel() and readWeights() refuse any number that is not finite (${preset})`, async () => {
    const next = random(7);
    const whole = await new Blob([...files.get("model.safetensors")!]).bytes();
    const before = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
    for (let i = 0; i < 60; i++) {
      const bytes = whole.slice();
      const at = before + 4 * Math.floor(next() * ((bytes.length - before) / 4));
      new DataView(bytes.buffer).setFloat32(at, [NaN, Infinity, -Infinity][i % 3]!, true);
      assertEquals(await check(new Map(files).set("model.safetensors", [bytes]), `at ${at}`), false);
    }
  });
}

Deno.test("openModel() says what is wrong with JSON that is no object", async () => {
  const files = modelFiles(
    modelConfig({ vocab: kinds.char!.size, layers: 1, width: 8, heads: 2, hidden: 8 }),
    kinds.char!,
  );
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    for (const text of ["null", "5", '"x"', "[]", "", "{"]) {
      await check(new Map(files).set(name, [new TextEncoder().encode(text)]), `${name} ${text}`);
    }
  }
});
