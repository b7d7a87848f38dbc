import { assertEquals, assertRejects } from "@std/assert";
import { backgroundWork, finished, type Pending, type Work } from "../../lib/mpi/work.ts";

/** Something that is done when it is told so. */
function pendingUntilTold() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let [isDone, failure]: [boolean, Error | undefined] = [false, undefined];
  const waits: string[] = [];
  promise.catch(() => {});
  const pending: Pending = {
    test() {
      if (failure) throw failure;
      return isDone;
    },
    wait({ idly = false } = {}) {
      waits.push(idly ? "idly" : "awaited");
      return promise;
    },
  };
  const done = () => {
    isDone = true;
    resolve();
  };
  const fail = (error: Error) => {
    failure = error;
    reject(error);
  };
  return { pending, waits, done, fail };
}

/** Work of two parts, which notes how far it is. */
function* noting(name: string, parts: readonly Pending[], log: string[]): Work<void> {
  for (const [i, part] of parts.entries()) {
    log.push(`${name}${i}`);
    yield part;
  }
  log.push(`${name} done`);
}

Deno.test("finished() waits for each part of work, and returns what it comes to", async () => {
  const [one, two] = [pendingUntilTold(), pendingUntilTold()];
  const work = function* (): Work<number> {
    yield one.pending;
    yield two.pending;
    return 7;
  };
  const result = finished(work());
  two.done();
  one.done();
  assertEquals(await result, 7);
});

Deno.test("backgroundWork() goes on where it is polled, one work after the other", async () => {
  const [a, b, c] = [pendingUntilTold(), pendingUntilTold(), pendingUntilTold()];
  const log: string[] = [];
  const background = backgroundWork();
  background.add(noting("x", [a.pending, b.pending], log));
  background.add(noting("y", [c.pending], log));
  background.poll();
  assertEquals(log, ["x0"]);
  c.done();
  background.poll();
  assertEquals(log, ["x0"]);
  a.done();
  b.done();
  // without a turn of the event loop
  background.poll();
  assertEquals(log, ["x0", "x1", "x done", "y0", "y done"]);
  await background.settled();
  background.add(noting("z", [], log));
  assertEquals(log.at(-1), "z done");
  const last = pendingUntilTold();
  background.add(noting("w", [last.pending], log));
  setTimeout(last.done, 0);
  await background.settled();
  assertEquals(log.slice(-2), ["w0", "w done"]);
});

Deno.test("backgroundWork() goes on by itself while nobody polls", async () => {
  const [a, b] = [pendingUntilTold(), pendingUntilTold()];
  const log: string[] = [];
  const background = backgroundWork();
  background.add(noting("x", [a.pending], log));
  background.add(noting("y", [b.pending], log));
  a.done();
  b.done();
  await background.settled();
  assertEquals(log, ["x0", "x done", "y0", "y done"]);
});

Deno.test("backgroundWork() keeps the processor busy with waiting only when it is waited for", async () => {
  const [a, b] = [pendingUntilTold(), pendingUntilTold()];
  const background = backgroundWork();
  background.add(noting("x", [a.pending, b.pending], []));
  const settled = background.settled();
  a.done();
  b.done();
  await settled;
  assertEquals([a.waits, b.waits], [["idly"], []]);
  const [c, d] = [pendingUntilTold(), pendingUntilTold()];
  background.add(noting("y", [c.pending, d.pending], []));
  const again = background.settled();
  c.done();
  await Promise.resolve();
  setTimeout(d.done, 0);
  await again;
  assertEquals([c.waits, d.waits], [["idly"], ["awaited"]]);
  const waited = pendingUntilTold();
  waited.done();
  await finished(noting("z", [waited.pending], []));
  assertEquals(waited.waits, ["awaited"]);
});

Deno.test("backgroundWork() that fails begins nothing more, and throws where it is waited for", async () => {
  const [a, b] = [pendingUntilTold(), pendingUntilTold()];
  const log: string[] = [];
  const background = backgroundWork();
  background.add(noting("x", [a.pending], log));
  background.add(noting("y", [b.pending], log));
  a.fail(new Error("a rank is gone"));
  background.poll();
  await assertRejects(() => background.settled(), Error, "a rank is gone");
  background.add(noting("z", [], log));
  assertEquals(log, ["x0"]);
  const [thrower, c] = [backgroundWork(), pendingUntilTold()];
  c.done();
  thrower.add(function* (): Work<void> {
    yield c.pending;
    throw new Error("different things");
  }());
  await assertRejects(() => thrower.settled(), Error, "different things");
});
