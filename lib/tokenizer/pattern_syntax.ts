/**
 * Patterns as tokenizer.json writes them, in Oniguruma's syntax for Ruby, as a tree.
 *
 * @module
 */

/** A node of a pattern. */
export type PatternNode =
  | { readonly kind: "set"; readonly set: string; readonly fold: boolean }
  | { readonly kind: "sequence"; readonly nodes: readonly PatternNode[] }
  | { readonly kind: "either"; readonly nodes: readonly PatternNode[] }
  | {
    readonly kind: "repeat";
    readonly node: PatternNode;
    readonly min: number;
    readonly max: number;
    readonly lazy: boolean;
  }
  | { readonly kind: "atomic"; readonly node: PatternNode }
  | { readonly kind: "look"; readonly node: PatternNode; readonly behind: boolean; readonly negative: boolean }
  | { readonly kind: "assert"; readonly assertion: Assertion };

/** A condition on an index in a text. */
export type Assertion = "textStart" | "textEnd" | "textEndOrLine" | "lineStart" | "lineEnd" | "boundary" | "noBoundary";

/** What letters, marks, digits and connecting punctuation are to Oniguruma, within brackets. */
export const wordClass = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u00b2\\u00b3\\u00b9\\u00bc-\\u00be";

const shorthands: Readonly<Record<string, string>> = {
  w: `[${wordClass}]`,
  W: `[^${wordClass}]`,
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  h: "[0-9a-fA-F]",
  H: "[^0-9a-fA-F]",
};
const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  f: "\f",
  v: "\v",
  a: "\x07",
  e: "\x1b",
};
const assertions: Readonly<Record<string, Assertion>> = {
  A: "textStart",
  z: "textEnd",
  Z: "textEndOrLine",
  b: "boundary",
  B: "noBoundary",
};
const posix: Readonly<Record<string, string>> = {
  alpha: "\\p{Alphabetic}",
  digit: "\\p{Nd}",
  alnum: "[\\p{Alphabetic}\\p{Nd}]",
  upper: "\\p{Uppercase}",
  lower: "\\p{Lowercase}",
  space: "\\p{White_Space}",
  word: shorthands.w!,
  xdigit: "[0-9a-fA-F]",
  cntrl: "\\p{Cc}",
  ascii: "[\\0-\\x7f]",
};
const binary = ["Alphabetic", "Uppercase", "Lowercase", "White_Space", "Emoji", "Ideographic", "Any", "ASCII"];
const categories: Readonly<Record<string, string>> = {
  letter: "L",
  mark: "M",
  number: "N",
  punctuation: "P",
  symbol: "S",
  separator: "Z",
  other: "C",
  uppercaseletter: "Lu",
  lowercaseletter: "Ll",
  titlecaseletter: "Lt",
  decimalnumber: "Nd",
  spaceseparator: "Zs",
  alpha: "Alphabetic",
  upper: "Uppercase",
  lower: "Lowercase",
  digit: "Nd",
  space: "White_Space",
};

interface Flags {
  readonly fold: boolean;
  readonly dotAll: boolean;
}

const mostRepeats = 1000;

/** What of a pattern cannot be read, and why. */
function refuse(pattern: string, what: string): RangeError {
  return new RangeError(
    `its pattern ${
      JSON.stringify(pattern)
    } has ${what}, which cannot be read; a pattern without it that splits alike would do`,
  );
}

/**
 * The tree of a pattern.
 *
 * @throws {RangeError} that names what of it cannot be read.
 */
