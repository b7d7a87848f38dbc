/**
 * Serves a model over HTTP, until it is told to stop.
 *
 * @module
 */

import { DeviceError } from "../device/device.ts";
import { mostMaskedRows, type TextModel } from "../evaluate/text_model.ts";
import { LOOPBACK } from "../page/own_requests.ts";
import type { Access } from "./access.ts";
import { answered, type Service } from "./answers.ts";
import { type BatchRun, createBatcher } from "./batcher.ts";
import type { BodyLimits } from "./body.ts";
import { formPolicy } from "./form.ts";
import { createMetrics } from "./metrics.ts";
import { modelRunner } from "./run_model.ts";

/** Options of {@linkcode serveModel}. */
export interface ServeOptions extends Partial<Access> {
  /** Port; 0: one that is free. */
  readonly port?: number | undefined;
  /** Version of this program. */
  readonly version?: string | undefined;
  /** Most tokens of a sequence. Default: as many as the model reads. */
  readonly maxLength?: number | undefined;
  /** Most tokens of a batch, padding included; 1: every sequence goes alone. Default: 1,024 on a CPU, 4,096 elsewhere. */
  readonly batchTokens?: number | undefined;
  /** Most requests that wait or are under way. */
  readonly mostRequests?: number | undefined;
  /** Most tokens that wait. */
  readonly mostTokens?: number | undefined;
  /** Most tokens of a request's sequences. */
  readonly requestTokens?: number | undefined;
  /** How much of a body is read. */
  readonly body?: BodyLimits | undefined;
  /** Milliseconds that the end of the server waits for requests that are under way. */
  readonly patience?: number | undefined;
}

/** A model that is being served. */
export interface ModelServer {
  /** Where it is. */
  readonly address: string;
  /** Comes with the error after which the device does not work any more. */
  readonly failed: Promise<Error>;
  /** Ends it; what is under way is finished. */
  close(): Promise<void>;
}

/** What is used where nothing is said. */
export const serveDefaults = {
  port: 8089,
  mostRequests: 128,
  mostTokens: 1 << 20,
  requestTokens: 1 << 18,
  body: { bytes: 1 << 20, patience: 10_000 },
  patience: 30_000,
} as const;

/** Tokens of a batch, which on a CPU holds up everything else. */
const batchTokensOf = { cpu: 1024, webgpu: 4096 } as const;

/**
 * Serves a model.
 *
 * @throws {Deno.errors.AddrInUse} if another program has the port.
 */
export async function serveModel(
  model: TextModel & { readonly place: string },
  options: ServeOptions = {},
): Promise<ModelServer> {
  const { host = LOOPBACK, port = serveDefaults.port, patience = serveDefaults.patience } = options;
  const failure = Promise.withResolvers<Error>();
  const service = await serviceOf(model, options, failure.resolve);
  const stop = new AbortController();
  const restore = withoutAbortWarning();
  const server = Deno.serve({ hostname: host, port, signal: stop.signal, onListen: () => {} }, (request) => {
    return answered(service, request);
  });
  return {
    address: `http://${host.includes(":") ? `[${host}]` : host}:${server.addr.port}/`,
    failed: failure.promise,
    async close() {
      service.isStopping = true;
      const hurry = setTimeout(() => stop.abort(), patience);
      await server.shutdown();
      clearTimeout(hurry);
      await service.batcher.idle();
      await service.runner.close();
      restore();
    },
  };
}

/** What strangers are told of where a model came from: its folder's name, or its run's, and not where that lies here. */
export function publicName(place: string): string {
  const parts = place.replace(/[?#].*$/, "").split(/[\\/]+/).filter((part) => part !== "" && !/^\.+$/.test(part));
  const checkpoints = parts.lastIndexOf("checkpoints");
  return (checkpoints > 0 ? parts[checkpoints - 1] : parts.at(-1)) ?? "model";
}

async function serviceOf(
  textModel: TextModel & { readonly place: string },
  options: ServeOptions,
  failed: (error: Error) => void,
): Promise<Service> {
  const { place, model: { config, device } } = textModel;
  const { maxLength = config.maxLength, requestTokens = serveDefaults.requestTokens, version = "" } = options;
  const { mostRequests = serveDefaults.mostRequests, mostTokens = serveDefaults.mostTokens } = options;
  const tokens = options.batchTokens ?? batchTokensOf[device.kind];
  const runner = modelRunner(textModel);
  const name = publicName(place);
  const metrics = createMetrics({ version, model: name, device: device.description });
  const run = async (batch: BatchRun) => {
    try {
      return await runner.run(batch);
    } catch (error) {
      if (error instanceof DeviceError) failed(service.failure = error);
      throw error;
    }
  };
  const service: Service = {
    place: name,
    context: { textModel, maxLength, mostTokens: requestTokens },
    access: { host: options.host ?? LOOPBACK, names: options.names ?? [], token: options.token },
    batcher: createBatcher({
      run,
      limits: { tokens, rows: mostMaskedRows(config.vocab), longest: maxLength },
      mostRequests,
      mostTokens,
      observe: metrics.ran,
    }),
    runner,
    metrics,
    policy: await formPolicy(),
    version,
    body: options.body ?? serveDefaults.body,
    mostRequests,
    inHand: 0,
    isStopping: false,
    failure: undefined,
  };
  return service;
}

/**
 * Deno warns that the signal of a request is also given after its answer, which does not matter here: work that has an end is
 * not given up.
 */
function withoutAbortWarning(): () => void {
  const { warn } = console;
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).startsWith("Deno.serve: request.signal aborts")) warn(...words);
  };
  return () => void (console.warn = warn);
}
