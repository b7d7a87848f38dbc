/**
 * What the page costs the training that it shows: pairs of the same short run with and without --dashboard, one after the
 * other and in turns first, the page being read all the time. `deno run -A bench/dashboard.ts [STEPS [PAIRS]]`; with
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

/** Trains once; seconds of training, and bytes that were told of it. */
async function trained(folder: string, isShown: boolean): Promise<{ seconds: number; bytes: number }> {
  const flags = ["--device", "cpu", "--data", "stories", "--size", "tiny", "--steps", steps, "--sample-every", "20"];
  const page = isShown ? ["--dashboard", "0"] : [];
  const args = ["run", "-A", "--no-check", cli, "train", ...flags, "--name", "a", "--out", folder, ...page];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  let text = "";
  let reading: Promise<number> | undefined;
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    const address = /page {4}(http:\S+)\n/.exec(text)?.[1];
    if (address !== undefined) reading ??= readPage(address);
  }
  if (!(await child.status).success) throw new Error("The run failed");
  const lines = (await Deno.readTextFile(`${folder}/a/metrics.jsonl`)).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  await Deno.remove(`${folder}/a`, { recursive: true });
  return { seconds: lines.findLast(({ kind }) => kind === "train").seconds, bytes: await reading ?? 0 };
}

await inTemporaryFolder(async (folder) => {
  const ratios: number[] = [];
  const all: Record<"shown" | "hidden", number[]> = { shown: [], hidden: [] };
  for (let pair = 0; pair < Number(pairs); pair++) {
    let told = 0;
    for (const isShown of pair % 2 === 0 ? [true, false] : [false, true]) {
      const { seconds, bytes } = await trained(folder, isShown);
      all[isShown ? "shown" : "hidden"].push(seconds);
      told += bytes;
    }
    const [shown, hidden] = [all.shown.at(-1)!, all.hidden.at(-1)!];
    ratios.push(shown / hidden);
    console.log(`with the page ${shown.toFixed(2)} s (${told} bytes told), without ${hidden.toFixed(2)} s`);
  }
  const [shown, hidden] = [median(all.shown), median(all.hidden)];
  console.log(`medians: ${shown.toFixed(2)} s and ${hidden.toFixed(2)} s; of the ratios ${median(ratios).toFixed(3)}`);
});
await browser?.close();
