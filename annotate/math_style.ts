/**
 * The style of formulas with those fonts in it that the pages use, so that nothing else is asked for.
 *
 * @module
 */

import css from "npm:katex@0.19.1/dist/katex.min.css" with { type: "text" };
import licence from "npm:katex@0.19.1/LICENSE" with { type: "text" };

/** Classes that ask for a font; what asks for none is set in the first. */
const fonts: Readonly<Record<string, RegExp>> = {
  "Main-Regular": /./,
  "Main-Bold": /\bmathbf\b/,
  "Main-Italic": /\b(?:mathit|textit)\b/,
  "Math-Italic": /\bmathnormal\b/,
  "Math-BoldItalic": /\bboldsymbol\b/,
  "AMS-Regular": /\b(?:amsrm|mathbb|textbb)\b/,
  "Caligraphic-Regular": /\bmathcal\b/,
  "Fraktur-Regular": /\b(?:mathfrak|textfrak)\b/,
  "SansSerif-Regular": /\b(?:mathsf|textsf)\b/,
  "Script-Regular": /\b(?:mathscr|textscr)\b/,
  "Typewriter-Regular": /\b(?:mathtt|texttt)\b/,
  "Size1-Regular": /\b(?:size1|small-op)\b/,
  "Size2-Regular": /\b(?:size2|large-op)\b/,
  "Size3-Regular": /\bsize3\b/,
  "Size4-Regular": /\bsize4\b/,
};

async function fontFace(rule: string, name: string): Promise<string> {
  const address = import.meta.resolve(`npm:katex@0.19.1/dist/fonts/KaTeX_${name}.woff2`);
  const bytes = await Deno.readFile(new URL(address));
  return rule.replace(/src:[^}]*/, `src:url(data:font/woff2;base64,${bytes.toBase64()}) format("woff2")`);
}

/** CSS for the formulas of all pages. */
export async function mathStyle(html: string): Promise<string> {
  const formulas = [...html.matchAll(/class="([^"]*)"/g)].map(([, classes]) => classes).join(" ");
  const rules = [...css.matchAll(/@font-face\{[^}]*\}/g)].map(([rule]) => rule);
  const used = rules.flatMap((rule) => {
    const name = /KaTeX_([\w-]+)\.woff2/.exec(rule)![1]!;
    return fonts[name]?.test(formulas) ? [fontFace(rule, name)] : [];
  });
  const rest = css.replace(/@font-face\{[^}]*\}/g, "");
  return `/*! Formulas are set by KaTeX; its style and fonts:\n${licence}*/\n${
    (await Promise.all(used)).join("\n")
  }\n${rest}`;
}
