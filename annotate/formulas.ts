/**
 * Formulas of comments, which are plain text to whoever reads the source, as TeX and as HTML.
 *
 * @module
 */

import katex from "npm:katex@0.19.1";

const raised: Readonly<Record<string, string>> = {
  "⁰": "0",
  "¹": "1",
  "²": "2",
  "³": "3",
  "⁴": "4",
  "⁻": "-",
  "ᵀ": "\\top",
  "ᵗ": "t",
  "ⁿ": "n",
};

const lowered: Readonly<Record<string, string>> = { "₀": "0", "₁": "1", "₂": "2", "₃": "3", "₄": "4" };

const symbols: Readonly<Record<string, string>> = {
  "·": "\\cdot ",
  "×": "\\times ",
  "½": "\\tfrac{1}{2}",
  "...": "\\ldots ",
  "…": "\\ldots ",
  "≤": "\\le ",
  "≥": "\\ge ",
  "∈": "\\in ",
  "∞": "\\infty ",
  "←": "\\leftarrow ",
  "+=": "\\mathrel{{+}{=}} ",
  "-=": "\\mathrel{{-}{=}} ",
  "%": "\\%",
  "&": "\\&",
  "#": "\\#",
  "{": "\\{",
  "}": "\\}",
  " / ": " \\,/\\, ",
};

const operators = new Set(["exp", "log", "max", "min", "erf", "softmax"]);

const piece = new RegExp(
  [
    "(?<root>√)",
    "Σ(?:_(?<index>\\w+))?",
    "(?<raised>[⁰¹²³⁴⁻ᵀᵗⁿ]+)",
    "(?<lowered>[₀₁₂₃₄]+)",
    "\\^(?<power>-?(?:[\\w.]+|½))",
    "(?<name>[\\p{Lu}\\p{Ll}][\\p{Lu}\\p{Ll}\\d]*(?:_\\w+)*)(?<call>\\()?",
    "(?<symbol>\\+=|-=|\\.\\.\\.| / |[·×½…≤≥∈∞←%&#{}])",
  ].join("|"),
  "gu",
);

/** A name as it is set: letters as they are, and what follows one letter, as in `d_x`, the gradient of x, below the line. */
function nameOf(name: string): string {
  const set = (word: string) => [...word].length === 1 ? word : `\\mathit{${word.replaceAll("_", "\\_")}}`;
  const indexed = /^(\p{L})_(\w+)$/u.exec(name);
  return indexed ? `${indexed[1]}_{${set(indexed[2]!)}}` : set(name);
}

/** End of the operand that begins at a place: a bracket and all in it, or a name with what is raised and lowered. */
function operandEnd(text: string, start: number): number {
  if (text[start] !== "(") return start + /^[\p{Lu}\p{Ll}\d_₀-₄]*/u.exec(text.slice(start))![0].length;
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    depth += text[at] === "(" ? 1 : text[at] === ")" ? -1 : 0;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/**
 * TeX of a formula as comments write it: `√`, `Σ_key`, `·`, `β₁ᵗ`, names of any length. What has a backslash is TeX already.
 *
 * @example
 * ```ts ignore
 * texOf("softmax(Q Kᵀ / √headWidth) V");
 * ```
 */
export function texOf(formula: string): string {
  if (isTex(formula)) return formula;
  const root = formula.indexOf("√");
  if (root >= 0) {
    const end = operandEnd(formula, root + 1);
    const operand = formula.slice(root + 1, end).replace(/^\((.*)\)$/s, "$1");
    return `${texOf(formula.slice(0, root))}\\sqrt{${texOf(operand)}}${texOf(formula.slice(end))}`;
  }
  return formula.replace(piece, (text, ...rest) => {
    const { index, raised: up, lowered: down, power, name, call = "", symbol } = rest.at(-1);
    if (text.startsWith("Σ")) return index ? `\\sum_{${nameOf(index)}} ` : "\\sum ";
    if (up) return `^{${[...up].map((character) => raised[character]).join("")}}`;
    if (down) return `_{${[...down].map((character) => lowered[character]).join("")}}`;
    if (power) return `^{${texOf(power)}}`;
    if (name) return (call || operators.has(name)) && !name.includes("_") ? operator(name) + call : nameOf(name) + call;
    return symbol ? symbols[symbol]! : text;
  });
}

const isTex = (formula: string): boolean => /\\|[\^_]\{/.test(formula);

const operator = (name: string): string => [...name].length === 1 ? name : `\\operatorname{${name}}`;

/** Several formulas below one another, at their signs of equality; they are parted by two spaces after a comma or semicolon. */
function aligned(formula: string): string {
  const parts = formula.split(/[;,.]?(?:[ ]{2,}|\n)\s*/).map((part) => part.trim()).filter((part) => part !== "");
  const rows = parts.map((part) => texOf(part.replace(/[;,]$/, "")).replace(/(\\mathrel\{\{[+-]\}\{=\}\}|=)/, "&$1"));
  return `\\begin{aligned}${rows.join(" \\\\ ")}\\end{aligned}`;
}

/**
 * A formula as HTML with MathML in it.
 *
 * @throws {SyntaxError} if it cannot be set.
 */
export function formulaHtml(formula: string, { display = false }: { display?: boolean } = {}): string {
  if (display && isTex(formula)) {
    // side by side where there is room, each whole
    const parts = formula.split(/\s*\\qquad\s*/).map((part) => setTex(part, formula, true));
    return `<span class="formulas">${parts.join("\n")}</span>`;
  }
  return setTex(display ? aligned(formula) : texOf(formula), formula, display);
}

function setTex(tex: string, formula: string, display: boolean): string {
  try {
    return katex.renderToString(tex, { displayMode: display, throwOnError: true, strict: "error" });
  } catch (error) {
    throw new SyntaxError(`Cannot set the formula "${formula.trim()}": ${(error as Error).message}`, { cause: error });
  }
}
