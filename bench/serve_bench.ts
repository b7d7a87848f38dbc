/**
 * Load on the command `serve`: requests a second and their times at 1, 16 and 64 clients, with batches and without.
 * `deno bench -A --no-check bench/serve_bench.ts` or, with a device and seconds for each row, `deno run -A bench/serve_bench.ts cpu 5`
 */
import { toConfigJson } from "../lib/format/config_json.ts";
import { toHuggingFace } from "../lib/format/tensor_names.ts";
import { encodeSafetensors } from "../lib/format/safetensors.ts";
import { tokenizerFiles } from "../lib/format/tokenizer_writer.ts";
import { writeFiles } from "../lib/files/write_folder.ts";
import { modelConfig } from "../lib/model/config.ts";
import { initialValues } from "../lib/model/parameters.ts";
import { bertFrame } from "../lib/tokenizer/special_tokens.ts";
import { wordPieceTokenizer } from "../lib/tokenizer/wordpiece.ts";

const [device = Deno.env.get("CLOZE_BENCH_DEVICE") ?? "cpu", time = "4"] = import.meta.main ? Deno.args : [];
const names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const words = Array.from({ length: 8187 }, (_, i) => `w${i.toString(36)}`);
const plain = wordPieceTokenizer([...names, ...words]);
const tokenizer = { ...plain, frame: bertFrame(plain.special) };
const sentence = (seed: number, count: number) =>
  Array.from({ length: count }, (_, i) => words[(seed * 7919 + i * 104729) % words.length]).join(" ");
/** Texts of 12 to 43 tokens with one mask. */
const texts = Array.from(
  { length: 256 },
  (_, i) => `${sentence(i, 5 + i % 16)} [MASK] ${sentence(i + 1, 4 + (i * 7) % 17)}`,
);

/** A folder with a model of random weights: small, 8,192 tokens. */
async function written(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const config = modelConfig({ vocab: tokenizer.size, size: "small" });
  const text = (value: string) => [new TextEncoder().encode(value)];
  await writeFiles(
    folder,
    new Map([
      ["config.json", text(JSON.stringify(toConfigJson(config, tokenizer.special)))],
      ["model.safetensors", encodeSafetensors(toHuggingFace(config, initialValues(config, 1)))],
      ...[...tokenizerFiles(tokenizer, config.maxLength)].map(([name, content]) => [name, text(content)] as const),
    ]),
  );
  return folder;
}

/** Starts the server in a process of its own. */
async function started(folder: string, flags: readonly string[]) {
  const cli = new URL("../cli.ts", import.meta.url).pathname;
  const config = new URL("../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      `--config=${config}`,
      cli,
      "serve",
      folder,
      "--port",
      "0",
      "--device",
      device,
      ...flags,
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let out = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    out += part;
    const [, address] = /server +(\S+)/.exec(out) ?? [];
    if (address) return { child, address, device: /device +(.*)/.exec(out)![1]! };
  }
  throw new Error(`The server did not start: ${out}`);
}

/** So many clients, each of which asks again as soon as it has its answer; times in milliseconds. */
async function load(address: string, { clients, seconds }: { clients: number; seconds: number }): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  const client = async (first: number) => {
    for (let i = first; performance.now() < end; i += clients) {
      const began = performance.now();
      const response = await fetch(`${address}fill`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ texts: [texts[i % texts.length]] }),
      });
      await response.body?.pipeTo(new WritableStream());
      if (response.status !== 200) throw new Error(`The server answered ${response.status}`);
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
  return times.sort((a, b) => a - b);
}

/** Milliseconds of the processor that a process has used; NaN where the system does not tell. */
function processorTime(pid: number): number {
  try {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
    // utime and stime, in hundredths of a second
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return NaN;
  }
}

/** Texts of all batches so far, and how many batches they were. */
async function batchesOf(address: string): Promise<[texts: number, batches: number]> {
  const text = await (await fetch(`${address}metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name}\\{task="fill"\\} (\\d+)`, "m").exec(text)![1]);
  return [value("cloze_sequences_total"), value("cloze_batches_total")];
}

/** Prints a table. */
async function main(seconds: number): Promise<void> {
  const folder = await written();
  try {
    for (const flags of [[], ["--batch-tokens", "1"]]) {
      const { child, address, device } = await started(folder, flags);
      console.log(`\n${device}; ${flags.length === 0 ? "batches of what arrives together" : "every text alone"}`);
      console.log("clients  requests/s  p50 ms  p99 ms  texts a batch  CPU ms a request");
      for (const clients of [1, 16, 64]) {
        await load(address, { clients, seconds: Math.min(2, seconds) });
        const [[texts, batches], used] = [await batchesOf(address), processorTime(child.pid)];
        const times = await load(address, { clients, seconds });
        const [textsNow, batchesNow] = await batchesOf(address);
        const ratios = [(textsNow - texts) / (batchesNow - batches), (processorTime(child.pid) - used) / times.length];
        const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))]!.toFixed(1);
        const row = [
          clients,
          (times.length / seconds).toFixed(0),
          at(0.5),
          at(0.99),
          ...ratios.map((x) => x.toFixed(1)),
        ];
        console.log([7, 10, 6, 6, 13, 16].map((width, i) => String(row[i]).padStart(width)).join("  "));
      }
      child.kill("SIGINT");
      await child.status;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main(Number(time));
else Deno.bench({ name: "serve: fill at 1, 16 and 64 clients", n: 1, warmup: 0, fn: () => main(2) });
