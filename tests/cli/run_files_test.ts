import { assertRejects } from "@std/assert";
import { cutMetrics, readValidations } from "../../lib/cli/metrics_file.ts";
import { readRun } from "../../lib/cli/run_folder.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const posixOnly = { ignore: Deno.build.os === "windows" };

Deno.test(
  "what is read of a run's folder is files, no pipe that is waited for and no device without an end",
  posixOnly,
  () =>
    inTemporaryFolder(async (folder) => {
      const readers: [string, () => Promise<unknown>][] = [
        ["config.json", () => readRun(folder)],
        ["metrics.jsonl", () => readValidations(folder)],
        ["metrics.jsonl", () => cutMetrics(folder, 1)],
      ];
      for (const [name, read] of readers) {
        const path = `${folder}/${name}`;
        const kinds: [string, () => Promise<unknown>][] = [
          ["a pipe", () => new Deno.Command("mkfifo", { args: [path] }).output()],
          ["a device", () => Deno.symlink("/dev/zero", path)],
          ["a folder", () => Deno.mkdir(path)],
        ];
        for (const [kind, make] of kinds) {
          await make();
          await assertRejects(read, RangeError, `it is ${kind}, not a file`);
          await Deno.remove(path);
        }
      }
    }),
);