export function parsePattern(pattern: string): PatternNode {
  const units = [...pattern];
  let at = 0;
  const peek = (text: string) => units.slice(at, at + text.length).join("") === text;
  const skip = (text: string) => peek(text) && ((at += text.length), true);
  const fail = (what: string) => refuse(pattern, what);

  const either = (flags: Flags): PatternNode => {
    const nodes: PatternNode[] = [];
    do nodes.push(sequence(flags)); while (skip("|"));
    return nodes.length === 1 ? nodes[0]! : { kind: "either", nodes };
  };
  const sequence = (given: Flags): PatternNode => {
    const nodes: PatternNode[] = [];
    while (at < units.length && units[at] !== "|" && units[at] !== ")") {
      const options = /^\(\?([imx]*)(?:-([imx]*))?\)/.exec(units.slice(at, at + 12).join(""));
      if (options) {
        at += options[0].length;
        // from here on to the end of the group, other branches included
        nodes.push(either(flagsWith(given, options)));
        break;
      }
      nodes.push(quantified(atom(given)));
    }
    if (nodes.some((node) => node.kind === "set" && node.fold)) {
      const several = foldedPair(nodes);
      if (several !== undefined) throw fail(`"${several}" without regard to case`);
    }
    return nodes.length === 1 ? nodes[0]! : { kind: "sequence", nodes };
  };
  const flagsWith = (flags: Flags, [, on = "", off = ""]: readonly (string | undefined)[]): Flags => {
    if (on.includes("x")) throw fail('the option "x"');
    return {
      fold: (flags.fold || on.includes("i")) && !off.includes("i"),
      dotAll: (flags.dotAll || on.includes("m")) && !off.includes("m"),
    };
  };
  const quantified = (node: PatternNode): PatternNode => {
    while (at < units.length) {
      const sign = units[at]!;
      const interval = /^\{(\d*)(,?)(\d*)\}/.exec(units.slice(at, at + 24).join(""));
      const isCondition = node.kind === "assert" || node.kind === "look";
      if (isCondition && (/[*+?]/.test(sign) || interval)) throw fail(`"${sign}" behind a condition`);
      if (sign === "*" || sign === "+" || sign === "?") {
        at++;
        const [min, max] = sign === "*" ? [0, Infinity] : sign === "+" ? [1, Infinity] : [0, 1];
        const lazy = skip("?");
        const possessive = !lazy && skip("+");
        const repeat: PatternNode = { kind: "repeat", node, min, max, lazy };
        node = possessive ? { kind: "atomic", node: repeat } : repeat;
      } else if (interval && (interval[1] !== "" || interval[3] !== "")) {
        at += interval[0].length;
        const min = Number(interval[1] || 0);
        const max = interval[2] === "" ? min : interval[3] === "" ? Infinity : Number(interval[3]);
        if (max < min) throw fail(`the interval ${interval[0]}`);
        if (min > mostRepeats || (max !== Infinity && max > mostRepeats)) {
          throw fail(`more than ${mostRepeats} repeats`);
        }
        // of a fixed number "?" is another quantifier, as "+" is of every interval
        const lazy = interval[2] !== "" && skip("?");
        if ((min > 1 || (max > 1 && max < Infinity)) && mayBeEmpty(node)) {
          throw fail(`${interval[0]} of what may be empty`);
        }
        node = { kind: "repeat", node, min, max, lazy };
      } else break;
    }
    return node;
  };
  const atom = (flags: Flags): PatternNode => {
    const character = units[at++]!;
    switch (character) {
      case "(":
        return group(flags);
      case "[":
        return { kind: "set", set: bracket(), fold: flags.fold };
      case ".":
        return { kind: "set", set: flags.dotAll ? "[\\p{Any}]" : "[^\\n]", fold: false };
      case "^":
        return { kind: "assert", assertion: "lineStart" };
      case "$":
        return { kind: "assert", assertion: "lineEnd" };
      case "\\":
        return escaped(flags);
      case "*":
      case "+":
      case "?":
        throw fail(`"${character}" behind nothing`);
      default:
        return literal(character, flags);
    }
  };
  const literal = (character: string, { fold }: Flags): PatternNode => {
    if (fold && foldsToSeveral(character)) throw fail(`"${character}" without regard to case`);
    return { kind: "set", set: `[${literalOf(character)}]`, fold };
  };
  const escaped = (flags: Flags): PatternNode => {
    const next = units[at]!;
    if (next === undefined) throw fail('"\\" at its end');
    if (Object.hasOwn(assertions, next)) {
      at++;
      return { kind: "assert", assertion: assertions[next]! };
    }
    if (next === "R") {
      at++;
      const nodes = [sequenceOf("\r\n"), { kind: "set", set: "[\\n-\\r\\u0085\\u2028\\u2029]", fold: false } as const];
      return { kind: "atomic", node: { kind: "either", nodes } };
    }
    if (/[1-9]/.test(next) || next === "k") throw fail(`the back reference \\${next}`);
    if (next === "G" || next === "K" || next === "X" || next === "y" || next === "Y" || next === "g") {
      throw fail(`\\${next}`);
    }
    const set = classEscape();
    return set === undefined ? literal(characterEscape(), flags) : { kind: "set", set, fold: flags.fold };
  };
  /** A class behind a backslash, or nothing. */
  const classEscape = (): string | undefined => {
    const next = units[at]!;
    if (Object.hasOwn(shorthands, next)) {
      at++;
      return shorthands[next];
    }
    if (next !== "p" && next !== "P") return undefined;
    const name = /^[pP]\{(\^?)([^}]*)\}/.exec(units.slice(at, at + 60).join(""));
    if (!name) throw fail(`\\${next} without braces`);
    at += name[0].length;
    const property = propertyOf(name[2]!);
    if (property === undefined) throw fail(`\\${name[0]}`);
    return `\\${(next === "P") !== (name[1] === "^") ? "P" : "p"}{${property}}`;
  };
  const characterEscape = (): string => {
    const next = units[at++]!;
    if (Object.hasOwn(escapes, next)) return escapes[next]!;
    const rest = units.slice(at, at + 10).join("");
    const code = next === "x"
      ? /^\{([0-9a-fA-F]{1,6})\}|^([0-9a-fA-F]{1,2})/.exec(rest)
      : next === "u"
      ? /^([0-9a-fA-F]{4})/.exec(rest)
      : next === "0"
      ? /^()([0-7]{0,2})/.exec(rest)
      : undefined;
    if (code) {
      at += code[0].length;
      const digits = code[1] || code[2] || "0";
      const value = parseInt(digits, next === "0" ? 8 : 16);
      if (value > 0x10ffff || (value >= 0x80 && value <= 0xff && next === "x" && !code[1])) throw fail(`\\x${digits}`);
      return String.fromCodePoint(value);
    }
    if (/[a-zA-Z0-9]/.test(next)) throw fail(`\\${next}`);
    return next;
  };
  const sequenceOf = (text: string): PatternNode => ({
    kind: "sequence",
    nodes: [...text].map((character) => literal(character, { fold: false, dotAll: false })),
  });
  const group = (flags: Flags): PatternNode => {
    const start = units.slice(at, at + 4).join("");
    const options = /^\?([imx]*)(?:-([imx]*))?:/.exec(units.slice(at, at + 12).join(""));
    let wrap = (node: PatternNode): PatternNode => node;
    let inner = flags;
    const captures = start[0] !== "?" || /^\?<[^=!]/.test(start);
    if (options) {
      at += options[0].length;
      inner = flagsWith(flags, options);
    } else if (skip("?=")) wrap = (node) => ({ kind: "look", node, behind: false, negative: false });
    else if (skip("?!")) wrap = (node) => ({ kind: "look", node, behind: false, negative: true });
    else if (skip("?<=")) wrap = (node) => ({ kind: "look", node, behind: true, negative: false });
    else if (skip("?<!")) wrap = (node) => ({ kind: "look", node, behind: true, negative: true });
    else if (skip("?>")) wrap = (node) => ({ kind: "atomic", node });
    else if (peek("?<")) {
      const name = /^\?<[\p{L}_][\p{L}\p{N}_]*>/u.exec(units.slice(at, at + 60).join(""));
      if (!name) throw fail(`"(${start}"`);
      at += [...name[0]].length;
    } else if (peek("?#")) {
      while (at < units.length && units[at] !== ")") at++;
    } else if (peek("?")) throw fail(`"(${start}"`);
    const node = either(inner);
    if (!skip(")")) throw fail("a group without end");
    // what is captured may be repeated, conditions too
    return captures ? { kind: "sequence", nodes: [node] } : wrap(node);
  };
  /** A class in brackets, the first of which is read. */
  const bracket = (): string => {
    const negative = skip("^");
    const operands: string[][] = [[]];
    let isFirst = true;
    while (true) {
      if (at >= units.length) throw fail("a class without end");
      if (units[at] === "]" && !isFirst) break;
      isFirst = false;
      if (skip("&&")) {
        operands.push([]);
        continue;
      }
      operands.at(-1)!.push(member());
    }
    at++;
    const sets = operands.map((items) => items.length === 0 ? "[]" : `[${items.join("")}]`);
    const whole = sets.length === 1 ? operands[0]!.join("") : sets.join("&&");
    return `[${negative ? "^" : ""}${whole}]`;
  };
  const member = (): string => {
    const name = /^\[:(\^?)([a-z]+):\]/.exec(units.slice(at, at + 14).join(""));
    if (name) {
      const set = posix[name[2]!];
      if (set === undefined) throw fail(name[0]);
      at += name[0].length;
      return name[1] ? `[^${set}]` : set;
    }
    if (skip("[")) return bracket();
    if (units[at] === "\\") {
      at++;
      if (at >= units.length) throw fail("a class without end");
      const set = units[at] === "R" || units[at] === "X" ? undefined : classEscape();
      if (set !== undefined) return set;
      at--;
    }
    const first = classCharacter();
    if (units[at] !== "-" || units[at + 1] === "]" || units[at + 1] === undefined) return literalOf(first);
    const back = at++;
    if (units[at] === "[" || (units[at] === "\\" && /[wWsSdDhHpP]/.test(units[at + 1] ?? ""))) {
      at = back + 1;
      return literalOf(first) + literalOf("-");
    }
    const last = classCharacter();
    if (last.codePointAt(0)! < first.codePointAt(0)!) throw fail(`the range ${first}-${last}`);
    return `${literalOf(first)}-${literalOf(last)}`;
  };
  const classCharacter = (): string => {
    const character = units[at++]!;
    if (character === undefined) throw fail("a class without end");
    if (character !== "\\") return character;
    if (skip("b")) return "\b";
    return characterEscape();
  };

  const tree = either({ fold: false, dotAll: false });
  if (at < units.length) throw fail('")" without a group');
  return tree;
}

