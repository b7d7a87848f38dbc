import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { writeModel } from "../helpers/model_files.ts";
import { type CliResult, runCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tokenizer = characterTokenizer("abc ", { specials: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] });
const config = modelConfig({
  preset: "bert",
  vocab: tokenizer.size,
  layers: 1,
  width: 8,
  heads: 2,
  hidden: 8,
  maxLength: 64,
});
const text = "abc cab bac\n".repeat(300);

async function inWorkplace(work: (cwd: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (cwd) => {
    await writeModel(`${cwd}/model`, config, tokenizer);
    await Deno.mkdir(`${cwd}/texts`);
    await Deno.writeTextFile(`${cwd}/texts/abc.txt`, text);
    await Deno.writeTextFile(`${cwd}/texts/masked.txt`, "ab[MASK]\n");
    await Deno.mkdir(`${cwd}/vectors`);
    await work(cwd);
  });
}

const cpu = ["--device", "cpu"];
const brief = ["--size", "tiny", "--length", "16", "--steps", "2", "--eval-tokens", "64", ...cpu];

interface Case {
  args: readonly string[];
  flags: readonly string[];
  /** What is known to be missing before anything is read. */
  known?: readonly string[];
  input?: string;
  out: string;
}

/** Commands with the least that they need; in order, for some need what others made. */
const cases: readonly Case[] = [
  {
    args: ["train", "--data", "texts/abc.txt", "--name", "a", ...brief],
    flags: ["--allow-read=texts,runs", "--allow-write=runs"],
    out: "the model is in runs/a",
  },
  {
    args: ["train", "--data", "texts/*c.txt", "--name", "b", ...brief],
    flags: ["--allow-read=texts,runs", "--allow-write=runs"],
    out: "the model is in runs/b",
  },
  {
    args: ["train", "--data", "-", "--name", "c", ...brief],
    flags: ["--allow-read=runs", "--allow-write=runs"],
    input: text,
    out: "the model is in runs/c",
  },
  {
    args: ["train", "--data", "stories", "--out", "elsewhere", "--name", "d", ...brief],
    flags: ["--allow-read=elsewhere", "--allow-write=elsewhere"],
    out: "the model is in elsewhere/d",
  },
  { args: ["info", "model"], flags: ["--allow-read=model"], out: "elsewhere: nothing is noted" },
  { args: ["fill", "model", "a[MASK]", ...cpu], flags: ["--allow-read=model"], out: "mask 1:" },
  { args: ["fill", "model", ...cpu], flags: ["--allow-read=model"], input: "a[MASK]\n", out: "mask 1:" },
  {
    args: ["fill", "model", "--file", "texts/masked.txt", ...cpu],
    flags: ["--allow-read=model,texts"],
    out: "mask 1:",
  },
  { args: ["embed", "model", "abc", ...cpu], flags: ["--allow-read=model"], out: '"embedding":[' },
  {
    args: ["embed", "model", "--remove-mean", ...cpu],
    flags: ["--allow-read=model"],
    input: "abc\ncab\n",
    out: '"embedding":[',
  },
  {
    args: ["embed", "model", "--file", "texts/abc.txt", "--remove-mean", "--out", "vectors/a.npy", ...cpu],
    flags: ["--allow-read=model,texts,vectors", "--allow-write=vectors"],
    out: "names in vectors/a.names.txt",
  },
  {
    args: ["eval", "model", "--data", "texts/abc.txt", "--length", "16", ...cpu],
    flags: ["--allow-read=model,texts"],
    out: "15 % masked",
  },
  {
    args: ["eval", "model", "--data", "-", "--length", "16", ...cpu],
    flags: ["--allow-read=model"],
    input: text,
    out: "15 % masked",
  },
  {
    args: ["eval", "runs/a", ...cpu],
    flags: ["--allow-read=runs/a,texts"],
    // which text that is, is in the run
    known: ["--allow-read=runs/a"],
    out: "15 % masked",
  },
  {
    args: ["export", "model", "--out", "exported"],
    flags: ["--allow-read=model,exported", "--allow-write=exported"],
    out: "exported/model.safetensors",
  },
  {
    args: ["export", "model", "--onnx", "--out", "onnx"],
    flags: ["--allow-read=model,onnx", "--allow-write=onnx"],
    out: "onnx/onnx/model.onnx",
  },
  {
    args: ["tokenizer", "train", "--type", "char", "--data", "texts/abc.txt", "--out", "vocabulary"],
    flags: ["--allow-read=texts,vocabulary", "--allow-write=vocabulary"],
    out: "tokens from texts/abc.txt",
  },
  {
    args: ["tokenizer", "encode", "vocabulary"],
    flags: ["--allow-read=vocabulary"],
    input: "abc\n",
    out: " ",
  },
  { args: ["report", "runs/a"], flags: ["--allow-read=runs/a", "--allow-write=runs/a"], out: "runs/a/report.html" },
  {
    args: ["report", "runs/a", "runs/b", "--out", "vectors/both.html"],
    flags: ["--allow-read=runs/a,runs/b,vectors", "--allow-write=vectors"],
    // a file that is not there yet is named by itself
    known: ["--allow-read=runs/a,runs/b,vectors/both.html", "--allow-write=vectors/both.html"],
    out: "the report is in vectors/both.html",
  },
  { args: ["runs"], flags: ["--allow-read=runs"], out: "finished" },
  {
    args: ["compare", "runs/a", "runs/b"],
    flags: ["--allow-read=runs/a,runs/b"],
    out: "the runs have the same settings and the same seed",
  },
  {
    args: ["metrics", "runs/a", "--tensorboard", "vectors"],
    flags: ["--allow-read=runs/a,vectors", "--allow-write=vectors"],
    out: "the event file is vectors/events",
  },
  {
    args: ["train", "--data", "texts/abc.txt", "--name", "e", "--dashboard", "0", ...brief],
    flags: ["--allow-read=texts,runs", "--allow-write=runs", "--allow-net=127.0.0.1:0"],
    out: "page    http://127.0.0.1:",
  },
  { args: ["tokenizer", "info", "vocabulary"], flags: ["--allow-read=vocabulary"], out: "tokens a word" },
];

