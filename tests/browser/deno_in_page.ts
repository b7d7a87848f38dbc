// What tests of operations need of Deno, in a page: a list of them.
interface Case {
  readonly name: string;
  readonly ignore?: boolean;
  readonly fn: () => void | Promise<void>;
}

const cases: Case[] = [];

Object.assign(globalThis, {
  Deno: {
    build: { os: "browser" },
    env: { get: () => undefined },
    test: (given: Case | string, fn?: Case["fn"]) =>
      cases.push(typeof given === "string" ? { name: given, fn: fn! } : given),
  },
  cases,
});
