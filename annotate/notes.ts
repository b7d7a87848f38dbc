/**
 * Comments as Markdown: the tags of documentation comments become sentences, indented lines of shaders formulas.
 *
 * @module
 */

/** What a comment says, as Markdown. */
export interface Note {
  /** All but the example. */
  readonly text: string;
  /** What follows `@example`; empty without one. */
  readonly example: string;
}

/** The note of a comment; `linkTo` gives the address of a symbol that the site shows. */
export function noteOf(
  comment: string,
  { isShader = false, linkTo }: { isShader?: boolean; linkTo?: (symbol: string) => string | undefined } = {},
): Note {
  const linked = (isShader ? withFormulas(comment) : comment).replace(
    /\{@link(?:code)? ([^}\s]+)[^}]*\}/g,
    (_, symbol: string) => {
      const address = linkTo?.(symbol);
      return address === undefined ? `\`${symbol}\`` : `[\`${symbol}\`](${address})`;
    },
  );
  const [text, example = ""] = linked.split(/^@example\b.*$/m) as [string, string?];
  return { text: withTags(text).trim(), example: example.trim() };
}

/** Tags in words; what follows a tag up to the next belongs to it. */
function withTags(text: string): string {
  return text
    .replace(/^@module\s*$/gm, "")
    .replace(/^@default \{(.+)\}\s*$/gm, "\nDefault: `$1`.")
    .replace(/^@throws \{(\w+)\} /gm, "\n*Throws* `$1` ")
    .replace(/^@throws /gm, "\n*Throws* ")
    .replace(/^@param (\w+) /gm, "\n`$1`: ")
    .replace(/\n{3,}/g, "\n\n");
}

/** Lines that are indented in a comment of a shader are formulas of their own. */
function withFormulas(comment: string): string {
  return comment.replace(/(?:^ {2,}\S.*\n?)+/gm, (lines) => {
    const formulas = lines.trimEnd().split("\n").map((line) => line.trim()).join("\n");
    return `\n$$${formulas.replace(/[.,;]$/, "")}$$\n\n`;
  });
}
