import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeSafetensors } from "../../lib/format/safetensors.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { writeModel } from "../helpers/model_files.ts";
import { runCli, runMains } from "../helpers/run_cli.ts";
import { wholeConfig, writeWholeRun } from "../helpers/run_folders.ts";

/** Wrong usage: arguments, exit code, and the sentence that is wanted. */
const cases: [args: string[], code: number, message: string][] = [
  [
    ["fil"],
    2,
    'Unknown command "fil": there are train, fill, write, eval, embed, index, search, probe, classify, export, info, tokenizer',
  ],
  [["trian"], 2, "watch, report, serve; did you mean train?"],
  [["watch", "--prt", "3"], 2, "Unknown option --prt; did you mean --port?"],
  [["serve"], 2, "Usage: serve DIR"],
  [["serve", "model", "--prot", "1"], 2, "Unknown option --prot; did you mean --port?"],
  [["serve", "model", "--port", "70000"], 2, "write a whole number from 0 to 65535"],
  [["serve", "model", "--host", "0.0.0.0"], 2, 'Others reach a server at "0.0.0.0": give it a secret by --token-file'],
  [["serve", "model", "--host", "a b"], 2, "write the name or number of a machine without a port"],
  [["serve", "model", "--token", "short"], 2, "wanted at least 16 letters, digits and signs, without spaces"],
  [
    ["serve", "model", "--token-file", "nowhere.txt"],
    2,
    'Cannot use "nowhere.txt": there is no such file',
  ],
  [
    ["serve", "model", "--token-file", "empty.txt"],
    2,
    'Cannot use the token in "empty.txt": wanted at least 16 letters',
  ],
  [["serve", "model", "--token", "0123456789abcdef", "--open"], 2, "Give one of --token, --token-file and --open"],
  [
    ["serve", "model", "--max-length", "4000", "--port", "0", "--device", "cpu"],
    2,
    "this model reads sequences of 4 to",
  ],
  [["serve", "model", "--host", "192.0.2.1", "--open", "--device", "cpu"], 2, "this machine has no such address"],
  [["serve", "model", "--host", "no.such.host.invalid", "--open", "--device", "cpu"], 2, "there is no such host"],
  [["serve", "nowhere/at/all"], 1, 'Cannot use "nowhere/at/all"'],
  [["tokenizer", "encde", "model"], 2, 'Unknown action "encde"; did you mean tokenizer encode?'],
  [["train", "--tokns", "5"], 2, "Unknown option --tokns; did you mean --tokens?"],
  [["train", "--qqqqqq"], 2, "Unknown option --qqqqqq"],
  [["train", "--batch-size", "8"], 2, "Unknown option --batch-size; did you mean --batch-tokens?"],
  [["tokenizer", "train", "--vocab-size", "8"], 2, "Unknown option --vocab-size; did you mean --size?"],
  [["train", "--quiet", "--json"], 2, "Give either --quiet or --json"],
  [["train", "--nsp"], 2, "Option --nsp is for --preset bert: modernbert has no token types"],
  [["train", "--preset", "labml", "--nsp"], 2, "Option --nsp is for --preset bert"],
  [["train", "--preset", "bert", "--nsp", "--pack", "line"], 2, "Option --pack has no effect with --nsp"],
  [["train", "--preset", "bert", "--nsp", "--length", "8"], 2, "have no room for two texts: lengths begin at 16"],
  [["train", "--minutes", "1fortnight"], 2, "write minutes, such as 10, or 90s, 2h or 1h30m"],
  [["fill", "model", "a [MASK]", "--top-k", "0"], 2, "write a whole number of at least 1"],
  [["train", "--data", "short.txt", "--tokenizer", "bpe", "--cased"], 2, "Option --cased is for wordpiece"],
  [["train", "--data", "short.txt", "--tokenizer", "model", "--cased"], 2, "Option --cased has no effect with"],
  [["tokenizer", "train", "--data", "short.txt", "--out", "model"], 1, 'to "model": there is one in it already'],
  [["tokenizer", "train", "--data", "short.txt", "--out", "short.txt/x"], 1, "a part of the path is a file"],
  [["train", "--micro-batch", "sometimes"], 2, "write a number of tokens such as 2k, or auto or off"],
  [["train", "--micro-batch", "0"], 2, "write a number of tokens such as 2k, or auto or off"],
  [["train", "--tokens", "many"], 2, 'Option --tokens cannot be "many": write a whole number'],
  [["train", "--tokens=-5"], 2, 'Option --tokens cannot be "-5"'],
  [["train", "--tokens", "-5"], 2, 'Option --tokens cannot be "-5"'],
  [["train", "--quiet", "-5"], 2, "Unknown option -5"],
  [["train", "--lr", "-.5"], 2, 'Option --lr cannot be "-.5"'],
  [["train", "--lr", "0"], 2, 'Option --lr cannot be "0": write a number above 0'],
  [["train", "--epochs", "0"], 2, "write a number above 0, such as 3"],
  [["train", "--width", "0"], 2, "write a whole number of at least 1, such as 128"],
  [["train", "--keep", "0"], 2, "write a whole number of at least 1, such as 8"],
  [["help", "train", "eval"], 2, "Usage: help COMMAND"],
  [
    ["train", "--data", "stories", "--validation", "abc.txt"],
    2,
    "Option --validation has no effect with --data stories",
  ],
  [["train", "--data", "-", "--data", "-"], 1, "Standard input can be read only once"],
  [["train", "--data", "-", "--validation", "-"], 1, "Standard input can be read only once"],
  [["train", "--resume", "others/piped"], 1, "begin a run with train --init"],
  [["help", "trian"], 2, 'Unknown command "trian"'],
  [["train", "--data", "letter.txt"], 1, "letter.txt: it is too short, nothing of it is left to train on"],
  [
    ["eval", "others/piped"],
    2,
    'Give the text to measure on by --data: that of "others/piped" came from standard input',
  ],
  [["train", "--lr"], 2, "Option --lr needs a value: --lr RATE"],
  [["train", "--dropout", "120%"], 2, "write a share between 0 and 1"],
  [["train", "--mask-rate", "30:15"], 2, 'Option --mask-rate cannot be "30:15"'],
  [["train", "--preset", "gpt"], 2, "choose one of modernbert, bert, labml"],
  [["train", "--seed", "x"], 2, "Option --seed"],
  [
    ["train", "--data", "stories", "--device", "cpu", "--blas", "no.so"],
    1,
    'Cannot use "no.so" as a BLAS: there is no such library (auto looks for one, off takes none)',
  ],
  [["train", "--threads", "0"], 2, 'Option --threads cannot be "0": write a whole number from 1 to 64'],
  [["train", "--tokens", "5", "--steps", "3"], 2, "Only one budget can be given, not --tokens and --steps"],
  [["train", "--width", "130"], 2, "Cannot split width 130 into 4 heads"],
  [["train", "--length", "600", "--max-length", "512"], 2, "Length 600 exceeds the model's longest sequence of 512"],
  [["train", "--curriculum", "64:20%,32"], 2, "must rise from stage to stage"],
  [["train", "--data", "stories", "--epochs", "2"], 2, "The text never ends"],
  [["train", "book.txt"], 2, 'Unexpected argument "book.txt"; text to train on is given by --data'],
  [["train", "--data", "missing.txt"], 1, 'Cannot read "missing.txt": there is no such file or folder'],
  [["train", "--data", "empty.txt"], 1, "There is no text: empty.txt is empty"],
  [["train", "--data", "short.txt"], 1, "Cannot validate on windows of 128 tokens"],
  [
    ["train", "--data", "latin1.txt"],
    1,
    "Cannot read latin1.txt as UTF-8: invalid byte at offset 1 (line 1); it looks like Latin-1",
  ],
  [["train", "--resume", "nowhere"], 1, 'Cannot resume "nowhere": there is no such folder'],
  [["train", "--resume", "short.txt"], 1, 'Cannot resume "short.txt": it is a file; wanted the folder of a run'],
  [["eval", "model", "--data", "xyz.txt"], 1, 'they are unknown to this vocabulary, such as "xyz"'],
  [["train", "--resume", "model"], 1, 'Cannot resume "model": its config.json is not that of a run'],
  [["train", "--resume", "runs/frist"], 1, 'there is no such run; there is runs/first; did you mean "runs/first"?'],
  [["train", "--resume", "runs"], 1, 'Cannot resume "runs": it is a folder of runs; there is runs/first'],
  [["info", "runs/frist"], 1, 'there is no such run; there is runs/first; did you mean "runs/first"?'],
  [["info", "runs/"], 1, 'Cannot use "runs/": it is a folder of runs; there is runs/first'],
  [["eval", "runs/frist"], 1, "there is no such run; there is runs/first"],
  [["train", "--init", "runs/x"], 1, "there is no such run; there is runs/first"],
  [["embed", "bert-base-uncased", "abc"], 1, "models are not downloaded by their names"],
  [["fill", "google/bert-base", "a [MASK]"], 1, "models are not downloaded by their names"],
  [["fill", "./nowhere", "a [MASK]"], 1, 'Cannot use "./nowhere": there is no such folder'],
  [["fill", "short.txt", "a [MASK]"], 1, 'Cannot use "short.txt": it is a file; wanted the folder of a model'],
  [["fill", "model/model.safetensors", "a [MASK]"], 1, 'it is a file; wanted the folder of a model, "model"'],
  [["fill", "a [MASK]", "model"], 2, '"model" is a folder and "a [MASK]" is none; the model comes first'],
  [["fill", "a [MASK]"], 1, "there is no such folder; the model comes first, the text behind it"],
  [["fill", "model", "a", "[MASK]", "b"], 2, 'put one text in quotes: fill model "a [MASK] b"'],
  [["fill", "model", "a [mask] b"], 2, "Found [mask], which is text like any other: write [MASK]"],
  [["fill", "model", "a <mask>"], 2, "Found <mask>, which is text like any other: write [MASK]"],
  [["fill", "model", "a ___ b"], 2, "Found ___, which is text like any other: write [MASK]"],
  [["train", "--resume", "norun"], 1, 'Cannot resume "norun": its config.json is not that of a run'],
  [["train", "--resume", "nowhere", "--warmup", "1"], 2, "Option --warmup cannot be changed by --resume"],
  [["train", "--resume", "nowhere", "--optimizer", "muon"], 2, "Option --optimizer cannot be changed by --resume"],
  [["train", "--data", "stories", "--name", "norun", "--out", "."], 1, '"./norun" exists already'],
  [["train", "--data", "short.txt", "--document", "file"], 1, "Cannot validate on windows of 128 tokens"],
  [["train", "--data", "short.txt=0"], 1, "Cannot mix short.txt with a weight of 0: it must be above 0"],
  [["train", "--data", "bad.jsonl"], 1, "Cannot use bad.jsonl, line 2: it is no JSON"],
  [["train", "--data", "bad.jsonl", "--skip-bad", "1"], 1, "Cannot use bad.jsonl, line 3: it has no text in field"],
  [["train", "--data", "table.csv"], 1, 'table.csv: it has no column "text" (--field); its columns are id, body'],
  [
    ["train", "--data", "broken.txt.gz"],
    1,
    "Cannot read broken.txt.gz: its gzip data breaks at byte 12 (it ends too early)",
  ],
  [["train", "--data", "short.txt=2", "--data", "short.txt", "--epochs", "1"], 2, "The text never ends"],
  [["train", "--data", "short.txt", "--document", "page"], 2, "choose one of line, paragraph, file"],
  [
    ["train", "--data", "short.txt", "--validation", "100%"],
    2,
    "write a share above 0 and below 1, such as 5%, or a path",
  ],
  [["train", "--data", "short.txt", "--validation", "no.txt"], 1, 'Cannot read "no.txt": there is no such file'],
  [["train", "--data", "short.txt", "--tokenizer", "norun"], 1, 'Cannot read a tokenizer from "norun"'],
  [["train", "--data", "short.txt", "--tokenizer", "norun", "--vocab", "9"], 2, "Option --vocab has no effect with"],
  [
    ["train", "--data", "short.txt", "--tokenizer", "bpe", "--vocab", "99"],
    1,
    "special tokens and bytes alone are 261",
  ],
  [["tokenizer"], 2, "Usage: tokenizer train --out FOLDER"],
  [["tokenizer", "train"], 2, "Usage: tokenizer train --out FOLDER"],
  [["tokenizer", "guess", "norun"], 2, "Usage: tokenizer train --out FOLDER, or tokenizer encode|decode|info FOLDER"],
  [["tokenizer", "encode", "nowhere"], 1, 'Cannot read a tokenizer from "nowhere": there is no such folder'],
  [["tokenizer", "encode", "norun"], 1, "no tokenizer.json, vocab.txt or vocab.json is in it"],
  [
    ["tokenizer", "encode", "unigram/tokenizer.json"],
    1,
    "Cannot use unigram/tokenizer.json: A tokenizer needs the special tokens [PAD] and [MASK]",
  ],
  [["tokenizer", "encode", "norun", "--size", "9"], 2, "Option --size has no effect with tokenizer encode"],
  [
    ["tokenizer", "train", "--type", "bpe", "--cased", "--out", "x"],
    2,
    "Option --cased is for wordpiece: the other kinds always are",
  ],
  [["tokenizer", "train", "--data", "empty.txt", "--out", "x"], 1, "empty.txt is empty"],
  [["fill", "nowhere", "a [MASK]"], 1, 'Cannot use "nowhere": there is no such folder, and models are not downloaded'],
  [["fill", "norun", "a [MASK]"], 1, "it is neither a run with a checkpoint nor the folder of a model"],
  [["fill", "model", "abc"], 2, 'The text "abc" has no [MASK] to fill'],
  [["fill", "model", `${"abc ".repeat(20)}[MASK]`], 1, "Cannot fill text 1 of 81 tokens: this model's longest is 64"],
  [["fill"], 2, "Usage: fill DIR"],
  [["fill", "model", "a [MASK]", "--file", "short.txt"], 2, "Give either texts or --file, not both"],
  [["fill", "model", "--file", "no.txt"], 1, 'Cannot read "no.txt": there is no such file'],
  [["fill", "http://127.0.0.1:9/model", "a [MASK]"], 1, "Cannot read http://127.0.0.1:9/model/config.json: "],
  [["info", "gpt"], 1, 'Cannot use gpt/config.json: its model_type is "gpt2", known are modernbert, bert, labml'],
  [["info", "thin"], 1, 'Cannot use thin/model.safetensors: it lacks tensor "bert.embeddings.word_embeddings.weight"'],
  [["info", "torn"], 1, "Cannot read torn/model.safetensors: it is cut off: "],
  [
    ["info", "wide"],
    1,
    'tensor "bert.embeddings.word_embeddings.weight" has shape [8,8], expected [9,8]',
  ],
  [["info", "pickled"], 1, "its weights are in pytorch_model.bin"],
  [["info", "bare"], 1, "Cannot use bare: no tokenizer.json, vocab.txt, vocab.json is in it"],
  [["info"], 2, "Usage: info DIR"],
  [["eval", "model"], 2, "Give the text to measure on by --data"],
  [
    ["eval", "model", "model", "--data", "short.txt"],
    2,
    "Usage: eval DIR [--data TEXT]; two models are compared by eval --compare DIR DIR",
  ],
  [["eval", "--compare", "model", "--data", "short.txt"], 2, "Usage: eval --compare DIR DIR [--data TEXT]"],
  [["eval", "model", "--data", "short.txt"], 1, "of 64 tokens: the text has only 20 (short.txt); --length 16 would do"],
  [["eval", "model", "--data", "abc.txt", "--length", "99"], 1, "this model's longest is 64"],
  [["eval", "model", "--pairs", "no.csv"], 1, 'Cannot read "no.csv": there is no such file'],
  [["eval", "model", "--pairs", "table.csv"], 1, "its columns are id, body; wanted good and bad, or"],
  [["eval", "model", "--pairs", "table.csv", "--tokens", "4"], 2, "Option --tokens has no effect with --pairs"],
  [["eval", "model", "--pairs", "table.csv", "--field", "id"], 1, "Cannot read pairs from the fields id: name two"],
  [["write", "model"], 2, 'Usage: write DIR "a beginning"'],
  [
    ["write", "model", "a [MASK]", "--device", "cpu"],
    1,
    "Cannot go on with a text that holds [MASK]: fill those first",
  ],
  [["write", "model", "a", "--order", "right"], 2, "choose one of certain, left"],
  [["index", "short.txt", "--model", "model"], 2, "Usage: index FOLDER --model DIR --out INDEX"],
  [["index", "short.txt", "--model", "model", "--out", "norun"], 2, 'index to "norun": there is something else'],
  [["index", "runs", "--model", "model", "--out", "x"], 1, 'Cannot find text in folder "runs"'],
  [["index", "empty.txt", "--model", "model", "--out", "x"], 1, "Cannot index empty.txt: there is no text to be found"],
  [["search", "abc"], 2, 'Usage: search "words" --index FOLDER'],
  [["search", "abc", "--index", "model"], 1, "Cannot search model: it is no index; index FOLDER"],
  [["train", "--objective", "contrastive", "--mask-rate", "20%"], 2, "--mask-rate has no effect with --objective"],
  [["train", "--views", "halves"], 2, "Option --views is for --objective contrastive"],
  [
    ["train", "--objective", "contrastive", "--init", "model", "--pairs", "table.csv", "--device", "cpu"],
    1,
    "Cannot use table.csv: its columns are id, body; wanted anchor and positive, or",
  ],
  [["embed"], 2, "Usage: embed DIR"],
  [["embed", "model", "abc", "--pool", "cls"], 1, "Cannot take the vector of [CLS]"],
  [
    ["embed", "model", "abc", "--out", "x.txt"],
    2,
    'Cannot write vectors to "x.txt": its name must end in .jsonl or .npy',
  ],
  [["export", "model"], 2, "Usage: export DIR --out OUT"],
  [["export", "model", "--out", "norun"], 1, 'Cannot write to "norun": it exists already'],
  [["export", "model", "--out", "x", "--embeddings"], 2, "Option --embeddings is for --onnx"],
  [["export", "model", "--out", "x", "--onnx", "--dtype", "bf16"], 2, "Cannot write ONNX in bf16"],
  [["export", "labml", "--out", "x"], 1, "labml.ai's model has no Hugging Face class"],
  [["train", "--init", "nowhere"], 1, 'Cannot use "nowhere": there is no such folder'],
  [["train", "--init", "model", "--width", "8"], 2, "Option --width has no effect with --init"],
  [["train", "--init", "model", "--length", "65"], 2, "Length 65 exceeds the model's longest sequence of 64"],
  [["train", "--add-tokens", "words.txt"], 2, "Option --add-tokens is for --init"],
  [["train", "--init", "model", "--data", "stories", "--add-tokens", "no.txt"], 1, 'Cannot read "no.txt"'],
  [
    ["train", "--init", "model", "--data", "stories", "--add-tokens", "words.txt"],
    1,
    'Cannot add the token "kite": this vocabulary has single characters only',
  ],
];

