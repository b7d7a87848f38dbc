const cli = new URL("../../cli.ts", import.meta.url).href;
const config = new URL("../../deno.json", import.meta.url).pathname;

export interface CliResult {
  code: number;
  out: string;
  err: string;
}

/** Starts the command line in a folder. */
export function spawnCli(
  args: readonly string[],
  { cwd, env = {}, preload = [] }: { cwd: string; env?: Record<string, string>; preload?: readonly string[] },
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      `--config=${config}`,
      ...preload.map((path) => `--preload=${path}`),
      cli,
      ...args,
    ],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs the command line in a folder to its end. */
export async function runCli(args: readonly string[], options: Parameters<typeof spawnCli>[1]): Promise<CliResult> {
  const { code, stdout, stderr } = await spawnCli(args, options).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
