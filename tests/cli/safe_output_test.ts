import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sampleLines } from "../../lib/cli/sample_text.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { writeModel } from "../helpers/model_files.ts";
import { type CliResult, runCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** What must never reach a terminal from elsewhere. */
const EVIL = "\x1b]0;x\x07\x1b[2J\x9b2J\b\r\u202e\u2066\x7f\x85";
// deno-lint-ignore no-control-regex
const unsafe = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;
const tokenizer = characterTokenizer(`abc ${EVIL}`, { specials });
const config = modelConfig({
  preset: "bert",
  vocab: tokenizer.size,
  layers: 1,
  width: 8,
  heads: 2,
  hidden: 8,
  maxLength: 64,
});

/** Runs commands, some at a time. */
async function allOf(commands: readonly string[][], cwd: string) {
  const results: (CliResult & { args: string[] })[] = [];
  const left = [...commands];
  await Promise.all(Array.from({ length: 4 }, async () => {
    for (let args = left.shift(); args; args = left.shift()) results.push({ args, ...await runCli(args, { cwd }) });
  }));
  return results;
}

Deno.test("sampleLines() shows controls of terminals spelled out, with and without colours", () => {
  const sample = [{ token: EVIL }, { token: "\x1b", predicted: "\x9b" }, { token: "\u202e", predicted: "\u202e" }];
  const shown = (hasColour: boolean) => sampleLines(sample, { terminal: { hasColour, columns: 200 } }).join("\n");
  assertEquals(unsafe.test(shown(false)), false);
  // colours are of our own
  // deno-lint-ignore no-control-regex
  assertEquals(unsafe.test(shown(true).replace(/\x1b\[\d+m/g, "")), false);
});

Deno.test("no command lets through what text, vocabularies, columns and names of files hold against terminals", () =>
  inTemporaryFolder(async (cwd) => {
    await writeModel(`${cwd}/model`, config, tokenizer);
    const name = `${EVIL.replaceAll("/", "")}.csv`;
    await Deno.writeTextFile(`${cwd}/${name}`, `${EVIL.replaceAll("\r", "")}\nabc\n`);
    await Deno.writeTextFile(`${cwd}/evil.jsonl`, `${JSON.stringify({ text: `a${EVIL}[MASK]` })}\n`);
    await Deno.writeTextFile(`${cwd}/evil.txt`, `abc${EVIL} ca ${EVIL}\n`.repeat(400));
    const cpu = ["--device", "cpu"];
    const train = ["train", "--size", "tiny", "--length", "16", "--steps", "2", "--eval-tokens", "64", ...cpu];
    const commands = [
      ["fill", "model", `a${EVIL}[MASK]`, ...cpu],
      ["fill", "model", `a${EVIL}[MASK]`, "--json", ...cpu],
      ["fill", "model", "--file", "evil.jsonl", ...cpu],
      ["fill", "model", EVIL, ...cpu],
      ["embed", "model", "--file", "evil.jsonl", ...cpu],
      ["tokenizer", "info", "model", "--data", "evil.txt"],
      [...train, "--data", "evil.txt", "--sample-every", "1"],
      [...train, "--data", name],
      [...train, "--data", EVIL],
      [...train, `--${EVIL}`],
      [...train, "--lr", EVIL],
      [EVIL],
      ["info", EVIL],
      ["info", "model", EVIL],
      ["eval", "model", "--data", name],
      ["tokenizer", "encode", EVIL],
      ["export", "model", "--out", "model"],
    ];
    for (const { args, out, err } of await allOf(commands, cwd)) {
      assert(out + err !== "", args.join(" "));
      assertEquals([args, unsafe.test(out), unsafe.test(err)], [args, false, false]);
    }
    const { out } = await runCli(["fill", "model", `a${EVIL}[MASK]`, "--json", ...cpu], { cwd });
    assertEquals(JSON.parse(out).text, `a${EVIL}[MASK]`);
  }));

Deno.test("sentences quote at most 80 characters of what they are given", () =>
  inTemporaryFolder(async (cwd) => {
    await writeModel(`${cwd}/model`, config, tokenizer);
    const long = "abcdefghi ".repeat(500);
    const word = "x".repeat(5000);
    await Deno.writeTextFile(`${cwd}/columns.csv`, `${word},${"y".repeat(5000)}\n1,2\n`);
    await Deno.writeTextFile(`${cwd}/odd.json`, word);
    const commands = [
      ["fill", "model", long],
      ["fill", "model", long, long],
      ["fill", word, "a[MASK]"],
      ["info", word],
      ["train", `--${word}`],
      ["train", "--lr", word],
      ["train", "--curriculum", word],
      ["train", "--preset", word],
      ["train", "--data", word],
      ["train", "--data", "columns.csv"],
      ["train", "--data", "odd.json"],
      ["train", "--resume", word],
      ["train", "--data", "stories", "--tokenizer", word],
      [word],
      ["tokenizer", word, "model"],
      ["tokenizer", "encode", word],
    ];
    for (const { args, code, err } of await allOf(commands, cwd)) {
      assert(code === 1 || code === 2);
      assertStringIncludes(err, "error: ");
      // the longest has two quotations and a piece of advice
      const longest = /[^\s"]{100,}/.exec(err.replace(/"[^"]{0,80}"/g, ""));
      assertEquals([args.map((arg) => arg.slice(0, 30)), longest, err.length < 700], [
        args.map((arg) => arg.slice(0, 30)),
        null,
        true,
      ]);
    }
  }));
