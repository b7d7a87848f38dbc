import { assertEquals, assertStringIncludes } from "@std/assert";
import { slowStepWatch } from "../../lib/cli/interrupt.ts";
import { exists } from "../../lib/files/paths.ts";
import type { TrainRecord } from "../../lib/train/events.ts";
import { spawnCli } from "../helpers/run_cli.ts";
import { saidUntil } from "../helpers/said_until.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

Deno.test("a run that is interrupted while its steps are timed tells nothing half known, and leaves no folder", () =>
  inTemporaryFolder(async (cwd) => {
    const flags = ["--device", "cpu", "--threads", "1", "--size", "tiny", "--data", "stories", "--tokens", "30M"];
    const child = spawnCli(["train", ...flags], { cwd }).spawn();
    const said = await saidUntil(child, "mask rate");
    child.kill("SIGINT");
    const out = await said.rest();
    const [{ code }] = await Promise.all([child.status, child.stderr.cancel()]);
    assertEquals(code, 130);
    assertStringIncludes(out, "stopping; again to stop at once");
    assertStringIncludes(out, "stopped before the first step: nothing is saved");
    // there is neither yet
    assertEquals(out.includes("finishing the step"), false);
    assertEquals(out.split("\n").filter((line) => /^(time|memory|loss|best|total)/.test(line)), []);
    assertEquals(await exists(`${cwd}/runs`), false);
  }));

/** A program that is interrupted while it is busy with something, and says what it made of it. */
const busyWith = (work: string, options = "") => `
import { listenForInterrupts } from "${new URL("../../lib/cli/interrupt.ts", import.meta.url)}";
const interrupt = listenForInterrupts({
  stopping: () => console.log("stopping"),
  leaving: () => console.log("leaving"),
  ${options}
});
${work}
await new Promise((resolve) => setTimeout(resolve, 200));
interrupt.remove();
console.log("end");
`;

/** Signals to a program, each with the milliseconds that it is then left alone for. */
type Signals = readonly (readonly [signal: Deno.Signal, milliseconds: number])[];

/** Exit code and what such a program says from "busy" on, interrupted and then left alone for so many milliseconds, and so on. */
const interruptedWhileBusy = (work: string, pauses: readonly number[]) =>
  signalledWhileBusy(busyWith(work), pauses.map((milliseconds) => ["SIGINT", milliseconds]));

/** Exit code and what a program says from "busy" on. */
async function signalledWhileBusy(
  source: string,
  signals: Signals,
  permission = "--allow-read",
): Promise<[number, string[]]> {
  const args = ["run", "--no-check", "--no-prompt", permission, "--ext=ts", "-"];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  await new Blob([source]).stream().pipeTo(child.stdin);
  const said = await saidUntil(child, "busy");
  for (const [signal, milliseconds] of signals) {
    child.kill(signal);
    await pause(milliseconds);
  }
  const out = await said.rest();
  const [{ code }] = await Promise.all([child.status, child.stderr.cancel()]);
  return [code, out.trim().split("\n").slice(1)];
}

Deno.test("two interrupts while the main thread is busy are two, and one that comes twice at once is one", async () => {
  const work = `
interrupt.count();
await new Promise((resolve) => setTimeout(resolve, 500));
console.log("busy");
for (const until = performance.now() + 700; performance.now() < until;);`;
  const [two, one, echo] = await Promise.all(
    [[200, 0], [0], [1, 0]].map((pauses) => interruptedWhileBusy(work, pauses)),
  );
  assertEquals(two, [130, ["leaving"]]);
  assertEquals(one, [0, ["stopping", "end"]]);
  assertEquals(echo, [0, ["stopping", "end"]]);
});

Deno.test("slowStepWatch() has interrupts counted where steps take long, and nowhere else", () => {
  const countedAfter = (seconds: readonly number[]) => {
    let counted = 0;
    const watch = slowStepWatch({ count: () => void counted++ });
    for (const [i, at] of seconds.entries()) watch.event({ kind: "train", step: i + 1, seconds: at } as TrainRecord);
    return counted > 0;
  };
  assertEquals([[0.01, 0.02, 0.03], [0.01, 3], [3]].map(countedAfter), [false, true, true]);
});

Deno.test("what keeps the main thread busy hears one interrupt and two, and has them counted once it takes long", async () => {
  const work = `
const [began, isQuick] = [performance.now(), () => performance.now() - began < 1500];
while (isQuick()) interrupt.whileBusy(performance.now() - began);
console.log("busy");
while (performance.now() - began < 9000) interrupt.whileBusy(performance.now() - began);`;
  assertEquals(await interruptedWhileBusy(work, [300, 0]), [130, ["stopping", "leaving"]]);
});

Deno.test("a launcher that has its processes continue and then terminates them interrupts them once", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  // until it is told, for beside other work everything takes its time
  const waits = `
const told = new Promise((resolve) => Deno.addSignalListener("SIGUSR1", resolve));
console.log("busy");
const limit = setTimeout(() => Deno.exit(9), 60_000);
await told;
clearTimeout(limit);`;
  const end = ["SIGUSR1", 0] as const;
  const [continued, alone] = [busyWith(waits, "continued: () => Promise.resolve(true),"), busyWith(waits)];
  const ending = busyWith(waits, "continued: () => Promise.resolve(false),");
  const [told, twice, stopped, other, blind, lost] = await Promise.all([
    signalledWhileBusy(continued, [["SIGCONT", 300], ["SIGTERM", 300], end], "-A"),
    signalledWhileBusy(continued, [["SIGCONT", 300], ["SIGTERM", 600], ["SIGTERM", 0]], "-A"),
    signalledWhileBusy(continued, [["SIGSTOP", 1000], ["SIGCONT", 300], end], "-A"),
    signalledWhileBusy(alone, [["SIGCONT", 300], end], "-A"),
    signalledWhileBusy(continued, [["SIGCONT", 300], ["SIGTERM", 300], end]),
    signalledWhileBusy(ending, [["SIGCONT", 300], end], "-A"),
  ]);
  assertEquals(told, [0, ["stopping", "end"]]);
  assertEquals(twice, [130, ["stopping", "leaving"]]);
  // who was stopped goes on
  assertEquals(stopped, [0, ["end"]]);
  assertEquals(other, [0, ["end"]]);
  // one who cannot tell waits for the next signal
  assertEquals(blind, [0, ["stopping", "end"]]);
  assertEquals(lost, [0, ["end"]]);
});
