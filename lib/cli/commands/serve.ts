/**
 * The command `serve`.
 *
 * @module
 */

import project from "../../../deno.json" with { type: "json" };
import type { MaskedLanguageModel } from "../../inference/load.ts";
import { quoted } from "../../sentences/safe_text.ts";
import { sentenceOf } from "../../sentences/reasons.ts";
import { isLoopback } from "../../serve/access.ts";
import { type ModelServer, serveDefaults, serveModel, type ServeOptions } from "../../serve/server.ts";
import { checkpoint, checkpointPath } from "../checkpoint_choice.ts";
import { parseCount, parseExtent } from "../flag_values.ts";
import { flag, flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { listenForInterrupts } from "../interrupt.ts";
import { deviceFlags, devicePermissions, folderHelp, modelPermissions, withModel } from "../opened_model.ts";
import { parsePort } from "../page_server.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { sayAside, sayHelp, sayWrapped } from "../standard_streams.ts";

const text = (value: string) => value;
const { port: PORT } = serveDefaults;

/** Characters that a token has at least, so that nobody guesses it. */
const SHORTEST_TOKEN = 16;

const flags = {
  port: { ...flag("PORT", "where it listens; 0: any port that is free", parsePort), default: PORT },
  host: {
    ...flag("HOST", "address to listen on; anything but loopback needs --token or --open", parseHost),
    default: "127.0.0.1",
  },
  name: { ...flag("NAME", "additional host name to accept; may be repeated", parseHost), repeatable: true },
  token: flag("TOKEN", "token that clients must send, at least 16 characters", parseToken),
  "token-file": flag("PATH", "the same from a file, which keeps it out of process listings", text),
  open: flagSwitch("no token, although others reach it"),
  "max-length": flag("N", "longest sequence that is read at once (default: the model's)", parseExtent),
  "batch-tokens": flag(
    "N",
    "maximum tokens per batch; 1 disables batching (default: 1,024 on a CPU, 4,096 otherwise)",
    parseCount,
  ),
  queue: {
    ...flag("N", "requests that wait or are under way before 429", parseCount),
    default: serveDefaults.mostRequests,
  },
  checkpoint,
};
const groups = { Options: flags, Device: deviceFlags };

const servePermissions = {
  [`--allow-net=127.0.0.1:${PORT}`]: "the host and the port that it listens at",
};

/** Help of the command. */
export const serveHelp = `Serves a model over HTTP: fill, embed and score as JSON, and a form to try them in a browser.

Usage: ${program} serve DIR [options]

${folderHelp}
What arrives together goes through the model together. Results are those of fill, embed and eval --pseudo; their last digits may
depend on what else is in a batch. Only this machine reaches the server, unless --host says otherwise. Nothing is encrypted: for
that, put a proxy before it. Ctrl-C finishes what is under way and ends it; a second one ends it at once.

What it answers:
  POST /fill, /embed, /score  {"texts": ["..."]}, with options that /openapi.json describes
  GET /                       the form
  GET /health, /metrics       whether it works; counters for Prometheus

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...servePermissions, ...devicePermissions })}

Examples:
  ${program} serve runs/modernbert-small-shakespeare
  ${program} serve bert-base-uncased --port 9000 --device webgpu
  ${program} serve runs/law --host 0.0.0.0 --token-file token.txt`;

/** Runs the command; returns the exit code. */
export async function serveCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(serveHelp);
    return 0;
  }
  const [path, ...rest] = parsed.positional;
  if (path === undefined || rest.length > 0) throw new UsageError("Usage: serve DIR");
  const { host, port, names } = {
    host: parsed.get(flags.host),
    port: parsed.get(flags.port),
    names: parsed.all(flags.name),
  };
  const reading = readingOf([path, parsed.get(flags["token-file"])]);
  const listening = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  checkPermissions({ ...reading, net: [...reading.net ?? [], listening] });
  const token = await tokenOf(parsed, host);
  return await withModel(
    await checkpointPath(path, parsed.get(flags.checkpoint)),
    parsed,
    async (model, { reason }) => {
      const server = await openServer(model, {
        host,
        port,
        names,
        token,
        version: project.version,
        maxLength: lengthOf(parsed, model),
        batchTokens: parsed.get(flags["batch-tokens"]),
        mostRequests: parsed.get(flags.queue),
      });
      if (!isLoopback(host)) {
        const who = token === undefined
          ? "everyone who reaches this machine may use the model"
          : "texts and the token can be read on the way";
        sayAside(`warning: the server listens at ${host}, and nothing is encrypted: ${who}`);
      }
      sayWrapped(`device  ${reason}\nserver  ${server.address}\nCtrl-C ends it`);
      return await untilEnd(server);
    },
  );
}

