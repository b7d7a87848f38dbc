import { assert, assertEquals } from "@std/assert";
import { memoryFolder } from "../../lib/format/folder.ts";
import { openModel } from "../../lib/format/model_folder.ts";
import { readWeights } from "../../lib/format/weights.ts";
import { modelConfig } from "../../lib/model/config.ts";
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
