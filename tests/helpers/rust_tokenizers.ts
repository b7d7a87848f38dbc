/** The Rust package "tokenizers" through its bindings for Node: what vocabularies are trained and models are fed with. */
interface RustEncoding {
  getIds(): number[];
  getTokens(): string[];
}

/** Its tokenizer. */
export interface RustTokenizer {
  encode(text: string, pair: null, options: { addSpecialTokens: boolean }): Promise<RustEncoding>;
  encodeBatch(texts: string[], options: { addSpecialTokens: boolean }): Promise<RustEncoding[]>;
  decode(ids: number[], skipSpecialTokens: boolean): Promise<string>;
  getNormalizer(): { normalizeString(text: string): string };
  getPreTokenizer(): { preTokenizeString(text: string): [string, [number, number]][] };
  getDecoder(): { decode(tokens: string[]): string };
  getVocab(withAddedTokens: boolean): Record<string, number>;
}

// a variable, so that checking types does not download binaries for a dozen systems
const specifier = "npm:tokenizers@0.23.2";
const loaded: { Tokenizer: { fromString(json: string): RustTokenizer } } | undefined = await import(specifier).then(
  (module) => module.default ?? module,
  (error) => {
    if (Deno.env.get("CLOZE_REQUIRE_PEERS") === "1") throw error;
    return undefined;
  },
);

/** Whether the package is not there. */
export const withoutRust = loaded === undefined;

type Json = Record<string, unknown>;

const empty: Json = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "WordLevel", vocab: { "[PAD]": 0, "[UNK]": 1, "[MASK]": 2 }, unk_token: "[UNK]" },
};

/** A tokenizer.json of some parts, the others missing. */
export function jsonOf(parts: Json): Json {
  return { ...empty, ...parts };
}

/** The package's tokenizer of a tokenizer.json. */
export function rustTokenizer(json: unknown): RustTokenizer {
  return loaded!.Tokenizer.fromString(JSON.stringify(json));
}

/** Ids of texts. */
export async function rustIds(
  tokenizer: RustTokenizer,
  texts: readonly string[],
  { framed = false }: { framed?: boolean } = {},
): Promise<number[][]> {
  const encodings = await tokenizer.encodeBatch([...texts], { addSpecialTokens: framed });
  return encodings.map((encoding) => encoding.getIds());
}
