import { assert, assertEquals, assertThrows } from "@std/assert";
import { lockFolder, RunInUseError } from "../../lib/cli/run_lock.ts";
import { isTrained, LOCK } from "../../lib/files/lock_signs.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);
const nobody = { process: 4_000_000_000, since: "2020-01-01T00:00:00.000Z" };

Deno.test("lockFolder() is had by one at a time, says by whom, and leaves nothing", () =>
  inTemporaryFolder((folder) => {
    const lock = lockFolder(folder);
    const { message } = assertThrows(() => lockFolder(folder), RunInUseError);
    assert(message.startsWith(`it is being trained by process ${Deno.pid} on ${Deno.hostname()}, since 20`), message);
    assertEquals([lock.before, lock.isHeld()], [undefined, true]);
    lock.release();
    assertEquals(names(folder), []);
    const again = lockFolder(folder);
    assertEquals(again.before, undefined);
    again.release();
    return Promise.resolve();
  }));

Deno.test("lockFolder() takes over what a process of this machine has left, and tells whose it was", () =>
  inTemporaryFolder((folder) => {
    const left = { host: Deno.hostname(), ...nobody };
    Deno.writeTextFileSync(`${folder}/${LOCK}`, JSON.stringify(left));
    const lock = lockFolder(folder);
    assertEquals([lock.before, lock.isHeld()], [left, true]);
    lock.release();
    // what a crash cut short, or a hand wrote
    for (const text of ["", "{", '{"host":"x"', "null", '{"process":"x"}', "x".repeat(5000)]) {
      Deno.writeTextFileSync(`${folder}/${LOCK}`, text);
      const lock = lockFolder(folder);
      assertEquals([lock.before, lock.isHeld()], [undefined, true]);
      lock.release();
    }
    assertEquals(names(folder), []);
    return Promise.resolve();
  }));

Deno.test("lockFolder() believes a machine that it cannot see for a minute after its last sign of life", () =>
  inTemporaryFolder((folder) => {
    const path = `${folder}/${LOCK}`;
    const far = { host: "a machine elsewhere", ...nobody };
    Deno.writeTextFileSync(path, JSON.stringify(far));
    const { message } = assertThrows(() => lockFolder(folder), RunInUseError);
    assert(
      /^it is being trained by process 4000000000 on a machine elsewhere, .*; its last sign of life was 0 s ago: if it is/
        .test(message),
      message,
    );
    assertEquals(JSON.parse(Deno.readTextFileSync(path)), far);
    const before = new Date(Date.now() - 120_000);
    Deno.utimeSync(path, before, before);
    const lock = lockFolder(folder);
    assertEquals(lock.before, far);
    lock.release();
    assertEquals(names(folder), []);
    return Promise.resolve();
  }));

Deno.test({
  name: "lockFolder() says what makes sure at once that a process is gone, where the machine's name may not be asked",
  permissions: { read: true, write: true, sys: false },
  fn: () =>
    inTemporaryFolder((folder) => {
      const sentence = (host: string) => {
        Deno.writeTextFileSync(`${folder}/${LOCK}`, JSON.stringify({ host, ...nobody }));
        return assertThrows(() => lockFolder(folder), RunInUseError).message;
      };
      assert(
        /: if it is gone, try again in (59|60) s, or at once with --allow-sys=hostname, if it was a process of this machine$/
          .test(sentence("a machine")),
      );
      // without a name it was a process that could not ask for one either
      Deno.writeTextFileSync(`${folder}/${LOCK}`, JSON.stringify({ host: null, ...nobody }));
      lockFolder(folder).release();
      return Promise.resolve();
    }),
});

Deno.test({
  name: "isTrained() takes a lock that is free here for one that was left, where the machine's name may not be asked",
  permissions: { read: true, write: true, sys: false },
  fn: () =>
    inTemporaryFolder((folder) => {
      Deno.writeTextFileSync(`${folder}/${LOCK}`, JSON.stringify({ host: "a machine", ...nobody }));
      assertEquals(isTrained(folder), false);
      const path = `${folder}/held`;
      Deno.mkdirSync(path);
      const lock = lockFolder(path);
      assertEquals(isTrained(path), true);
      lock.release();
      return Promise.resolve();
    }),
});

Deno.test("a lock is made again where someone has deleted it, and is lost with its folder or to another", () =>
  inTemporaryFolder((folder) => {
    const path = `${folder}/run`;
    Deno.mkdirSync(path);
    const lock = lockFolder(path);
    Deno.removeSync(`${path}/${LOCK}`);
    assertEquals([lock.isHeld(), names(path)], [true, [LOCK]]);
    assertThrows(() => lockFolder(path), RunInUseError);
    Deno.writeTextFileSync(`${path}/${LOCK}`, JSON.stringify({ host: Deno.hostname(), ...nobody }));
    assertEquals(lock.isHeld(), false);
    Deno.removeSync(path, { recursive: true });
    assertEquals(lock.isHeld(), false);
    lock.release();
    assertEquals(names(folder), []);
    return Promise.resolve();
  }));

Deno.test("lockFolder() writes to nothing that a link leads to, and opens no pipe", () =>
  inTemporaryFolder(async (folder) => {
    const [path, elsewhere] = [`${folder}/${LOCK}`, `${folder}/elsewhere`];
    Deno.writeTextFileSync(elsewhere, "precious");
    for (const target of [elsewhere, `${folder}/missing`]) {
      Deno.symlinkSync(target, path);
      assertThrows(
        () => lockFolder(folder),
        Error,
        `Cannot write the run's lock to "${path}": it is a link, not a file`,
      );
      Deno.removeSync(path);
    }
    assertEquals([Deno.readTextFileSync(elsewhere), names(folder)], ["precious", ["elsewhere"]]);
    await new Deno.Command("mkfifo", { args: [path] }).output();
    assertThrows(() => lockFolder(folder), Error, "it is a pipe, not a file");
  }));

Deno.test("isTrained() tells a lock that is held from one that a process left behind", () =>
  inTemporaryFolder((folder) => {
    const path = `${folder}/${LOCK}`;
    assertEquals(isTrained(folder), false);
    const lock = lockFolder(folder);
    // a machine that slept gave no sign of life
    const before = new Date(Date.now() - 120_000);
    Deno.utimeSync(path, before, before);
    assertEquals(isTrained(folder), true);
    assertEquals(lock.isHeld(), true);
    lock.release();
    const left = JSON.stringify({ host: Deno.hostname(), ...nobody });
    for (const text of [left, "{}", ""]) {
      Deno.writeTextFileSync(path, text);
      assertEquals([text, isTrained(folder)], [text, false]);
    }
    Deno.writeTextFileSync(path, JSON.stringify({ host: "a machine elsewhere", ...nobody }));
    assertEquals(isTrained(folder), true);
    Deno.utimeSync(path, before, before);
    assertEquals(isTrained(folder), false);
    Deno.removeSync(path);
    Deno.symlinkSync("/dev/zero", path);
    assertEquals(isTrained(folder), false);
    return Promise.resolve();
  }));

Deno.test("lockFolder() has its way with who only looks at the lock for a moment", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/${LOCK}`;
    Deno.writeTextFileSync(path, "");
    // another process, which looks for as long as ten milliseconds
    const code = `const file = Deno.openSync("${path}"); file.lockSync(false); console.log(1);
      await new Promise((resolve) => setTimeout(resolve, 10)); file.unlockSync();`;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    lockFolder(folder).release();
    await reader.cancel();
    await child.status;
  }));
