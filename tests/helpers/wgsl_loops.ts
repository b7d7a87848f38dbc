/** A variable of a function that is declared inside a loop without a value, and its line. */
export interface BareVariable {
  readonly name: string;
  readonly line: number;
}

/**
 * Finds variables that are declared inside a loop without a value. WGSL clears them each time round; naga, as Deno 2.9.6
 * has it, moves them out of the loop and clears them once.
 */
export function bareVariablesInLoops(source: string): BareVariable[] {
  const code = withoutComments(source);
  const found: BareVariable[] = [];
  // of each open brace, whether it is inside a loop
  const open: boolean[] = [];
  let loopAhead = false;
  for (const { 0: token, index } of code.matchAll(/[A-Za-z_]\w*|[{}]/g)) {
    if (token === "for" || token === "while" || token === "loop") loopAhead = true;
    else if (token === "{") {
      open.push(loopAhead || open.at(-1) === true);
      loopAhead = false;
    } else if (token === "}") open.pop();
    else if (token === "var" && open.at(-1) === true) {
      const declaration = /^var(?:<\w+>)?\s+(\w+)\s*(?::[^=;]+)?(=?)/.exec(code.slice(index))!;
      if (declaration[2] === "") found.push({ name: declaration[1]!, line: code.slice(0, index).split("\n").length });
    }
  }
  return found;
}

/** The source with its comments blanked, nested ones too; lines stay where they are. */
function withoutComments(source: string): string {
  let depth = 0;
  let inLine = false;
  return source.replaceAll(/\/\*|\*\/|\/\/|\n|[^]/g, (token) => {
    if (token === "\n") {
      inLine = false;
      return token;
    }
    if (inLine) return " ";
    if (token === "/*") depth++;
    else if (token === "//" && depth === 0) inLine = true;
    else if (token === "*/" && depth > 0) depth--;
    else if (depth === 0) return token;
    return " ";
  });
}