/** A model that can be used, and some that cannot. */
async function writeModels(cwd: string): Promise<void> {
  const tokenizer = characterTokenizer("abc ", { specials: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] });
  const shape = { vocab: tokenizer.size, layers: 1, width: 8, heads: 2, hidden: 8, maxLength: 64 };
  const config = modelConfig({ ...shape, preset: "bert" });
  for (const name of ["model", "torn", "thin", "bare"]) await writeModel(`${cwd}/${name}`, config, tokenizer);
  await writeModel(`${cwd}/labml`, modelConfig({ ...shape, preset: "labml" }), tokenizer);
  await writeModel(`${cwd}/wide`, { ...config, vocab: 8 }, tokenizer);
  await Deno.copyFile(`${cwd}/model/config.json`, `${cwd}/wide/config.json`);
  await Deno.mkdir(`${cwd}/gpt`);
  await Deno.writeTextFile(`${cwd}/gpt/config.json`, '{"model_type": "gpt2"}');
  await Deno.writeTextFile(`${cwd}/gpt/model.safetensors`, "");
  await Deno.truncate(`${cwd}/torn/model.safetensors`, 5000);
  await Deno.writeFile(
    `${cwd}/thin/model.safetensors`,
    await new Blob(encodeSafetensors(new Map([["x", { shape: [1], data: new Float32Array(1) }]]))).bytes(),
  );
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) await Deno.remove(`${cwd}/bare/${file}`);
  await Deno.mkdir(`${cwd}/pickled`);
  for (const file of ["config.json", "tokenizer.json"]) {
    await Deno.copyFile(`${cwd}/model/${file}`, `${cwd}/pickled/${file}`);
  }
  await Deno.writeTextFile(`${cwd}/pickled/pytorch_model.bin`, "");
}