/** Commands that read runs, and the one that serves a model. */
const reading = ["runs", "compare", "metrics", "watch", "report", "serve"];

/** Lines that Mesa's drivers write where they may not be silenced. */
const said = ({ err }: CliResult) => err.split("\n").filter((line) => line && !line.includes("XDG_RUNTIME_DIR"));

Deno.test("every command runs with its least set of permissions, and names what is missing of it", () =>
  inWorkplace(async (cwd) => {
    for (const { args, flags, known = flags, input, out } of cases) {
      const options = { cwd, ...(input === undefined ? {} : { input }) };
      const [refused, result] = await Promise.all([
        runCli(args, { ...options, permissions: [] }),
        runCli(args, { ...options, permissions: flags }),
      ]);
      assertEquals([refused.code, refused.out], [1, ""], args.join(" "));
      assertEquals(said(refused), [
        `error: Deno was started without ${
          inOrder(said(refused)[0]!, known)
        }: put that after "deno run", or -A for everything`,
      ]);
      assertEquals([result.code, said(result)], [0, []], args.join(" "));
      assertStringIncludes(result.out, out);
    }
    const names = (await Array.fromAsync(Deno.readDir(cwd))).map(({ name }) => name).sort();
    assertEquals(names, ["elsewhere", "exported", "model", "onnx", "runs", "texts", "vectors", "vocabulary"]);
  }));

/** The flags as a sentence names them, whatever the order of their paths; a pattern stands for its folder. */
function inOrder(sentence: string, flags: readonly string[]): string {
  const folders = (list: string) => list.split(",").map((path) => path.replace(/^texts\/.*/, "texts")).sort();
  const named = [...sentence.matchAll(/--allow-\w+=\S+?(?=:? )/g)].map(([flag]) => flag);
  for (const [i, flag] of flags.entries()) {
    const [name, list] = flag.split("=");
    assert(named[i]?.startsWith(`${name}=`), sentence);
    assertEquals(folders(named[i]!.split("=")[1]!), folders(list!));
  }
  return named.join(" ");
}

Deno.test("--help and --version need no permission at all, and say which a command needs", async () => {
  const cwd = Deno.cwd();
  for (const name of ["train", "fill", "eval", "embed", "export", "info", "tokenizer", ...reading]) {
    const kinds = [[], ["-A", "--deny-env"]];
    for (
      const { code, out, err } of await Promise.all(
        kinds.map((permissions) => runCli([name, "--help"], { cwd, permissions })),
      )
    ) {
      assertEquals([code, err], [0, ""]);
      assertStringIncludes(out, "\nPermissions (deno run -A gives all of them):\n  --allow-read=");
    }
  }
  for (const args of [["--help"], ["--version"]]) {
    assertEquals((await runCli(args, { cwd, permissions: [] })).code, 0);
  }
});

Deno.test("addresses are refused with the flag for their host, and the default text is kept where a run may write", () =>
  inWorkplace(async (cwd) => {
    for (
      const args of [["info", "http://example.org:8080/m"], ["eval", "model", "--data", "http://example.org:8080/t"]]
    ) {
      const { err } = await runCli(args, { cwd, permissions: ["--allow-read=model"] });
      assertStringIncludes(err, "error: Deno was started without --allow-net=example.org:8080: ");
    }
    const { out, code } = await runCli(["train", "--name", "a", ...brief], {
      cwd,
      permissions: ["--allow-read=runs", "--allow-write=runs"],
    });
    assertEquals(code, 0);
    assertStringIncludes(
      out,
      "could not be downloaded (Deno was started without --allow-net=raw.githubusercontent.com",
    );
    assertEquals((await Array.fromAsync(Deno.readDir(cwd))).some(({ name }) => name === ".cache"), false);
  }));

Deno.test("text in every format and packing is read with the permission for its folder alone", () =>
  inWorkplace(async (cwd) => {
    const bytes = new TextEncoder().encode(text);
    const { zstdCompressSync } = await import("node:zlib");
    const { parquetWriteBuffer } = await import("hyparquet-writer");
    const gzip = new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip")));
    const parquet = parquetWriteBuffer({ columnData: [{ name: "text", data: text.trim().split("\n") }] });
    const files: Record<string, Uint8Array> = {
      "a.txt.gz": await gzip.bytes(),
      "a.txt.zst": zstdCompressSync(bytes),
      "a.csv": new TextEncoder().encode(`text\n${text}`),
      "a.jsonl": new TextEncoder().encode(text.trim().split("\n").map((text) => JSON.stringify({ text })).join("\n")),
      "a.parquet": new Uint8Array(parquet),
    };
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeFile(`${cwd}/texts/${name}`, content);
      const result = await runCli(["eval", "model", "--data", `texts/${name}`, "--length", "16", ...cpu], {
        cwd,
        permissions: ["--allow-read=model,texts"],
      });
      assertEquals([name, result.code, said(result)], [name, 0, []]);
    }
    await Deno.writeFile(`${cwd}/texts/latin1.txt`, Uint8Array.from({ length: 4000 }, (_, i) => i % 8 ? 0x61 : 0xe4));
    const { err } = await runCli(["eval", "model", "--data", "texts/latin1.txt"], {
      cwd,
      permissions: ["--allow-read=model,texts"],
    });
    assertStringIncludes(err, "it looks like Latin-1");
  }));
