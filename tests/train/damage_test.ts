// What a disk, a crash or a hand may do to a checkpoint, each found before a step is trained on it.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { START } from "../../lib/batch/windows.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { soundCheckpoint } from "../../lib/cli/sound_checkpoint.ts";
import { CHECKSUMS } from "../../lib/files/checksums.ts";
import { folderStorage } from "../../lib/files/checkpoint_folder.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { findModels } from "../../lib/files/find_models.ts";
import { decodeSafetensors, encodeSafetensors } from "../../lib/format/safetensors.ts";
import { readWeights } from "../../lib/format/weights.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from "../../lib/train/checkpoint.ts";
import { random as randomFrom } from "../helpers/random.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tokenizer = characterTokenizer("abc \n");
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 16, heads: 2, hidden: 24 });

function checkpoint(step: number): Checkpoint {
  const values = (seed: number) => initialValues(config, seed + step);
  const [parameters, firstMoment, secondMoment] = [values(1), values(2), values(3)];
  const position = { ...START, epoch: 1, line: step };
  const state = { step, tokens: 7 * step, seconds: 1.25, position, parameters, firstMoment, secondMoment };
  return { config, tokenizer, state };
}

/** The files that are read, and the sums. */
const files = [
  "config.json",
  "model.safetensors",
  "optimizer.safetensors",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "training.json",
  CHECKSUMS,
];

const PAGE = 4096;

type Damage = (bytes: Uint8Array, random: (end: number) => number, other: Uint8Array) => Uint8Array | undefined;

const damages: Readonly<Record<string, Damage>> = {
  "a bit is flipped": (bytes, random) => {
    bytes[random(bytes.length)]! ^= 1 << random(8);
    return bytes;
  },
  "a page is zero": (bytes, random) => {
    const at = PAGE * random(Math.ceil(bytes.length / PAGE));
    return bytes.fill(0, at, at + PAGE);
  },
  "the end is cut off": (bytes, random) => bytes.subarray(0, random(bytes.length)),
  "bytes are behind it": (bytes) => Uint8Array.of(...bytes, 10),
  "it is empty": () => new Uint8Array(),
  "it is another checkpoint's": (_, __, other) => other,
  "it is gone": () => undefined,
};

