import { assert, assertEquals } from "@std/assert";
import { record } from "../../lib/sentences/fields.ts";
import { metricFields } from "../../lib/train/run_fields.ts";

const docs = await Deno.readTextFile(new URL("../../docs/metrics.md", import.meta.url));

/** The fields of each kind of line, by the tables of docs/metrics.md. */
const tables = new Map(
  docs.split(/^## /m).slice(1).map((section) => {
    const [, kind] = /^`(\w+)`/.exec(section)!;
    const rows = section.split("\n").filter((line) => line.startsWith("| `"));
    return [kind!, rows.map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()))];
  }),
);

Deno.test("docs/metrics.md tells every kind of line and every field of it, and no other", () => {
  assertEquals([...tables.keys()].sort(), Object.keys(metricFields).sort());
  for (const [kind, rows] of tables) {
    const told = rows.map(([name]) => name!.replaceAll("`", ""));
    assertEquals([kind, told.sort()], [kind, Object.keys(metricFields[kind]!).sort()]);
    assert(rows.every(([, , what]) => what !== ""), kind);
    assertEquals(rows.find(([name]) => name === "`kind`")![2], `\`"${kind}"\``);
  }
});

Deno.test("metricFields take lines as runs write them", () => {
  const clock = { step: 3, tokens: 30, seconds: 1 };
  const step = { ...clock, length: 16, maskRate: 0.4, loss: "NaN", learningRate: 1e-3, gradientNorm: "Infinity" };
  const lines: Record<string, object> = {
    train: { ...step, accuracy: 0.5, tokensPerSecond: 10, nextSentence: { loss: 1, accuracy: 0.5 } },
    skipped: { ...step, tokensPerSecond: 10, inARow: 1, total: 2 },
    overflow: { ...step, loss: 3, tokensPerSecond: 10, lossScale: 65536 },
    spike: { step: 3, tokens: 30, loss: 9, learningRate: 1e-3, usual: 2 },
    rate: { step: 3, peak: 1e-3, before: 2e-3, why: "asked" },
    end: { ...clock, state: "stopped" },
    validation: { ...clock, length: 16, loss: 2, accuracy: 0.5, perplexity: 7, paddingShare: 0 },
  };
  for (const [kind, fields] of Object.entries(metricFields)) {
    assertEquals([kind, record(fields)({ kind, ...lines[kind] })], [kind, undefined]);
    assert(record(fields)({ kind: "other", ...lines[kind] }), kind);
  }
});
