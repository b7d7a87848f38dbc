import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { profileTable } from "../../lib/cli/profile_table.ts";
import { claimTrace, traceEvents, writeTrace } from "../../lib/cli/trace_file.ts";
import type { Device } from "../../lib/device/device.ts";
import { TraceLog } from "../../lib/device/trace.ts";
import { tracedDevice } from "../../lib/device/traced_device.ts";
import { WriteError } from "../../lib/files/write_files.ts";
import { runCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

interface TraceEvent {
  name: string;
  ph: string;
  ts: number;
  dur: number;
  pid: number;
  tid: number;
  args?: Record<string, unknown>;
}

Deno.test("traceEvents() name two tracks, then give complete events in microseconds from the first on", () => {
  const log = new TraceLog();
  log.addHost({ name: "inner", start: 1000.5, milliseconds: 0.25 });
  log.addHost({ name: "outer", start: 1000.5, milliseconds: 2 });
  log.addDevice({ name: "add", start: 1001, milliseconds: 0.0012345, details: { flop: 0, bytes: 8 } });
  const track = (tid: number, name: string) => ({ name: "thread_name", ph: "M", pid: 1, tid, args: { name } });
  assertEquals([...traceEvents(log, { device: "a card" })], [
    { name: "process_name", ph: "M", pid: 1, args: { name: "cloze" } },
    track(1, "host: loader, upload, encode, read back"),
    track(2, "a card"),
    { name: "outer", ph: "X", ts: 0, dur: 2000, pid: 1, tid: 1 },
    { name: "inner", ph: "X", ts: 0, dur: 250, pid: 1, tid: 1 },
    { name: "add", ph: "X", ts: 500, dur: 1.235, pid: 1, tid: 2, args: { flop: 0, bytes: 8 } },
  ]);
});

Deno.test("traceEvents() give waits as pairs, which others may cross, and a staged read is one", async () => {
  const log = new TraceLog();
  const device = tracedDevice(
    { stage: () => Promise.resolve({ bytes: 0, read: () => Promise.resolve([]), destroy() {} }) } as unknown as Device,
    log,
  );
  const reading = (await device.stage!([]))!.read();
  log.during("encode", () => {});
  await reading;
  const events = [...traceEvents(log, { device: "" })];
  const waits = events.filter(({ cat }) => cat === "wait");
  assertEquals(waits.map(({ name, ph, id }) => [name, ph, id]), [["read back", "b", 0], ["read back", "e", 0]]);
  assert(Number(waits[0]!.ts) <= Number(waits[1]!.ts));
  assertEquals(events.filter(({ ph }) => ph === "X").map(({ name }) => name), ["copy", "encode"]);
});

Deno.test("writeTrace() writes JSON, says what was left out, and claimTrace() fails at once where it cannot", () =>
  inTemporaryFolder(async (folder) => {
    const log = new TraceLog({ most: 1 });
    for (let i = 0; i < 1234; i++) log.addHost({ name: "x", start: i, milliseconds: 1 });
    const path = `${folder}/trace.json`;
    await claimTrace(path);
    assertEquals(JSON.parse(await Deno.readTextFile(path)), []);
    assertStringIncludes(await writeTrace(path, log, { device: "" }), `the first 1 of 1,234 spans in ${path}; open it`);
    assertEquals(JSON.parse(await Deno.readTextFile(path)).length, 4);
    assertStringIncludes(await writeTrace(path, new TraceLog(), { device: "" }), "trace   0 spans in");
    assertEquals(JSON.parse(await Deno.readTextFile(path)).length, 3);
    const nowhere = `${folder}/nowhere/trace.json`;
    const missing = await assertRejects(() => claimTrace(nowhere), WriteError);
    assertEquals((missing as Error).message, `Cannot write the trace to "${nowhere}": there is no such folder`);
  }));

Deno.test("profileTable() fits into 80 columns, and shows the share of what was measured to be possible", () => {
  const times = [
    { name: "matmul Aᵀ·B 30522×768×655", calls: 12345, milliseconds: 61_000, flop: 1.2e15, bytes: 3e13 },
    { name: "attention_backward_key_value", calls: 148_140, milliseconds: 30_000, flop: 1.1e14, bytes: 2e12 },
    { name: "a_kernel_of_a_name_that_is_much_too_long", calls: 12_000, milliseconds: 9000, flop: 0, bytes: 2e13 },
    { name: "add", calls: 3, milliseconds: 2, flop: 0, bytes: 9 },
    { name: "rotary", calls: 4, milliseconds: 1, flop: 0, bytes: 9 },
  ];
  const lines = profileTable(times, { peaks: { products: 40e12, bandwidth: 4e12 } }).split("\n");
  assertEquals(lines, [
    "",
    "time by kernel, training and validation, 100.0 s in all; µs: of a call",
    "  kernel                         calls      s  share    µs  GFLOP/s  GB/s  peak",
    "  matmul Aᵀ·B 30522×768×655      12345  61.00    61%  4941    19672   492   49%",
    "  attention_backward_key_value  148140  30.00    30%   203     3667  66.7    9%",
    "  a_kernel_of_a_name_that_is_…   12000   9.00     9%   750           2222   56%",
    "  2 others                           7   0.00     0%   429            0.0    0%",
    "peak: the larger share of 40,000 GFLOP/s or 4000 GB/s, as measured here;",
    ">100%: data lies in caches, or the machine was busy as the peak was measured",
  ]);
  for (const line of lines) assert(line.length <= 80, line);
  assertStringIncludes(profileTable(times, { peaks: { products: 4e12, bandwidth: 4e12 } }), " >100%\n");
  assert(!profileTable(times).includes("peak"));
  const narrow = profileTable(times, { width: 40 }).split("\n").slice(2);
  assert(narrow.every((line) => line.length <= 40) && narrow.length > 2, narrow.join("\n"));
});

Deno.test("train --trace writes what host and device did, and --profile the share of what is possible", () =>
  inTemporaryFolder(async (cwd) => {
    const model = ["--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "64", "--length", "16"];
    const plan = [
      "--curriculum",
      "none",
      "--eval-tokens",
      "16",
      "--sample-every",
      "100%",
      "--steps",
      "3",
      "--optimizer",
      "adamw",
    ];
    const args = ["train", "--data", "stories", "--device", "cpu", "--threads", "1", "--blas", "off"];
    const { code, out, err } = await runCli([...args, ...model, ...plan, "--profile", "--trace", "trace.json"], {
      cwd,
    });
    assertEquals([code, err], [0, ""]);
    assertMatch(out, /^ {2}kernel .* GFLOP\/s +GB\/s +peak$/m);
    assertMatch(out, /^peak: the larger share of [\d.,]+ GFLOP\/s or [\d.]+ GB\/s, as measured here;$/m);
    assertMatch(out, /^trace {3}\d[\d,]+ spans in trace\.json/m);
    const events = JSON.parse(await Deno.readTextFile(`${cwd}/trace.json`)) as TraceEvent[];
    const on = (tid: number) => events.filter((event) => event.ph === "X" && event.tid === tid);
    const host = new Set(on(1).map(({ name }) => name));
    for (const name of ["loader", "recording", "compile", "upload", "encode", "read back", "validation", "state"]) {
      assert(host.has(name), `${name} is not among ${[...host]}`);
    }
    assertEquals(on(2).filter(({ name }) => name === "adamw").length, 3);
    // what one thread does lies within or behind one another
    for (const tid of [1, 2]) {
      const open: number[] = [];
      for (const { name, ts, dur } of on(tid)) {
        while (open.length > 0 && open.at(-1)! <= ts + 1e-3) open.pop();
        assert(open.length === 0 || ts + dur <= open.at(-1)! + 1e-3, `${name} at ${ts} crosses another`);
        open.push(ts + dur);
      }
    }
  }));
