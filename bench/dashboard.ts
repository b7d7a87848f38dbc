/**
 * What the page costs the training that it shows: pairs of the same short run with and without --dashboard, one after the
 * other and in turns first, the page being read all the time. Where other programs use the cores, only the time of the
 * processor tells something. `deno run -A bench/dashboard.ts [STEPS [PAIRS]]`; with
 * CLOZE_BENCH_BROWSER=1 a browser shows it, which takes time of the same cores.
 */
import { openBrowser } from "../tests/helpers/browser.ts";
import { inTemporaryFolder } from "../tests/helpers/temporary_folder.ts";
import { median } from "./helpers.ts";

const [steps = "200", pairs = "5"] = Deno.args;
const cli = new URL("../cli.ts", import.meta.url).pathname;
const browser = Deno.env.get("CLOZE_BENCH_BROWSER") ? await openBrowser() : undefined;

/** Reads a page until its server ends; returns the bytes that came. */
async function readPage(address: string): Promise<number> {
  if (browser) {
    await (await browser.newPage()).goto(address);
    return 0;
  }
  let bytes = 0;
  const { body } = await fetch(`${address}events`);
  for await (const part of body!) bytes += part.length;
  return bytes;
}

/** Ticks of the processor that a program had by now, all its threads together; 0 where the system does not tell. */
async function ticksOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  return user + system;
}

/** What a run took. */
interface Cost {
  /** Seconds of training by the clock on the wall. */
  readonly seconds: number;
  /** Seconds of the processor, from beginning to end. */
  readonly processor: number;
  /** Bytes that were told of it. */
  readonly bytes: number;
}

/** Trains once. */
async function trained(folder: string, isShown: boolean): Promise<Cost> {
  const flags = ["--device", "cpu", "--data", "stories", "--size", "tiny", "--steps", steps, "--sample-every", "20"];
  const page = isShown ? ["--dashboard", "0"] : [];
  const args = ["run", "-A", "--no-check", cli, "train", ...flags, "--name", "a", "--out", folder, ...page];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  let [text, ticks] = ["", 0];
  const watch = setInterval(async () => ticks = Math.max(ticks, await ticksOf(child.pid)), 20);
  let reading: Promise<number> | undefined;
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    const address = /page {4}(http:\S+)\n/.exec(text)?.[1];
    if (address !== undefined) reading ??= readPage(address);
  }
  const { success } = await child.status;
  clearInterval(watch);
  if (!success) throw new Error("The run failed");
  const lines = (await Deno.readTextFile(`${folder}/a/metrics.jsonl`)).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  await Deno.remove(`${folder}/a`, { recursive: true });
  const { seconds } = lines.findLast(({ kind }) => kind === "train");
  return { seconds, processor: ticks / 100, bytes: await reading ?? 0 };
}

await inTemporaryFolder(async (folder) => {
  const ratios: Record<"seconds" | "processor", number[]> = { seconds: [], processor: [] };
  for (let pair = 0; pair < Number(pairs); pair++) {
    const costs = new Map<boolean, Cost>();
    for (const isShown of pair % 2 === 0 ? [true, false] : [false, true]) {
      costs.set(isShown, await trained(folder, isShown));
    }
    const [shown, hidden] = [costs.get(true)!, costs.get(false)!];
    ratios.seconds.push(shown.seconds / hidden.seconds);
    ratios.processor.push(shown.processor / hidden.processor);
    const figures = ({ seconds, processor }: Cost) =>
      `${seconds.toFixed(2)} s, ${processor.toFixed(2)} s of the processor`;
    console.log(`with the page ${figures(shown)} (${shown.bytes} bytes told); without ${figures(hidden)}`);
  }
  const medians = Object.entries(ratios).map(([name, values]) => `${name} ${median(values).toFixed(3)}`);
  console.log(`medians of the ratios: ${medians.join(", ")}`);
});
await browser?.close();
