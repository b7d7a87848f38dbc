import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { PAGE_PORT } from "../../lib/cli/page_server.ts";
import { runCli, spawnCli } from "../helpers/run_cli.ts";
import { writeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** What a program has written when it says where its page is, and that address. */
async function pageOf(child: Deno.ChildProcess): Promise<{ address: string; rest: Promise<string> }> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!/page {4}http:\S+\n/.test(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`no page: ${text}`);
    text += value;
  }
  const address = /http:\S+/.exec(text)![0];
  const rest = (async () => {
    for (let read; !(read = await reader.read()).done;) text += read.value;
    return text;
  })();
  return { address, rest };
}

Deno.test("watch shows runs until it is interrupted, with the least permissions", () =>
  inTemporaryFolder(async (cwd) => {
    await writeRun(`${cwd}/runs/a`);
    const permissions = ["--allow-read=runs", "--allow-net=127.0.0.1:0"];
    const child = spawnCli(["watch", "runs", "--port", "0"], { cwd, permissions }).spawn();
    const { address, rest } = await pageOf(child);
    assertEquals((await (await fetch(address)).text()).startsWith("<!DOCTYPE html>"), true);
    const events = (await fetch(`${address}events`)).body!.pipeThrough(new TextDecoderStream());
    let told = "";
    for await (const part of events) if ((told += part).includes('"id":"runs/a"')) break;
    child.kill("SIGINT");
    assertEquals((await child.status).code, 0);
    await rest;
    await child.stderr.cancel();
  }));

Deno.test("watch takes a free port where the usual one is taken", () =>
  inTemporaryFolder(async (cwd) => {
    await Deno.mkdir(`${cwd}/runs`);
    const taken = listening(PAGE_PORT);
    try {
      const child = spawnCli(["watch"], { cwd }).spawn();
      const { address, rest } = await pageOf(child);
      assert(address !== `http://127.0.0.1:${PAGE_PORT}/`, address);
      child.kill("SIGTERM");
      assertEquals((await child.status).code, 0);
      await rest;
      await child.stderr.cancel();
    } finally {
      taken?.close();
    }
  }));

/** Takes a port; undefined: another program has it already. */
function listening(port: number): Deno.Listener | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return undefined;
  }
}

Deno.test("train --dashboard shows the run that it trains, and keeps its samples", () =>
  inTemporaryFolder(async (cwd) => {
    const flags = ["--data", "stories", "--size", "tiny", "--length", "16", "--device", "cpu", "--threads", "1"];
    const child = spawnCli(["train", ...flags, "--name", "a", "--tokens", "200k", "--dashboard", "0"], { cwd }).spawn();
    const { address, rest } = await pageOf(child);
    const events = (await fetch(`${address}events`)).body!.pipeThrough(new TextDecoderStream());
    let told = "";
    for await (const part of events) if ((told += part).includes('"state":"running"')) break;
    assertStringIncludes(told, '"id":"runs/a"');
    child.kill("SIGINT");
    assertEquals((await child.status).code, 130);
    await rest;
    await child.stderr.cancel();
    // a run that goes on has its page where it was
    const { port } = new URL(address);
    const resumed = spawnCli(["train", "--resume", "runs/a", "--dashboard", port], { cwd }).spawn();
    const again = await pageOf(resumed);
    assertEquals(again.address, address);
    resumed.kill("SIGKILL");
    await again.rest;
    await resumed.stderr.cancel();
    const lines = (await Deno.readTextFile(`${cwd}/runs/a/metrics.jsonl`)).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert(lines.every(({ kind }) => kind !== "samples"));
  }));

Deno.test("a run that ends has its samples in samples.jsonl, and a report by report", () =>
  inTemporaryFolder(async (cwd) => {
    const flags = ["--data", "stories", "--size", "tiny", "--length", "16", "--device", "cpu", "--threads", "1"];
    await runCli(["train", ...flags, "--name", "a", "--steps", "4", "--eval-tokens", "64", "--sample-every", "2"], {
      cwd,
    });
    const lines = (await Deno.readTextFile(`${cwd}/runs/a/samples.jsonl`)).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assertEquals(lines.map(({ step }) => step), [2, 4]);
    for (const { samples } of lines) {
      const tokens = samples.flat() as (string | [string, string, [string, number][]])[];
      const masked = tokens.filter((token) => typeof token !== "string");
      assert(masked.length > 0 && masked.length < tokens.length);
      for (const [, predicted, candidates] of masked) {
        assertEquals([candidates.length, candidates[0]![0]], [5, predicted]);
        const probabilities = candidates.map(([, probability]) => probability);
        assertEquals(probabilities, probabilities.toSorted((a, b) => b - a));
      }
    }
    const { code, out } = await runCli(["report", "runs/a/"], { cwd });
    assertEquals([code, out], [0, "the report is in runs/a/report.html\n"]);
    const html = await Deno.readTextFile(`${cwd}/runs/a/report.html`);
    assertStringIncludes(html, '"state":"finished"');
    assertEquals(
      (await Array.fromAsync(Deno.readDir(`${cwd}/runs/a`))).some(({ name }) => name.includes("unfinished")),
      false,
    );
  }));

Deno.test("watch, report and --dashboard say in a sentence what they cannot do", () =>
  inTemporaryFolder(async (cwd) => {
    await writeRun(`${cwd}/runs/a`);
    await Deno.mkdir(`${cwd}/runs/a/checkpoints`);
    await Deno.mkdir(`${cwd}/empty`);
    await Deno.writeTextFile(`${cwd}/file`, "");
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const busy = `Cannot show the page at port ${port}: another program has it, perhaps another page;`;
    const cases: [args: string[], code: number, said: string][] = [
      [["watch", "runs/b"], 1, 'Cannot watch "runs/b": there is no such run; there is runs/a'],
      [["watch", "nowhere"], 1, 'Cannot watch "nowhere": there is no such folder'],
      [["watch", "file"], 1, 'Cannot watch "file": it is a file; wanted the folder of a run'],
      [["watch", "runs", "--port", "66000"], 2, "write a whole number from 0 to 65535"],
      [["watch", "runs", "--port", String(port)], 1, `${busy} --port 0 takes one that is free`],
      [["train", "--dashboard", String(port)], 1, `${busy} --dashboard 0 takes one that is free`],
      [
        ["train", "--dashboard", "here"],
        2,
        'Option --dashboard cannot be "here": write a whole number from 0 to 65535',
      ],
      [["report"], 2, "Usage: report RUN"],
      [["report", "runs/b"], 1, 'Cannot report on "runs/b": there is no such run; there is runs/a'],
      [["report", "empty"], 1, 'Cannot report on "empty": there is no run in it'],
      [["report", "runs/a", "runs/a"], 2, "Several runs need a place for their report: --out FILE"],
      [["report", "runs/a", "--out", "no/where.html"], 1, 'Cannot write the report to "no/where.html": '],
    ];
    for (const [args, code, said] of cases) {
      const result = await runCli(args, { cwd });
      assertEquals([args, result.code], [args, code], result.err);
      assertStringIncludes(result.err, `error: `);
      assertStringIncludes(result.err, said);
    }
    assertEquals((await Array.fromAsync(Deno.readDir(`${cwd}/runs`))).map(({ name }) => name), ["a"]);
  }));