/** Damages that leave the same checkpoint. */
const harmless = new Set([
  // those of earlier versions have none
  `${CHECKSUMS}: it is gone`,
  ...["config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
    .map((file) => `${file}: it is another checkpoint's`),
]);

/** Files that are changed by a hand, as valid as before. */
const edits: Readonly<Record<string, readonly [file: string, edit: (text: string) => string]>> = {
  "the step": ["training.json", (text) => text.replace('"step": 5', '"step": 6')],
  "the tokens": ["training.json", (text) => text.replace('"tokens": 35', '"tokens": 36')],
  "the place in the text": ["training.json", (text) => text.replace('"line": 5', '"line": 4')],
  "a clock that spaces set": ["training.json", (text) => text.replace('"step": 5', '"step":  5')],
  "two tokens": ["tokenizer.json", (text) => text.replace('"a"', '"x"').replace('"b"', '"a"').replace('"x"', '"b"')],
  "a token": ["tokenizer.json", (text) => text.replace('"c"', '"d"')],
  "a special token": ["tokenizer_config.json", (text) => text.replaceAll("[MASK]", "[mask]")],
  "the norm's epsilon": ["config.json", (text) => text.replace("1e-5", "1e-6").replace("0.00001", "0.000001")],
};

/** A storage with a checkpoint of step 5, and one of step 4 before it. */
async function stored(path: string, about: Pick<Checkpoint, "origin"> = {}) {
  const storage = folderStorage(path);
  await saveCheckpoint(storage, { ...checkpoint(4), ...about });
  const name = await saveCheckpoint(storage, { ...checkpoint(5), ...about });
  return { storage, name, before: "step-00000004" };
}

Deno.test("loadCheckpoint() finds every damage, and says which file has it", () =>
  inTemporaryFolder(async (path) => {
    const { storage, name, before } = await stored(path);
    const random = randomFrom(12);
    const unfound: string[] = [];
    for (const file of files) {
      const place = `${path}/${name}/${file}`;
      const original = await Deno.readFile(place);
      const other = await Deno.readFile(`${path}/${before}/${file}`);
      for (const [what, damage] of Object.entries(damages)) {
        for (let time = 0; time < (what === "a bit is flipped" ? 20 : 2); time++) {
          const bytes = damage(original.slice(), (end) => Math.floor(random() * end), other);
          await Deno.remove(place);
          if (bytes) await Deno.writeFile(place, bytes);
          const error = await loadCheckpoint(storage, name).then(() => undefined, (error: unknown) => error);
          const isFound = error instanceof SyntaxError || error instanceof RangeError;
          if (isFound) assertStringIncludes(error.message, `${path}/${name}`);
          if (isFound === harmless.has(`${file}: ${what}`)) unfound.push(`${file}: ${what}: ${error}`);
          await Deno.writeFile(place, original);
        }
      }
    }
    assertEquals(unfound, []);
    assertEquals((await loadCheckpoint(storage, name)).state, checkpoint(5).state);
  }));

for (const [what, [file, edit]] of Object.entries(edits)) {
  Deno.test(`loadCheckpoint() finds what was changed by hand: ${what}`, () =>
    inTemporaryFolder(async (path) => {
      const { storage, name } = await stored(path);
      const place = `${path}/${name}/${file}`;
      const text = await Deno.readTextFile(place);
      assert(edit(text) !== text, "the edit changes nothing");
      await Deno.writeTextFile(place, edit(text));
      await assertRejects(
        () => loadCheckpoint(storage, name),
        SyntaxError,
        `Cannot read ${place}: it is damaged: its bytes are not those that were written (see ${CHECKSUMS}); ` +
          `if it was changed on purpose, delete ${CHECKSUMS} beside it`,
      );
    }));
}

Deno.test("loadCheckpoint() finds a checkpoint that is called by another's step", () =>
  inTemporaryFolder(async (path) => {
    const { storage, name } = await stored(path);
    await Deno.rename(`${path}/${name}`, `${path}/step-00000009`);
    await assertRejects(
      () => loadCheckpoint(storage, "step-00000009"),
      SyntaxError,
      "it is of step 5, its folder is step-00000009",
    );
  }));

Deno.test("loadCheckpoint() finds a file that came later and would be read", () =>
  inTemporaryFolder(async (path) => {
    const { storage, name } = await stored(path);
    await Deno.writeTextFile(`${path}/${name}/added_tokens.json`, '{"[NEW]": 3}');
    await assertRejects(
      () => loadCheckpoint(storage, name),
      SyntaxError,
      "added_tokens.json: it was not there when the checkpoint was written",
    );
  }));

Deno.test("loadCheckpoint() blames the checksums where one of their lines is gone", () =>
  inTemporaryFolder(async (path) => {
    const { storage, name } = await stored(path);
    const sums = `${path}/${name}/${CHECKSUMS}`;
    const lines = (await Deno.readTextFile(sums)).split(/(?<=\n)/);
    for (
      const file of ["config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "training.json"]
    ) {
      await Deno.writeTextFile(sums, lines.filter((line) => !line.endsWith(`  ${file}\n`)).join(""));
      const said = `Cannot use ${sums}: it is incomplete: it has no line for ${file}`;
      await assertRejects(() => loadCheckpoint(storage, name), SyntaxError, said);
    }
    await Deno.writeTextFile(sums, lines.join(""));
    await loadCheckpoint(storage, name);
  }));

Deno.test("soundCheckpoint() says that nothing tells whether a checkpoint without checksums is sound", () =>
  inTemporaryFolder(async (path) => {
    const { storage, name } = await stored(path);
    const said: string[] = [];
    const tell = (line: string) => said.push(line);
    assertEquals([(await soundCheckpoint(storage, { tell })).checkpoint?.state.step, said], [5, []]);
    await Deno.remove(`${path}/${name}/${CHECKSUMS}`);
    assertEquals((await soundCheckpoint(storage, { tell })).checkpoint?.state.step, 5);
    assertEquals(said, [
      `note: ${path}/${name} has no checkpoint.sha256, as of earlier versions: nothing tells whether it is as it was written`,
    ]);
  }));

Deno.test("loadCheckpoint() lets the model card be written anew, and reads checkpoints without checksums", () =>
  inTemporaryFolder(async (path) => {
    const origin = { corpus: "a text", device: "a computer", card: "# a card\n" };
    const { storage, name } = await stored(path, { origin });
    await Deno.writeTextFile(`${path}/${name}/README.md`, "# another card\n");
    await Deno.writeTextFile(`${path}/${name}/notes.txt`, "mine");
    assertEquals((await loadCheckpoint(storage, name)).state, checkpoint(5).state);
    await Deno.remove(`${path}/${name}/README.md`);
    await Deno.remove(`${path}/${name}/${CHECKSUMS}`);
    assertEquals((await loadCheckpoint(storage, name)).state, checkpoint(5).state);
  }));

Deno.test("findModels() finds damage to the weights and the vocabulary of a checkpoint when they are read", () =>
  inTemporaryFolder(async (path) => {
    const { name } = await stored(`${path}/checkpoints`);
    const place = `${path}/checkpoints/${name}`;
    const file = `${place}/model.safetensors`;
    const { tensors } = decodeSafetensors(await Deno.readFile(file));
    // the least of changes in the last of numbers
    const [last] = [...tensors.values()].slice(-1);
    new Uint32Array(last!.data.buffer, last!.data.byteOffset)[last!.data.length - 1]! ^= 1;
    await Deno.writeFile(file, await new Blob(encodeSafetensors(tensors)).bytes());
    for (const way of [path, place]) {
      const { weights } = await openModel((await findModels(way)).at(-1)!);
      await assertRejects(() => readWeights(weights, config), SyntaxError, `Cannot read ${file}: it is damaged`);
    }
    await Deno.writeTextFile(`${place}/tokenizer.json`, (await Deno.readTextFile(`${place}/tokenizer.json`)) + " ");
    await assertRejects(
      async () => openModel((await findModels(path)).at(-1)!),
      SyntaxError,
      `Cannot read ${place}/tokenizer.json: it is damaged`,
    );
  }));
