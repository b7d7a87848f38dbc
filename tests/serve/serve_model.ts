// A small model with random weights, and requests as they are written.
import type { Device } from "../../lib/device/device.ts";
import { openDevice } from "../../lib/device/open_device.ts";
import { MaskedLanguageModel } from "../../lib/inference/load.ts";
import { type ModelConfig, modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { type ModelServer, serveModel, type ServeOptions } from "../../lib/serve/server.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import { wordPieceTokenizer } from "../../lib/tokenizer/wordpiece.ts";
import { random } from "../helpers/random.ts";

const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const words = ["a", "b", "cab", "cat", "dog", "##s", "##ed", "the", "red", "run", ".", ","];
const plain = wordPieceTokenizer([...specials, ...words]);
export const tokenizer = { ...plain, frame: bertFrame(plain.special) };

export const config: ModelConfig = modelConfig({
  preset: "bert",
  vocab: tokenizer.size,
  layers: 2,
  width: 16,
  heads: 2,
  hidden: 24,
  maxLength: 32,
});

let device: Promise<Device> | undefined;

/** The model, large enough weights that each of them shows. */
export async function testModel(): Promise<MaskedLanguageModel> {
  device ??= openDevice("cpu", { threads: 1 }).then(({ device }) => device);
  const model = createModel(await device, config);
  const [values, draw] = [initialValues(config, 1), random(1)];
  for (const [name, numbers] of values) {
    const middle = /norm\.weight$/i.test(name) ? 1 : 0;
    for (let i = 0; i < numbers.length; i++) numbers[i] = middle + 0.8 * (draw() - 0.5);
  }
  model.writeParameters(values);
  return new MaskedLanguageModel({ place: "models/small", model, tokenizer, ownDevice: false });
}

/** Serves the model at a free port, and ends that afterwards. */
export async function withServer(
  options: ServeOptions,
  work: (server: ModelServer, model: MaskedLanguageModel) => Promise<void>,
): Promise<void> {
  using model = await testModel();
  const server = await serveModel(model, { port: 0, ...options });
  try {
    await work(server, model);
  } finally {
    await server.close();
  }
}

/** An answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // deno-lint-ignore no-explicit-any
  readonly json: any;
}

/** Sends a request, a value as JSON. */
export async function ask(
  { address }: ModelServer,
  path: string,
  body?: unknown,
  { headers = {}, method = body === undefined ? "GET" : "POST" }: {
    headers?: Record<string, string>;
    method?: string;
  } = {},
): Promise<Answer> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array || body instanceof URLSearchParams;
  const kind: Record<string, string> = body instanceof URLSearchParams ? {} : { "content-type": "application/json" };
  const response = await fetch(new URL(path, address), {
    method,
    headers: { ...(body === undefined ? {} : kind), ...headers },
    ...(body === undefined ? {} : { body: isRaw ? body as BodyInit : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") && text !== "";
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** Writes bytes to the server as they are; what it answers until it closes, or until that is enough. */
export async function converse(
  { address }: ModelServer,
  parts: readonly string[],
  { until = /\r\n\r\n[\s\S]+/ }: { until?: RegExp } = {},
): Promise<string> {
  const { hostname, port } = new URL(address);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  for (const part of parts) await connection.write(new TextEncoder().encode(part)).catch(() => {});
  const [decoder, block] = [new TextDecoder(), new Uint8Array(1 << 14)];
  let text = "";
  while (!until.test(text)) {
    const count = await connection.read(block).catch(() => null);
    if (count === null) break;
    text += decoder.decode(block.subarray(0, count));
  }
  return text;
}
