import { assert, assertEquals } from "@std/assert";
import { main } from "../../cli.ts";
import { isLog, type LiveLines, openTerminal } from "../../lib/cli/terminal.ts";
import { sayAside } from "../../lib/cli/standard_streams.ts";
import { cutTo, textWidth } from "../../lib/cli/text_width.ts";
import { wrapped, wrappedHelp } from "../../lib/cli/wrap.ts";
import { fakeScreen } from "../helpers/screen.ts";

/** Three lines as wide as there is room, or one. */
const live = (name: string): LiveLines => ({
  lines: ({ columns }) => ["a", "b", "c"].map((letter) => `${name} ${letter}`.padEnd(columns, letter)),
  line: () => name,
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What a run of a few lines does with a clock of its own. */
async function withClock(run: (tick: (milliseconds: number) => void) => void | Promise<void>): Promise<void> {
  const now = performance.now;
  let at = 0;
  performance.now = () => at;
  try {
    await run((milliseconds) => at += milliseconds);
  } finally {
    performance.now = now;
  }
}

Deno.test("a terminal keeps lasting lines above those that it draws again, at any width and when it changes", () =>
  withClock((tick) => {
    for (const columns of [20, 60, 80, 200]) {
      const screen = fakeScreen({ columns, rows: 40 });
      const terminal = openTerminal({ screen });
      for (let i = 0; i < 30; i++) {
        tick(200);
        terminal.progress(live(`now ${i}`));
        if (i % 2 === 0) terminal.print(`line ${i}`);
        if (i % 5 === 4) screen.resize([60, 33, 80, 200, 47, columns][(i - 4) / 5]!);
      }
      tick(200);
      terminal.progress(live("now 30"));
      const lines = screen.lines();
      assertEquals(
        lines.filter((line) => line.startsWith("line")),
        Array.from({ length: 15 }, (_, i) => `line ${2 * i}`),
      );
      assertEquals(lines.length, 18, "something of what was drawn is left");
      assert(lines.at(-1)!.startsWith("now 30 cc"));
      terminal.clear();
      assertEquals(screen.lines().filter((line) => line !== "").length, 15);
      terminal.print("end");
      assertEquals(screen.lines().filter((line) => line !== "").at(-1), "end");
    }
  }));

Deno.test("a terminal that gets narrower and wide again keeps its lasting lines, though nothing is printed meanwhile", () =>
  withClock((tick) => {
    const widths = [80, 20, 61, 33, 200];
    for (const [before, between] of widths.flatMap((a) => widths.map((b) => [a, b] as const))) {
      const screen = fakeScreen({ columns: before, rows: 40 });
      const terminal = openTerminal({ screen });
      const lasting = ["one", "two", "three", "four"];
      for (const line of lasting) terminal.print(line);
      for (const [i, columns] of [before, between, between, before, between, before].entries()) {
        screen.resize(columns);
        tick(200);
        terminal.progress(live(`now ${i}`));
        const lines = screen.lines();
        assertEquals([columns, lines.slice(0, 4)], [columns, lasting]);
        assertEquals(lines.length, 7);
      }
      terminal.clear();
    }
  }));

Deno.test("a terminal draws ten times a second at most, by itself too, and only what has changed", async () => {
  const screen = fakeScreen();
  const terminal = openTerminal({ screen });
  await withClock((tick) => {
    for (let i = 0; i < 1000; i++) {
      tick(1);
      terminal.progress(live(`now ${i}`));
    }
    assertEquals(screen.writes, 10);
  });
  let name = "later";
  terminal.clear();
  terminal.progress({ ...live(""), lines: () => [name] });
  name = "after a while";
  await pause(150);
  assertEquals(screen.lines().filter((line) => line !== ""), ["after a while"]);
  const { writes } = screen;
  await pause(150);
  assertEquals(screen.writes, writes);
  terminal.clear();
});

Deno.test("a terminal makes room for what is said elsewhere", () => {
  const screen = fakeScreen();
  const terminal = openTerminal({ screen });
  terminal.progress(live("now"));
  const { writeSync } = Deno.stderr;
  let meanwhile: string[] = [];
  Deno.stderr.writeSync = (bytes) => {
    meanwhile = screen.lines();
    return bytes.length;
  };
  try {
    sayAside("note: a file has changed");
  } finally {
    Deno.stderr.writeSync = writeSync;
  }
  assertEquals(meanwhile.join(""), "");
  assertEquals(screen.lines().length, 3);
  terminal.clear();
});

Deno.test("what is drawn is taken away before the program ends", () => {
  const screen = fakeScreen();
  openTerminal({ screen }).progress(live("now"));
  assertEquals(screen.lines().length, 3);
  dispatchEvent(new Event("unload"));
  assertEquals(screen.lines().join(""), "");
});

Deno.test("isLog() tells terminals in which nothing is drawn again", () => {
  const of = (values: Record<string, string>) => isLog((name) => values[name]);
  assertEquals([{ TERM: "dumb" }, { CI: "true" }, { CI: "1" }].map(of), [true, true, true]);
  assertEquals([{}, { TERM: "xterm-256color" }, { CI: "false" }, { CI: "" }].map(of), [false, false, false, false]);
});

Deno.test("a terminal that knows no codes gets no colours", () => {
  const { noColor } = Deno;
  const before = Deno.env.get("TERM");
  const hasColour = (term: string) => {
    Deno.env.set("TERM", term);
    return openTerminal({ screen: fakeScreen() }).hasColour;
  };
  try {
    Object.defineProperty(Deno, "noColor", { value: false, configurable: true });
    assertEquals(["dumb", "xterm"].map(hasColour), [false, true]);
  } finally {
    Object.defineProperty(Deno, "noColor", { value: noColor, configurable: true });
    if (before === undefined) Deno.env.delete("TERM");
    else Deno.env.set("TERM", before);
  }
});

Deno.test("without a terminal a line is printed every ten seconds, and lines are not broken", () =>
  withClock((tick) => {
    const screen = fakeScreen({ isTerminal: false });
    const terminal = openTerminal({ screen });
    terminal.print("word ".repeat(40).trim());
    for (let i = 1; i <= 25; i++) {
      tick(1000);
      terminal.progress(i % 2 === 0 ? live(`now ${i}`) : `text ${i}`);
    }
    assertEquals(screen.lines().join("").match(/word/g)?.length, 40);
    assertEquals(screen.lines().slice(-3), ["now 10", "now 20", ""]);
    // a log that is a terminal, as some services have: lines are broken, and nothing is drawn again
    const log = fakeScreen({ canDraw: false });
    const other = openTerminal({ screen: log });
    tick(10_000);
    other.progress(live("now"));
    assertEquals(log.lines(), ["now", ""]);
  }));

Deno.test("a quiet terminal leaves out routine and what is under way", () => {
  const screen = fakeScreen();
  const terminal = openTerminal({ screen, quiet: true });
  terminal.progress("under way");
  terminal.print("as ever", { routine: true });
  terminal.print("note: something is wrong");
  assertEquals(screen.lines(), ["note: something is wrong", ""]);
});

const texts = [
  "device  CPU, 2 threads of WebAssembly SIMD (no graphics card was found)",
  "note: step 12 is skipped, for its loss is NaN and its gradient norm Infinity; the weights stay as they were",
  "step 2,930  3,000,320 tokens  5m09s  validation loss 1.1559  accuracy 65.4%  perplexity 3.18",
  '  deno run -A cli.ts fill runs/small "home [MASK]s where i want to be"',
  "  --data PATH                       text: file, folder, glob, URL, - or stories (default: Tiny Shakespeare)",
];

Deno.test("wrapped() breaks lines between words and never within, and keeps all of them", () => {
  for (const columns of [40, 60, 80, 200]) {
    for (const text of texts) {
      const lines = wrapped(text, columns).split("\n");
      assertEquals(lines.filter((line) => textWidth(line) > columns), []);
      const words = (text: string) => text.replaceAll(" \\\n", "\n").split(/\s+/).filter((word) => word !== "");
      assertEquals(words(lines.join("\n")), words(text));
    }
  }
  assertEquals(
    wrapped(texts[0]!, 40),
    [
      "device  CPU, 2 threads of WebAssembly",
      "        SIMD (no graphics card was",
      "        found)",
    ].join("\n"),
  );
  // figures stay beside their names, and a shell reads a command as it was
  assertEquals(wrapped(texts[2]!, 60).split("\n")[1], "  accuracy 65.4%  perplexity 3.18");
  assertEquals(
    wrapped(texts[3]!, 60),
    [
      "  deno run -A cli.ts fill runs/small \\",
      '    "home [MASK]s where i want to be"',
    ].join("\n"),
  );
  assertEquals(wrapped("a".repeat(50), 20), "a".repeat(50));
});

Deno.test("wrappedHelp() puts paragraphs together that were broken elsewhere", () => {
  assertEquals(wrappedHelp("one two\nthree four\n\nUsage:\n  five", 20), "one two three four\n\nUsage:\n  five");
});

Deno.test("textWidth() and cutTo() know colours, wide characters and those without room", () => {
  assertEquals(["abc", "\x1b[32mok\x1b[39m", "世界", "e\u0301", "😀"].map(textWidth), [3, 2, 4, 1, 2]);
  assertEquals([cutTo("abcdef", 4), cutTo("世界世界", 5), cutTo("abc", 3), cutTo("abc", 0)], [
    "abc…",
    "世界…",
    "abc",
    "",
  ]);
});

/** What a command prints on a terminal of some width. */
async function printed(args: readonly string[], columns: number): Promise<string> {
  const { writeSync } = Deno.stdout;
  const { consoleSize } = Deno;
  const decoder = new TextDecoder();
  let text = "";
  Deno.stdout.writeSync = (bytes) => {
    text += decoder.decode(bytes);
    return bytes.length;
  };
  Deno.consoleSize = () => ({ columns, rows: 24 });
  try {
    assertEquals(await main(args), 0);
  } finally {
    Deno.stdout.writeSync = writeSync;
    Deno.consoleSize = consoleSize;
  }
  return text;
}

Deno.test("no help text is wider than the terminal, or says less for it", async () => {
  const commands = [...(await printed(["--help"], 200)).matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!);
  assert(commands.length >= 9);
  for (const args of [["--help"], ...commands.map((name) => [name, "--help"])]) {
    const words = (text: string) => text.replaceAll(" \\\n", "\n").split(/\s+/);
    const whole = words(await printed(args, 1000));
    for (const columns of [60, 80]) {
      const text = await printed(args, columns);
      assertEquals([args, text.split("\n").filter((line) => textWidth(line) > columns)], [args, []]);
      assertEquals(words(text), whole);
    }
  }
});