/** Serves until an interrupt, or until the device does not work any more. */
async function untilEnd(server: ModelServer): Promise<number> {
  const ended = Promise.withResolvers<Error | undefined>();
  const { remove } = listenForInterrupts({
    stopping: () => {
      sayAside("finishing what is under way; Ctrl-C again ends at once");
      ended.resolve(undefined);
    },
    leaving: () => {},
  });
  server.failed.then(ended.resolve);
  const failure = await ended.promise;
  await server.close();
  remove();
  if (failure) throw failure;
  return 0;
}

/** Opens the server, or says why that cannot be. */
async function openServer(model: MaskedLanguageModel, options: ServeOptions): Promise<ModelServer> {
  try {
    return await serveModel(model, options);
  } catch (error) {
    const { host, port } = options;
    const place = `Cannot listen at port ${port} of ${host}`;
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(`${place}: another program has it; --port 0 takes one that is free`);
    }
    if (error instanceof Deno.errors.AddrNotAvailable) {
      throw new UsageError(`${place}: this machine has no such address; --host 0.0.0.0 means all that it has`);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Error(`${place}: the system does not allow it; --port 0 takes one that is free`);
    }
    if (error instanceof Error && /lookup|resolve/i.test(error.message)) {
      throw new UsageError(`${place}: there is no such host; --host 0.0.0.0 means all addresses of this machine`);
    }
    throw error;
  }
}

/** The longest sequence that is asked for. */
function lengthOf(parsed: ParsedFlags, { config: { maxLength } }: MaskedLanguageModel): number | undefined {
  const length = parsed.get(flags["max-length"]);
  if (length === undefined || (length >= SHORTEST && length <= maxLength)) return length;
  throw new UsageError(
    `Option --max-length cannot be ${length}: this model reads sequences of ${SHORTEST} to ${maxLength} tokens`,
  );
}

/** Tokens that are worth a sequence. */
const SHORTEST = 4;

/**
 * The token that those who ask must send.
 *
 * @throws {UsageError} if others reach the server, and nothing says that they may.
 */
async function tokenOf(parsed: ParsedFlags, host: string): Promise<string | undefined> {
  const [given, path, open] = [parsed.get(flags.token), parsed.get(flags["token-file"]), parsed.get(flags.open)];
  if ([given, path, open].filter((one) => one !== undefined && one !== false).length > 1) {
    throw new UsageError("Give one of --token, --token-file and --open");
  }
  if (given !== undefined) return given;
  if (path !== undefined) return await tokenIn(path);
  if (isLoopback(host) || open) return undefined;
  throw new UsageError(
    `Others reach a server at ${
      quoted(host)
    }: give it a secret by --token-file PATH (or --token), or say --open if everyone may use it`,
  );
}

async function tokenIn(path: string): Promise<string> {
  let content: string;
  try {
    content = await Deno.readTextFile(path);
  } catch (error) {
    throw new UsageError(sentenceOf(error));
  }
  try {
    return parseToken(content.trim());
  } catch (error) {
    throw new UsageError(`Cannot use the token in ${quoted(path)}: ${(error as Error).message}`);
  }
}

function parseToken(value: string): string {
  if (value.length >= SHORTEST_TOKEN && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new RangeError(`wanted at least ${SHORTEST_TOKEN} letters, digits and signs, without spaces`);
}

function parseHost(value: string): string {
  const host = value.replace(/^\[(.*)\]$/, "$1");
  if (/^[\w.-]+$/.test(host) || (host.includes(":") && /^[0-9a-f:.]+$/i.test(host))) return host;
  throw new RangeError("write the name or number of a machine without a port, such as 0.0.0.0");
}
