const cli = new URL("../../cli.ts", import.meta.url).href;
/** Its path, as it names itself in other folders. */
export const cliPath = decodeURIComponent(new URL(cli).pathname);
const config = new URL("../../deno.json", import.meta.url).pathname;

export interface CliResult {
  code: number;
  out: string;
  err: string;
}

/** Starts the command line in a folder. */
export function spawnCli(
  args: readonly string[],
  { cwd, env = {}, preload = [], permissions = ["-A"], stdin = "null" }: {
    cwd: string;
    env?: Record<string, string>;
    preload?: readonly string[];
    permissions?: readonly string[];
    stdin?: "null" | "piped";
  },
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      ...permissions,
      "--no-prompt",
      "--no-check",
      `--config=${config}`,
      ...preload.map((path) => `--preload=${path}`),
      cli,
      ...args,
    ],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs the command line in a folder to its end, with text on standard input where there is some. */
export async function runCli(
  args: readonly string[],
  { input, ...options }: Parameters<typeof spawnCli>[1] & { input?: string },
): Promise<CliResult> {
  const child = spawnCli(args, input === undefined ? options : { ...options, stdin: "piped" }).spawn();
  if (input !== undefined) await new Blob([input]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Calls `main()` with each list of arguments in a folder, one after the other in one process, which takes a tenth of the time. */
export async function runMains(lists: readonly (readonly string[])[], { cwd }: { cwd: string }): Promise<CliResult[]> {
  const mains = new URL("many_mains.ts", import.meta.url).href;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "--no-check", `--config=${config}`, mains],
    cwd,
    env: { NO_COLOR: "1", CLOZE_TEST_MAINS: JSON.stringify(lists) },
    stdin: "null",
  }).output();
  const parts = (bytes: Uint8Array) => new TextDecoder().decode(bytes).split("\0");
  const [outs, errs] = [parts(stdout), parts(stderr)];
  const codes = JSON.parse(outs.pop()!) as number[];
  if (codes.length !== lists.length) throw new Error(`${codes.length} of ${lists.length} commands have ended`);
  return codes.map((code, i) => ({ code, out: outs[i]!, err: errs[i]! }));
}

/** Runs a line of a shell in a folder; in it `$CLOZE` is the command line. */
export async function runShell(line: string, { cwd }: { cwd: string }): Promise<CliResult> {
  const start = `${Deno.execPath()} run -A --no-prompt --no-check --config=${config} ${cli}`;
  const env = { NO_COLOR: "1", CLOZE: start, XDG_RUNTIME_DIR: "/tmp" };
  const { code, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", line], cwd, env, stdin: "null" })
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
