/**
 * Kernels on tensors of f16. A kernel is written once, for f32; here each read of a tensor that is stored in halves is widened
 * and each write rounded, so that whatever is computed in between is f32.
 *
 * @module
 */

/** Types of elements that may be stored in halves: type then, and the function that rounds to it. */
const narrow: Readonly<Record<string, { readonly type: string; readonly round: string }>> = {
  f32: { type: "f16", round: "to_half" },
  vec2f: { type: "vec2h", round: "to_half2" },
  vec4f: { type: "vec4h", round: "to_half4" },
};

/**
 * What a half cannot hold becomes infinite: a driver may as well round it to 65504, and a gradient that overflows would pass for
 * one that does not.
 */
const rounding = Object.entries(narrow).map(([wide, { type, round }]) =>
  `fn ${round}(v: ${wide}) -> ${type} { return ${type}(select(v, v * 1e35, abs(v) > ${wide}(65504.0))); }`
).join(" ");

/** A variable that holds halves. */
interface Halved {
  /** Indices that lead to an element. */
  readonly depth: number;
  /** Type of an element as the source has it. */
  readonly wide: string;
  /** Writes an element. */
  readonly round: string;
}

/** Variables of a kernel that are to hold halves. */
export interface HalvedNames {
  /** Bindings. */
  readonly bindings: readonly string[];
  /** Workgroup variables that only hold what was read of such bindings, which halves hold exactly. */
  readonly copies?: readonly string[];
}

/**
 * WGSL source in which some variables hold halves. Lines keep their numbers; comments are left out.
 *
 * @throws {SyntaxError} for a use of such a variable that is neither a read nor a write of an element.
 */
export function withHalves(source: string, { bindings, copies = [] }: HalvedNames): string {
  if (bindings.length === 0) return source;
  const halved = new Map<string, Halved>();
  const code = source.replaceAll(/\/\/.*$/gm, "").replaceAll(
    /(var<(?:storage, \w+|workgroup)>\s*)(\w+)(\s*:\s*)([^;]+);/g,
    (declaration, head: string, name: string, colon: string, type: string) => {
      if (!bindings.includes(name) && !copies.includes(name)) return declaration;
      const wide = /array<(\w+)/.exec(type.replaceAll(/array<(?=array)/g, ""))?.[1] ?? "";
      const half = narrow[wide];
      if (!half) throw new SyntaxError(`Cannot store ${name} in halves: it is ${type}`);
      const round = copies.includes(name) ? half.type : half.round;
      halved.set(name, { depth: type.match(/array</g)!.length, wide, round });
      return `${head}${name}${colon}${type.replace(`array<${wide}`, `array<${half.type}`)};`;
    },
  );
  checkNames(code, halved);
  return `enable f16; ${rounding} ${rewritten(code, halved)}`;
}

/** A function's own array, or vector, of the same name would be taken for the one that holds halves. */
function checkNames(code: string, halved: ReadonlyMap<string, Halved>): void {
  const functions = code.split(/\bfn\s/).slice(1);
  for (const name of halved.keys()) {
    const own = new RegExp(`\\b(?:let|var|const)\\s+${name}\\b|[(,]\\s*${name}\\s*:`);
    if (functions.some((text) => own.test(text) && new RegExp(`\\b${name}\\[`).test(text))) {
      throw new SyntaxError(`Cannot store ${name} in halves: another variable of the shader has its name`);
    }
  }
}

/** Code with every use of the variables widened, or rounded where it is assigned to. */
function rewritten(code: string, halved: ReadonlyMap<string, Halved>): string {
  const use = new RegExp(`(&\\s*)?\\b(${[...halved.keys()].join("|")})\\[`, "g");
  let result = "";
  let at = 0;
  for (let match = use.exec(code); match; match = use.exec(code)) {
    const [whole, reference, name] = match as unknown as [string, string | undefined, string];
    const { depth, wide, round } = halved.get(name)!;
    const { indices, end } = indicesAt(code, match.index + whole.length - 1);
    const inner = indices.map((index) => `[${rewritten(index, halved)}]`);
    const rest = code.slice(end);
    if (reference || indices.length < depth || /^\.\w+\s*[-+*/]?=(?!=)/.test(rest)) {
      throw new SyntaxError(`Cannot store ${name} in halves: it is used otherwise than element by element`);
    }
    result += code.slice(at, match.index);
    const element = `${name}${inner.slice(0, depth).join("")}`;
    const component = inner.slice(depth).join("");
    const assigned = /^\s*([-+*/]?)=(?!=)([^;]*);/.exec(rest);
    if (assigned) {
      const [statement, operator, value] = assigned as unknown as [string, string, string];
      const sum = rewritten(value, halved).trim();
      const [read, write] = component ? ["f32", "f16"] : [wide, round];
      const place = element + component;
      result += `${place} = ${write}(${operator ? `${read}(${place}) ${operator} (${sum})` : sum});`;
      at = end + statement.length;
    } else {
      result += `${wide}(${element})${component}`;
      at = end;
    }
    use.lastIndex = at;
  }
  return result + code.slice(at);
}

/** The texts between the brackets that follow one another from `begin` on, and where they end. */
function indicesAt(code: string, begin: number): { indices: string[]; end: number } {
  const indices: string[] = [];
  let at = begin;
  while (code[at] === "[") {
    const first = at + 1;
    for (let depth = 0; depth > 0 || at < first; at++) {
      if (code[at] === "[") depth++;
      else if (code[at] === "]") depth--;
      else if (at >= code.length) throw new SyntaxError("A bracket of a shader is not closed");
    }
    indices.push(code.slice(first, at - 1));
  }
  return { indices, end: at };
}
