import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { formulaHtml, texOf } from "../../annotate/formulas.ts";
import { markdownRenderer } from "../../annotate/markdown.ts";

Deno.test("texOf() sets formulas as comments write them", () => {
  const cases: Readonly<Record<string, string>> = {
    "x · Wᵀ + b": "x \\cdot  W^{\\top} + b",
    "√(v / n)": "\\sqrt{v \\,/\\, n}",
    "m / √headWidth": "m \\,/\\, \\sqrt{\\mathit{headWidth}}",
    "exp(scale · q·k)": "\\operatorname{exp}(\\mathit{scale} \\cdot  q\\cdot k)",
    "Σ_key d_s · k": "\\sum_{\\mathit{key}}  d_{s} \\cdot  k",
    "1 - β₁ᵗ": "1 - β_{1}^{t}",
    "width^-½": "\\mathit{width}^{-\\tfrac{1}{2}}",
    "d_w += 3 %": "d_{w} \\mathrel{{+}{=}}  3 \\%",
    "update_scale · d_output": "\\mathit{update\\_scale} \\cdot  d_{\\mathit{output}}",
    "\\frac{a_b}{c}": "\\frac{a_b}{c}",
  };
  for (const [formula, tex] of Object.entries(cases)) assertEquals([formula, texOf(formula)], [formula, tex]);
});

Deno.test("formulaHtml() puts formulas below one another, and says which it cannot set", () => {
  const html = formulaHtml("a = b;  c = d", { display: true });
  assertStringIncludes(html, "a &amp;= b \\\\ c &amp;= d");
  assertEquals(formulaHtml("\\hat{a} \\qquad b", { display: true }).split("katex-display").length, 3);
  assertThrows(() => formulaHtml("\\frac{a"), SyntaxError, 'Cannot set the formula "\\frac{a"');
});

const results = `# Results
## Speed
| length | tokens/s |
| ------ | -------- |
| 16     | 2,000    |
| 64     | **500**  |
`;
const renderer = markdownRenderer({ results });
const render = (markdown: string) => renderer(markdown, "a.md");

Deno.test("markdownRenderer() sets formulas but not what stands in code, and takes no tags from comments", () => {
  const html = render("By $x_1$, `$y` and Map<string>:\n\n```ts\nconst a = `${b}`;\n```");
  assertEquals(html.split('class="katex"').length, 2);
  assertStringIncludes(html, "<code>$y</code> and Map&lt;string&gt;:");
  assertStringIncludes(html, '<span class="hljs-keyword">const</span> a');
  assertStringIncludes(render("80 % of it"), "80\u00a0% of it");
});

Deno.test("markdownRenderer() draws plots and tables of results", () => {
  const plot = render("```plot\ntitle: How fast\ntable: Speed\nbar: 1 2 length\ny: tokens\n```");
  assertStringIncludes(plot, 'aria-label="How fast. length: 16 2,000, 64 500"');
  const heights = [...plot.matchAll(/<rect[^>]* height="([\d.]+)"/g)].map(([, height]) => Number(height));
  assertEquals(heights.map((height) => Math.round(height / heights[1]!)), [4, 1]);
  const curve = render("```plot\ntitle: T\ntable: Speed\nline: 1 2 one\nx: length\ny: tokens\n```");
  assertEquals(curve.split("<circle").length, 3);
  const table = render("```results\ntable: Speed\ncolumns: 2\nrows: 2\n```");
  assertStringIncludes(table, "<thead><tr><th>tokens/s</th></tr></thead><tbody>\n<tr><td>500</td></tr>");
  const missing = "```plot\ntitle: T\ntable: Nothing\nbar: 1 2 a\ny: b\n```";
  assertThrows(() => render(missing), SyntaxError, 'has no table 1 under "Nothing"');
  assertThrows(() => render("```plot\ntable: Speed\n```"), SyntaxError, '"title: ..."');
  const fault = assertThrows(() => render("So $\\frac{a$ it is"), SyntaxError);
  assertMatch(fault.message, /^a\.md: Cannot set the formula "\\frac\{a": KaTeX [^\n]*$/);
});

Deno.test("markdownRenderer() masks texts with the package's own function", () => {
  const text = Array.from({ length: 400 }, (_, i) => `w${i}`).join(" ");
  const html = render(`\`\`\`masked\ntext: ${text}\npasses: 2\nseed: 3\n\`\`\``);
  const passes = [...html.matchAll(/<li>(.*?)<\/li>/g)].map(([, pass]) => pass!);
  assertEquals(passes.length, 2);
  for (const pass of passes) {
    const words = pass.replace(/<[^>]+>/g, "").split(" ");
    const changed = words.filter((word, i) => word !== `w${i}`).length;
    const count = (kind: string) => pass.split(`<mark class="${kind}">`).length - 1;
    // what is kept is marked as well; five standard deviations about 60 of 400
    assertEquals([words.length, changed], [400, count("hidden") + count("random")]);
    assertEquals(pass.split("<mark").length - 1, count("hidden") + count("random") + count("kept"));
    assertEquals(Math.abs(count("hidden") + count("random") + count("kept") - 60) < 36, true);
  }
  assertEquals(passes[0] === passes[1], false);
});
