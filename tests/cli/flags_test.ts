import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { parseFlags, UsageError } from "../../lib/cli/flags.ts";
import { parseCount, parseMinutes } from "../../lib/cli/flag_values.ts";
import { trainFlagGroups } from "../../lib/cli/train_flags.ts";
import { suggestionFor } from "../../lib/cli/suggestions.ts";

Deno.test("parseMinutes() reads minutes, and other units where they are named", () => {
  const cases = {
    "10": 10,
    "0.5": 0.5,
    "90s": 1.5,
    "1h": 60,
    "1h30m": 90,
    "2 h": 120,
    "5min": 5,
    "1hour": 60,
    "1e3": 1000,
    "1d": 1440,
    ".5h": 30,
  };
  for (const [text, minutes] of Object.entries(cases)) assertAlmostEquals(parseMinutes(text), minutes, 1e-9, text);
  for (const text of ["", "h", "0", "0s", "1hh", "-5", "1:30", "1h x", "five", "2m 1h", "1h 1h"]) {
    assertThrows(() => parseMinutes(text), RangeError, "write minutes, such as 10, or 90s, 2h or 1h30m");
  }
});

Deno.test("parseCount() says from which number on", () => {
  for (const text of ["0", "-1", "1.5", "many"]) assertThrows(() => parseCount(text), RangeError, "of at least 1");
});

Deno.test("parseFlags() knows what options are called elsewhere, with dashes or underscores", () => {
  const cases = {
    "--batch-size": "batch-tokens",
    "--per_device_train_batch_size": "batch-tokens",
    "--learning-rate": "lr",
    "--learning_rate=1": "lr",
    "--context": "length",
    "--block_size": "length",
    "--max-seq-length": "length",
    "--epoch": "epochs",
    "--num_train_epochs": "epochs",
    "--max_steps": "steps",
    "--mlm-probability": "mask-rate",
    "--output-dir": "out",
    "--train_file": "data",
    "--model_name_or_path": "init",
    "--vocab-size": "vocab",
    "--n_layer": "layers",
    "--hidden-size": "width",
    "--gradient-accumulation-steps": "accumulate",
    "--BATCH_TOKENS": "batch-tokens",
    "--tokns": "tokens",
  };
  for (const [given, meant] of Object.entries(cases)) {
    const message = `Unknown option ${given.split("=")[0]}; did you mean --${meant}?`;
    assertThrows(() => parseFlags(trainFlagGroups, [given, "1"]), UsageError, message);
  }
  assertThrows(() => parseFlags(trainFlagGroups, ["--qqqqqq"]), UsageError, "Unknown option --qqqqqq");
});

Deno.test("parseFlags() suggests for train only what train has", () => {
  const known = new Set(Object.values(trainFlagGroups).flatMap((group) => Object.keys(group)));
  for (const name of ["top", "pooling", "data-dir", "gpu", "cores", "wd"]) {
    try {
      parseFlags(trainFlagGroups, [`--${name}`, "1"]);
    } catch (error) {
      const suggestion = /did you mean --([\w-]+)\?/.exec((error as Error).message)?.[1];
      assertEquals(suggestion === undefined || known.has(suggestion), true, name);
    }
  }
});

Deno.test("suggestionFor() knows every option of two letters and more by a slip of the keys", () => {
  const names = Object.values(trainFlagGroups).flatMap((group) => Object.keys(group));
  const known = [...names, "port", "out", "by", "file", "json", "format", "top-k", "size", "type", "pool"];
  const slips = (name: string) =>
    Array.from(name, (letter, i) => [
      name.slice(0, i) + name.slice(i + 1),
      name.slice(0, i) + letter + name.slice(i),
      name.slice(0, i) + (name[i + 1] ?? "") + letter + name.slice(i + 2),
    ]).flat().filter((slip) => slip.length > 1 && slip.length >= name.length - 1 && slip !== name);
  for (const name of known) {
    for (const slip of slips(name)) {
      const near = suggestionFor(slip, known);
      // a slip may be another option, or the same distance from one
      assert(near !== undefined, `--${slip} for --${name}`);
    }
  }
  assertEquals(["prt", "ort", "prot", "poort", "pot"].map((slip) => suggestionFor(slip, ["port", "out", "host"])), [
    "port",
    "port",
    "port",
    "port",
    "port",
  ]);
  assertEquals(["xyz", "ouf", "p", "qq"].map((word) => suggestionFor(word, ["port", "out", "by"])), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
