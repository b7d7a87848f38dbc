// The annotated reading in a real browser; ignored where there is none.
import { assertEquals, assertGreater } from "@std/assert";
import { buildSite } from "../../annotate/build.ts";
import { openBrowser, withoutBrowser } from "../helpers/browser.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** Contrast of text and what is behind it, by WCAG: 4.5 is enough to read. */
const LEAST_CONTRAST = `(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
  };
  const texts = document.querySelectorAll("p, li, a:not(.skip), h1, h2, code span, figcaption, summary");
  return Math.min(...[...texts].map((element) => {
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
})()`;

/** Fonts that letters of formulas ask for and the page does not have. */
const MISSING_FONTS = `(async () => {
  await document.fonts.ready;
  const faces = [...document.fonts].filter(({ status }) => status === "loaded");
  const known = faces.map(({ family, style, weight }) => [family, style, weight].join(" "));
  const letters = [...document.querySelectorAll(".katex-html *")].filter(({ childNodes }) =>
    [...childNodes].some(({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim() !== "\\u200b"));
  const asked = new Set(letters.map((letter) => {
    const { fontFamily, fontStyle, fontWeight } = getComputedStyle(letter);
    return [fontFamily.split(",")[0], fontStyle, fontWeight].join(" ");
  }));
  return [...asked].filter((font) => !known.includes(font));
})()`;

Deno.test({
  name: "the annotated reading fits desks and phones, in both themes, and asks for nothing from outside",
  ignore: withoutBrowser,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      const files = await buildSite(folder);
      const names = files.filter((name) => name.endsWith(".html"));
      const browser = await openBrowser();
      try {
        for (const [width, colorScheme] of [[1280, "light"], [390, "dark"]] as const) {
          const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
          const [complaints, requests]: [string[], string[]] = [[], []];
          page.on("console", (message) => complaints.push(message.text()));
          page.on("request", (request) => requests.push(request.url()));
          // what is too wide shows on the phone first
          for (const name of width === 390 ? names : ["windows.html", "attention.html"]) {
            await page.goto(`file://${folder}/${name}`);
            assertEquals([name, await page.evaluate("document.documentElement.scrollWidth - innerWidth")], [name, 0]);
            // notes stand left of their code where there is room, and above it where there is none
            const [note, code] = await page.evaluate(`["note", "code"].map((name) => {
              const { x, y } = document.querySelector(".row:has(.code > pre) > ." + name).getBoundingClientRect();
              return { x, y };
            })`) as { x: number; y: number }[];
            assertEquals([note!.x < code!.x, note!.y < code!.y], [width === 1280, width === 390]);
            assertEquals([name, await page.evaluate(MISSING_FONTS)], [name, []]);
          }
          await page.goto(`file://${folder}/masking.html`);
          assertGreater(await page.evaluate(LEAST_CONTRAST) as number, 4.5, colorScheme);
          await page.keyboard.press("Tab");
          assertEquals(await page.evaluate("document.activeElement.textContent"), "Skip to the text");
          await page.keyboard.press("Enter");
          assertEquals(await page.evaluate("location.hash"), "#main");
          assertEquals(complaints, []);
          assertEquals(requests.filter((url) => !url.startsWith(`file://${folder}/`) && !url.startsWith("data:")), []);
          await page.close();
        }
      } finally {
        await browser.close();
      }
    }),
});