/** Whether a node may match nothing. */
function mayBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "assert":
    case "look":
      return true;
    case "atomic":
      return mayBeEmpty(node.node);
    case "sequence":
      return node.nodes.every(mayBeEmpty);
    case "either":
      return node.nodes.some(mayBeEmpty);
    case "repeat":
      return node.min === 0 || mayBeEmpty(node.node);
  }
}

/** A character within the brackets of a class. */
function literalOf(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/** Whether other characters, several or one, stand for it in the other case, such as SS for ß. */
function foldsToSeveral(character: string): boolean {
  return [...character.toUpperCase()].length > 1 || [...character.toLowerCase()].length > 1;
}

let several: readonly string[] | undefined;

/** What one character stands for in another case, such as ss for ß, if a sequence has it. */
function foldedPair(nodes: readonly PatternNode[]): string | undefined {
  several ??= Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code).toUpperCase().toLowerCase())
    .filter((text) => [...text].length > 1);
  const text = nodes.map((node) => {
    const code = node.kind === "set" && node.fold ? /^\[\\u\{([0-9a-f]+)\}\]$/.exec(node.set) : undefined;
    return code ? String.fromCodePoint(parseInt(code[1]!, 16)).toLowerCase() : "\0";
  }).join("");
  return several.find((pair) => text.includes(pair));
}

function propertyOf(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/[\s_-]/g, "");
  const known = categories[plain] ?? binary.find((property) => property.toLowerCase().replace("_", "") === plain);
  if (known !== undefined) return known;
  const short = plain[0]?.toUpperCase() + plain.slice(1);
  const script = name.split(/[\s_-]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()).join(
    "_",
  );
  for (const property of [short, `Script=${script}`]) {
    if (plain.length > 2 && property === short) continue;
    try {
      new RegExp(`\\p{${property}}`, "v");
      return property;
    } catch {
      // no such property
    }
  }
  return undefined;
}