Deno.test({
  name: "main() answers wrong usage and bad input with one sentence, an exit code and no stack",
  fn: async (t) => {
    const cwd = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${cwd}/empty.txt`, "");
      await Deno.writeTextFile(`${cwd}/abc.txt`, "abc\n".repeat(300));
      await Deno.writeTextFile(`${cwd}/xyz.txt`, "xyz\n".repeat(300));
      await Deno.writeTextFile(`${cwd}/short.txt`, "abc\n".repeat(5));
      await Deno.writeTextFile(`${cwd}/letter.txt`, "a");
      await writeWholeRun(`${cwd}/others/piped`, { config: wholeConfig({ text: { data: ["-"] } }), checkpoint: 100 });
      await Deno.writeFile(`${cwd}/latin1.txt`, Uint8Array.from({ length: 4000 }, (_, i) => i % 8 === 1 ? 0xe4 : 0x61));
      await Deno.writeTextFile(`${cwd}/bad.jsonl`, '{"text": "good"}\n{\n{"body": 1}\n'.repeat(2));
      await Deno.writeTextFile(`${cwd}/table.csv`, "id,body\n1,one\n");
      await Deno.writeFile(`${cwd}/broken.txt.gz`, Uint8Array.fromHex("1f8b08000000000000030bc9"));
      await Deno.mkdir(`${cwd}/unigram`);
      await Deno.writeTextFile(`${cwd}/unigram/tokenizer.json`, '{"model": {"type": "Unigram", "vocab": []}}');
      await Deno.mkdir(`${cwd}/runs/first/checkpoints`, { recursive: true });
      await Deno.mkdir(`${cwd}/norun`);
      await Deno.writeTextFile(`${cwd}/norun/config.json`, "{}");
      await Deno.writeTextFile(`${cwd}/words.txt`, "kite\n");
      await writeModels(cwd);
      const results = await runMains(cases.map(([args]) => args), { cwd });
      for (const [i, [args, code, message]] of cases.entries()) {
        await t.step(args.join(" "), () => {
          const result = results[i]!;
          assert(result.err.startsWith("error: "), result.err);
          assertStringIncludes(result.err, message);
          assertEquals(result.code, code);
          const lines = result.err.trim().split("\n");
          assertEquals(lines.length, code === 2 ? 2 : 1, result.err);
        });
      }
      assertEquals(
        await Array.fromAsync(Deno.readDir(cwd)).then((entries) => entries.length),
        22,
        "something was left behind",
      );
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  },
});

Deno.test("main() says which driver to install where there is no adapter", async () => {
  const preload = [new URL("../helpers/hide_gpu.ts", import.meta.url).pathname];
  const result = await runCli(["train", "--data", "stories", "--tokens", "1k", "--device", "webgpu"], {
    cwd: Deno.cwd(),
    preload,
  });
  assertStringIncludes(result.err, "error: Cannot find a WebGPU adapter: ");
  if (Deno.build.os === "linux") assertStringIncludes(result.err, "apt-get install mesa-vulkan-drivers");
  assertEquals([result.code, result.err.trim().split("\n").length], [1, 1]);
});

const commands = ["train", "fill", "eval", "embed", "export", "info", "tokenizer"];

Deno.test("main() explains itself", async () => {
  const lists = [["--help"], ...commands.map((name) => [name, "--help"]), ["fill", "-h"], ["help", "eval"], [
    "--version",
  ]];
  for (const [i, { code, out, err }] of (await runMains(lists, { cwd: Deno.cwd() })).entries()) {
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, lists[i]![0] === "--version" ? "0.1.0" : "Usage: deno run -A cli.ts");
  }
});
