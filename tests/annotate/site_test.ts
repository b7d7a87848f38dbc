// The whole site, built once into a temporary folder.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { buildSite } from "../../annotate/build.ts";
import { pages } from "../../annotate/manifest.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const files = new Map<string, string>();
await inTemporaryFolder(async (folder) => {
  for (const name of await buildSite(folder)) files.set(name, await Deno.readTextFile(`${folder}/${name}`));
});
const html = [...files].filter(([name]) => name.endsWith(".html"));

const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found!);

Deno.test("the site has a page for each of the manifest, with notes and code", () => {
  assertEquals(html.map(([name]) => name), pages.map(({ name }) => `${name}.html`));
  for (const [name, text] of html) {
    const rows = text.split('<div class="row"').slice(1);
    const both = rows.filter((row) =>
      /<div class="note">[\s\S]*<p>/.test(row) && /<pre><code>[\s\S]*<\/code>/.test(row)
    );
    assert(both.length >= 3, `${name} has ${both.length} notes beside code`);
    assert(matches(text, /<section class="file" aria-labelledby="([^"]+)"/g).length >= 2, name);
  }
});

Deno.test("every link and anchor of the site leads somewhere", () => {
  const ids = new Map(html.map(([name, text]) => [name, matches(text, / id="([^"]+)"/g)]));
  for (const [name, found] of ids) assertEquals([name, new Set(found).size], [name, found.length]);
  for (const [name, text] of html) {
    const links = matches(text, /<a\b[^>]*href="([^"]+)"/g);
    assert(links.length > 10);
    for (const link of links) {
      const [page, id] = link.split("#") as [string, string?];
      const target = ids.get(page || name);
      assert(target && (id === undefined || target.includes(id)), `${name} links to ${link}`);
    }
  }
});

Deno.test("the site asks for nothing from outside", () => {
  for (const [name, text] of html) {
    for (const address of matches(text, /\b(?:src|href)="([^"]+)"/g)) {
      assert(/^(?:#|data:,$|[\w-]+\.(?:html|css)(?:#|$))/.test(address), `${name} asks for ${address}`);
      if (address.endsWith(".css")) assert(files.has(address), `${name} asks for ${address}`);
    }
    assertEquals([name, /<script|<iframe|<img|@import/.test(text)], [name, false]);
  }
  const styles = `${files.get("style.css")}${files.get("math.css")}`;
  const addresses = matches(styles, /url\(["']?([^)"']{0,30})/g);
  assert(addresses.length >= 4);
  assert(addresses.every((address) => address.startsWith("data:font/woff2;base64,")), addresses.join(" "));
  assertEquals(styles.includes("@import"), false);
});

Deno.test("formulas are set without a fault, and the fonts that they ask for are there", () => {
  const all = html.map(([, text]) => text).join("");
  assert(all.split('class="katex"').length > 60);
  assertEquals(/katex-error|<annotation[^>]*><\/annotation>/.test(all), false);
  const families = new Set(matches(files.get("math.css")!, /@font-face\{[^}]*?font-family:"?(KaTeX_\w+)/g));
  for (const family of ["KaTeX_Main", "KaTeX_Math", "KaTeX_Size2"]) assert(families.has(family), family);
  // Markdown has no dollar left that was to begin a formula
  for (const [name, text] of html) {
    const prose = text.replace(/<pre>[\s\S]*?<\/pre>|<code>[\s\S]*?<\/code>|<annotation[\s\S]*?<\/annotation>/g, "");
    assertEquals([name, prose.includes("$")], [name, false]);
  }
});

Deno.test("pages have one heading, a title of their own, a menu, and neighbours in reading order", () => {
  const titles = new Set(html.map(([, text]) => /<title>(.*?)<\/title>/.exec(text)![1]));
  assertEquals(titles.size, html.length);
  for (const [i, [name, text]] of html.entries()) {
    assertEquals([name, text.split("<h1>").length], [name, 2]);
    assertEquals(matches(text, /<a href="([^"]+)" aria-current="page"/g), [name]);
    assertEquals(matches(text, /<a rel="prev" href="([^"]+)"/g), i > 0 ? [html[i - 1]![0]] : []);
    assertEquals(matches(text, /<a rel="next" href="([^"]+)"/g), html[i + 1] ? [html[i + 1]![0]] : []);
    assertMatch(text, /<html lang="en">[\s\S]*<main id="main">/);
  }
});

Deno.test("figures in the introductions are those of bench/RESULTS.md", async () => {
  const results = await Deno.readTextFile(new URL("../../bench/RESULTS.md", import.meta.url));
  const known = new Set(results.match(/\d+[.,]\d+/g));
  let count = 0;
  for (const { name } of pages) {
    const text = await Deno.readTextFile(new URL(`../../annotate/${name}.md`, import.meta.url));
    const prose = text.replace(/```[\s\S]*?```|\$[^$]*\$|`[^`]*`/g, "");
    for (const found of prose.match(/\d+\.\d+/g) ?? []) {
      assert(known.has(found), `annotate/${name}.md: ${found}`);
      count++;
    }
  }
  assert(count >= 4);
});

Deno.test("buildSite() says where it cannot build", async () => {
  await inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/taken`, "");
    const message = `Cannot build into ${folder}/taken: there is something of that name`;
    await assertRejects(() => buildSite(`${folder}/taken`, { pages: pages.slice(1, 2) }), Error, message);
  });
});

Deno.test("buildSite() says what of the manifest is not in the sources", async () => {
  const parts = [{ file: "lib/batch/masking.ts", only: ["maskWindows"] }];
  await inTemporaryFolder(async (folder) => {
    await assertRejects(
      () => buildSite(`${folder}/site`, { pages: [{ name: "masking", parts }] }),
      Error,
      'Cannot show lib/batch/masking.ts on the page "masking": Cannot show maskWindows: it is declared 0 times, not once',
    );
  });
});

Deno.test("the page that trains in a browser is a part of the site where it was built, with links both ways", () =>
  inTemporaryFolder(async (folder) => {
    const frame = await Deno.readTextFile(new URL("../../tab/page.html", import.meta.url));
    const names = await buildSite(folder, { tab: frame });
    assert(names.includes("tab/index.html"));
    for (const { name } of pages) {
      assertMatch(await Deno.readTextFile(`${folder}/${name}.html`), /<nav class="site"[^]*href="tab\/index\.html"/);
    }
    assertMatch(await Deno.readTextFile(`${folder}/tab/index.html`), /<header>[^]*href="\.\.\/index\.html"/);
  }));
