/**
 * Builds the annotated reading: a folder of pages that asks for nothing from outside.
 *
 * Markdown is read by marked (MIT), code is coloured by highlight.js (BSD 3-Clause) and formulas are set by KaTeX (MIT), all while
 * building; of these only KaTeX's style and fonts go into the pages, with their licence.
 *
 * @module
 */

import { systemReason } from "../lib/sentences/reasons.ts";
import { type Page, pages as allPages } from "./manifest.ts";
import { markdownRenderer } from "./markdown.ts";
import { mathStyle } from "./math_style.ts";
import { type PageContent, pageHtml, type Site, TAB } from "./page.ts";
import { rowsOf } from "./rows.ts";

const root = new URL("../", import.meta.url);

const read = (path: string): Promise<string> => Deno.readTextFile(new URL(path, root));

async function contentOf({ name, parts }: Page): Promise<PageContent> {
  const text = await read(`annotate/${name}.md`);
  const [, title, introduction] = /^# (.+)\n([\s\S]*)$/.exec(text) ?? [];
  if (title === undefined) throw new SyntaxError(`annotate/${name}.md must begin with its title, "# ..."`);
  const taken = new Set(["main"]);
  const files = [];
  for (const part of parts) {
    try {
      files.push(rowsOf(part, await read(part.file), taken));
    } catch (error) {
      throw new Error(`Cannot show ${part.file} on the page "${name}": ${(error as Error).message}`, { cause: error });
    }
  }
  return { name, title, introduction: introduction!, files };
}

/** Where symbols are declared on the site; names that several files declare link nowhere. */
function symbolLinks(pages: readonly PageContent[]): (symbol: string) => string | undefined {
  const addresses = new Map<string, string | undefined>();
  for (const { name, files } of pages) {
    for (const { id, declares } of files.flatMap(({ rows }) => rows)) {
      if (declares === undefined) continue;
      addresses.set(declares, addresses.has(declares) ? undefined : `${name}.html#${id}`);
    }
  }
  return (symbol) => addresses.get(symbol) ?? addresses.get(symbol.split(".")[0]!);
}

/** Where the page that trains in a browser has room for what leads back. */
const ROOM = "<!-- reading -->";

/** What leads from there to the reading. */
const BACK = `<p><a href="../index.html">How it works: the annotated reading</a></p>`;

/**
 * Builds the pages into a folder, which is made if need be; returns the names of the files.
 *
 * @param options.tab The page that trains in a browser, if it is to be a part of the site.
 */
export async function buildSite(
  folder: string,
  { pages = allPages, tab }: { pages?: readonly Page[]; tab?: string | undefined } = {},
): Promise<string[]> {
  const contents = await Promise.all(pages.map(contentOf));
  const render = markdownRenderer({ results: await read("bench/RESULTS.md") });
  const site: Site = { pages: contents, render, linkTo: symbolLinks(contents), hasTab: tab !== undefined };
  const files = new Map(contents.map((page) => [`${page.name}.html`, pageHtml(page, site)]));
  files.set("math.css", await mathStyle([...files.values()].join("\n")));
  files.set("style.css", await read("annotate/style.css"));
  if (tab !== undefined) files.set(TAB, tab.replace(ROOM, BACK));
  await Deno.mkdir(tab === undefined ? folder : `${folder}/tab`, { recursive: true }).catch((error: Error) => {
    throw new Error(`Cannot build into ${folder}: ${systemReason(error) ?? error.message}`, { cause: error });
  });
  for (const [name, text] of files) await Deno.writeTextFile(`${folder}/${name}`, text);
  return [...files.keys()];
}
