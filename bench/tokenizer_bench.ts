/**
 * Tokenizers on one core: encoding in megabytes a second beside @huggingface/tokenizers (JavaScript) and tokenizers (Rust),
 * and training. Text comes from CLOZE_BENCH_TEXT, or is made up. `deno bench -A --no-check bench/tokenizer_bench.ts`
 */
import { Tokenizer as Peer } from "@huggingface/tokenizers";
import { toTokenizerConfigJson, toTokenizerJson } from "../lib/format/tokenizer_writer.ts";
import { trainTokenizer } from "../lib/tokenizer/train_tokenizer.ts";
import { mixedText } from "../tests/helpers/mixed_text.ts";
import { median } from "./helpers.ts";

// read by the native package when it is loaded: one core for everyone
Deno.env.set("RAYON_NUM_THREADS", "1");
Deno.env.set("TOKENIZERS_PARALLELISM", "false");

interface Native {
  encodeBatch(lines: string[], pair: null, options: { addSpecialTokens: boolean }): Promise<{ getLength(): number }[]>;
}
// a variable, so that checking types does not download binaries for a dozen systems
const nativePackage = "npm:tokenizers@0.23.2";
const native: { Tokenizer: { fromString(json: string): Native } } | undefined = await import(nativePackage).then(
  (module) => module.default ?? module,
  () => undefined,
);

const file = Deno.env.get("CLOZE_BENCH_TEXT");
const lines = file ? (await Deno.readTextFile(file)).split("\n") : mixedText(1_000_000, 1);
const megabytes = new Blob(lines).size / 1e6;
const rates = new Map<string, number[]>();

function measure(name: string, group: string, encode: () => unknown): void {
  Deno.bench({
    name,
    group,
    n: 5,
    warmup: 1,
    async fn(b) {
      b.start();
      const start = performance.now();
      await encode();
      const seconds = (performance.now() - start) / 1000;
      b.end();
      rates.set(name, [...rates.get(name) ?? [], megabytes / seconds]);
    },
  });
}

for (const type of ["wordpiece", "bpe"] as const) {
  const tokenizer = await trainTokenizer(lines, { type, size: 8192 });
  const json = JSON.stringify(toTokenizerJson(tokenizer));
  const peer = new Peer(JSON.parse(json), toTokenizerConfigJson(tokenizer, 512));
  measure(`${type}: this package`, type, () => {
    for (const line of lines) tokenizer.encode(line);
  });
  measure(`${type}: @huggingface/tokenizers`, type, () => {
    for (const line of lines) peer.encode(line, { add_special_tokens: false });
  });
  if (native) {
    const rust = native.Tokenizer.fromString(json);
    measure(`${type}: tokenizers (Rust)`, type, async () => {
      for (let i = 0; i < lines.length; i += 1000) {
        await rust.encodeBatch(lines.slice(i, i + 1000), null, { addSpecialTokens: false });
      }
    });
  }
  measure(`${type}: train 8,192`, `${type} training`, () => trainTokenizer(lines, { type, size: 8192 }));
}

globalThis.addEventListener("unload", () => {
  console.log(`\n${megabytes.toFixed(1)} MB, medians in MB/s:`);
  for (const [name, values] of rates) console.log(`${name.padEnd(40)} ${median(values).toFixed(2).padStart(8)}`);
});
