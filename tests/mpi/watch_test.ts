import { assertEquals } from "@std/assert";
import { goneRanks, type Sign, signWatch, tellerOf, watchedBy } from "../../lib/mpi/watch.ts";

/** A watch, and what it sent. */
function watched(rank: number, size: number, patience = 5000) {
  const sent: [number, Sign["says"]][] = [];
  return { sent, watch: signWatch({ rank, size, patience, send: (to, says) => void sent.push([to, says]) }) };
}

/** Looks every 250 ms until a moment. */
function until(watch: ReturnType<typeof signWatch>, from: number, end: number, isWaiting = true): number | undefined {
  for (let now = from; now < end; now += 250) {
    const lost = watch.tick(now, [], isWaiting);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

Deno.test("signWatch() asks those it watches once it waits, and finds who does not answer in time", () => {
  const { watch, sent } = watched(0, 3);
  assertEquals(until(watch, 0, 1000), undefined);
  assertEquals(sent, []);
  until(watch, 1000, 1300);
  assertEquals(sent, [[1, "are you there"], [2, "are you there"]]);
  watch.tick(1400, [{ from: 1, says: "here" }], true);
  assertEquals(until(watch, 1500, 6000), undefined);
  assertEquals(until(watch, 6000, 6600), 2);
});

Deno.test("signWatch() gives a rank that answers all the time it needs", () => {
  const { watch, sent } = watched(0, 2);
  for (let now = 0; now < 120_000; now += 250) {
    const asks = sent.splice(0).length > 0;
    assertEquals(watch.tick(now, asks ? [{ from: 1, says: "here" }] : [], true), undefined);
  }
});

Deno.test("signWatch() leaves ranks alone while it does not wait, and answers whoever asks", () => {
  const { watch, sent } = watched(0, 2);
  assertEquals(until(watch, 0, 60_000, false), undefined);
  assertEquals(sent, []);
  watch.tick(60_000, [{ from: 1, says: "are you there" }], false);
  assertEquals(sent, [[1, "here"]]);
});

Deno.test("signWatch() is more patient where it could not answer for long itself", () => {
  const { watch } = watched(0, 2);
  watch.tick(0, [], false);
  watch.tick(10_000, [], false);
  assertEquals(until(watch, 10_250, 10_250 + 1000 + 29_000), undefined);
  assertEquals(until(watch, 40_250, 43_000), 1);
});

Deno.test("watchedBy() has every rank watched by another", () => {
  for (const size of [2, 3, 7]) {
    const all = Array.from({ length: size }, (_, rank) => watchedBy(rank, size)).flat().sort();
    assertEquals(all, [...Array(size).keys()]);
  }
});

Deno.test("goneRanks() finds ended processes of its own machine, and tellerOf() one of them to tell", () => {
  const processes = [["a", 1], ["a", 2], ["b", 3], ["b", 4], ["a", 5]].map(([host, pid]) => ({ host, pid })) as {
    host: string;
    pid: number;
  }[];
  const isThere = (pid: number) => pid !== 1 && pid !== 3;
  assertEquals(goneRanks(processes, { rank: 4, isThere }), [0]);
  assertEquals(goneRanks(processes, { rank: 3, isThere }), [2]);
  assertEquals(tellerOf([0], processes), 1);
  assertEquals(tellerOf([2], processes), 3);
  assertEquals(goneRanks(processes, { rank: 1, isThere: () => true }), []);
});

Deno.test({
  name: "goneRanks() tells by the system whether a process is there, also one that has ended and was not asked for",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = new Deno.Command("bash", { args: ["-c", "sleep 0.05 & echo $!; exec sleep 30"], stdout: "piped" })
      .spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const zombie = Number(new TextDecoder().decode(value));
    const processes = [Deno.pid, child.pid, zombie, 2 ** 30].map((pid) => ({ host: "here", pid }));
    // a busy machine takes its time to end a process
    for (const end = Date.now() + 10_000; goneRanks(processes, { rank: 0 }).length < 2 && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(goneRanks(processes, { rank: 0 }), [2, 3]);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
  },
});
