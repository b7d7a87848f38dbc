/**
 * A page as HTML: an introduction, then notes beside code.
 *
 * @module
 */

import { highlighted, languageOf } from "./highlight.ts";
import { escapeHtml } from "./html.ts";
import type { Render } from "./markdown.ts";
import { noteOf } from "./notes.ts";
import type { Row, ShownFile } from "./rows.ts";

/** A page with all that is on it. */
export interface PageContent {
  readonly name: string;
  readonly title: string;
  /** Markdown behind the title. */
  readonly introduction: string;
  readonly files: readonly ShownFile[];
}

/** What all pages share. */
export interface Site {
  readonly pages: readonly PageContent[];
  /** Markdown to HTML. */
  readonly render: Render;
  /** Address of a symbol, from any page. */
  readonly linkTo: (symbol: string) => string | undefined;
  /** Whether the page that trains in a browser is beside these, in a folder of its own. */
  readonly hasTab?: boolean | undefined;
}

/** Address of the page that trains in a browser. */
export const TAB = "tab/index.html";

/** What the menu calls a page. */
const shortName = ({ name }: PageContent): string =>
  name === "index" ? "Overview" : name[0]!.toUpperCase() + name.slice(1);

const addressOf = ({ name }: PageContent): string => `${name}.html`;

function rowHtml(row: Row, { path }: ShownFile, { render, linkTo }: Site): string {
  const { text, example } = noteOf(row.comment, { isShader: path.endsWith(".wgsl"), linkTo });
  const place = `${path}:${row.line}`;
  const folded = example && `<details><summary>Example</summary>\n${render(example, place)}</details>\n`;
  const code = row.code === "" ? "" : `<pre><code>${highlighted(row.code, languageOf(path))}</code></pre>`;
  const gap = row.afterGap ? ' data-gap="…"' : "";
  return `<div class="row" id="${row.id}"${gap}>
<div class="note"><a class="anchor" tabindex="-1" href="#${row.id}" title="${place}" aria-label="Link to line ${row.line}">§</a>
${render(text, place)}${folded}</div>
<div class="code">${code}</div>
</div>
`;
}

function fileHtml(file: ShownFile, site: Site): string {
  return `<section class="file" aria-labelledby="${file.id}">
<h2 id="${file.id}"><a href="#${file.id}">${escapeHtml(file.path)}</a></h2>
${file.rows.map((row) => rowHtml(row, file, site)).join("")}</section>
`;
}

function contents(page: PageContent, introduction: string): string {
  const headings = [...introduction.matchAll(/<h2 id="([^"]+)">(.*?)<\/h2>/g)].map(([, id, text]) =>
    `<li><a href="#${id}">${text}</a></li>`
  );
  const files = page.files.map(({ id, path, rows }) => {
    const names = rows.filter(({ declares, comment }) => declares !== undefined && comment !== "");
    const links = names.map((row) => `<a href="#${row.id}">${escapeHtml(row.declares!)}</a>`);
    return `<li><a href="#${id}">${escapeHtml(path)}</a> <span>${links.join(" ")}</span></li>`;
  });
  return `<details class="contents" open><summary>On this page</summary><ul>\n${
    [...headings, ...files].join("\n")
  }\n</ul></details>`;
}

function siteMenu({ pages, hasTab }: Site, current: PageContent): string {
  const links = pages.map((page) => {
    const mark = page === current ? ' aria-current="page"' : "";
    return `<li><a href="${addressOf(page)}"${mark}>${shortName(page)}</a></li>`;
  });
  if (hasTab) links.push(`<li><a href="${TAB}">Train in a tab</a></li>`);
  return `<nav class="site" aria-label="Pages"><ol>\n${links.join("\n")}\n</ol></nav>`;
}

function neighbours({ pages }: Site, current: PageContent): string {
  const at = pages.indexOf(current);
  const link = (page: PageContent | undefined, relation: "prev" | "next") =>
    page
      ? `<a rel="${relation}" href="${addressOf(page)}"><small>${relation === "prev" ? "Previous" : "Next"}</small> ${
        escapeHtml(page.title)
      }</a>`
      : "<span></span>";
  return `<nav class="neighbours" aria-label="Previous and next page">${link(pages[at - 1], "prev")}${
    link(pages[at + 1], "next")
  }</nav>`;
}

/** The whole page. */
export function pageHtml(page: PageContent, site: Site): string {
  const introduction = site.render(page.introduction, `annotate/${page.name}.md`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(page.title)} – Cloze, annotated</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="math.css">
<link rel="stylesheet" href="style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
${siteMenu(site, page)}
<main id="main">
<header>
<div class="introduction">
<h1>${escapeHtml(page.title)}</h1>
${introduction}</div>
${contents(page, introduction)}
</header>
${page.files.map((file) => fileHtml(file, site)).join("")}</main>
${neighbours(site, page)}
</body>
</html>
`;
}
