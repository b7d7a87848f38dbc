import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { reportOn } from "../../lib/page/report.ts";
import { stepLines, writeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const odd = "</script><img src=x onerror=alert(1)><!--";

Deno.test("reportOn() writes one file that refers to nothing outside it", () =>
  inTemporaryFolder(async (folder) => {
    await writeRun(`${folder}/a`);
    const html = await reportOn([folder]);
    // what loads something: attributes, styles, modules, and the ways to ask in scripts, but for the live page's own
    const loads =
      /\b(?:src|href|srcset|action|poster|data)\s*=\s*["']?([^"'\s>]+)|url\(([^)]*)\)|@import|\bimport\s*[("]/gi;
    const [document] = html.split("<script>");
    const found = [...document!.matchAll(loads)].map(([, attribute, style]) => attribute ?? style);
    assertEquals(found, ["data:,", "#charts"]);
    assertEquals(html.match(/\b(?:https?|wss?):\/\/[^\s"'`)]+/g) ?? [], ["https://github.com/leeoniya/uPlot"]);
    assertEquals(html.match(/\b(?:fetch|XMLHttpRequest|importScripts|WebSocket|sendBeacon)\b/g), null);
    assertStringIncludes(html, "default-src 'none'");
    assertStringIncludes(html, "connect-src 'none'");
  }));

Deno.test("reportOn() holds all runs, thinned, and text that ends no script", () =>
  inTemporaryFolder(async (folder) => {
    await writeRun(`${folder}/a`, { metrics: stepLines(1, 30_000) });
    await writeRun(`${folder}/b`, {
      samples: JSON.stringify({ step: 1, samples: [[odd, [odd, odd, [[odd, 0.5]]]]] }) + "\n",
    });
    const html = await reportOn([folder]);
    assert(html.length < 600_000, `${html.length} bytes`);
    assert(!html.includes(odd));
    const [, data] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)!;
    const { runs } = JSON.parse(data!);
    assertEquals(runs.map(({ id }: { id: string }) => id), [`${folder}/a`, `${folder}/b`]);
    assertEquals(runs[0].train.columns.step.at(-1), 30_000);
    assertEquals(runs[1].samples.told, [{ step: 1, samples: [[odd, [odd, odd, [[odd, 0.5]]]]] }]);
  }));
