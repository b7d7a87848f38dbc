/** Lines of a run's metrics. */
export async function runMetrics(path: string): Promise<Record<string, unknown>[]> {
  return (await Deno.readTextFile(`${path}/metrics.jsonl`)).trim().split("\n").map((line) => JSON.parse(line));
}

/** What must not differ between two runs: everything but time and the memory of the process. */
export async function runLosses(path: string): Promise<Record<string, unknown>[]> {
  return (await runMetrics(path)).map(({ seconds: _, tokensPerSecond: __, residentBytes: ___, ...rest }) => rest);
}
