/**
 * Matching in a time that no pattern and no text can blow up: what follows from a state of the pattern at an index of the text is
 * found out once. The first branch that leads to a match wins, as in engines that go back and try again.
 *
 * @module
 */

import { type Assertion, type PatternNode, wordClass } from "./pattern_syntax.ts";

/** Where a match begins and ends. */
export type Match = readonly [start: number, end: number];

type State =
  | { kind: "match" }
  | { kind: "set"; set: CharacterSet; next: number }
  | { kind: "split"; first: number; second: number; slot: number }
  | { kind: "assert"; assertion: Assertion; next: number }
  | { kind: "look"; program: number; negative: boolean; next: number; lengths: readonly number[] | undefined }
  | { kind: "atomic"; program: number; still: number; moved: number };

interface Program {
  readonly states: State[];
  readonly slots: number;
}

/** Most states of a pattern. */
const MOST_STATES = 20_000;

/** Positions of a text whose findings are kept together. */
const PAGE = 1024;

/** Finds the first match at an index or after it. */
export type Finder = (text: string) => (from: number) => Match | undefined;

/**
 * Finds matches of a pattern.
 *
 * @throws {RangeError} if it is too long, or looks behind at texts of no fixed length.
 */
export function compileMatcher(tree: PatternNode, pattern: string): Finder {
  const builder = new Builder(pattern);
  const end = builder.add({ kind: "match" });
  const start = builder.emit(tree, end, end);
  const program = { states: builder.states, slots: builder.slots };
  return (text) => {
    const run = new Run(program, text);
    return (from) => run.find(start, from);
  };
}

/** Builds states from the end to the beginning. Within loops a state knows whether the match has moved since the loop began. */
class Builder {
  readonly states: State[] = [];
  slots = 0;
  #sets = new Map<string, CharacterSet>();
  #pattern: string;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  add(state: State): number {
    if (this.states.length >= MOST_STATES) {
      throw new RangeError(`its pattern ${JSON.stringify(this.#pattern)} repeats too much; a shorter one would do`);
    }
    return this.states.push(state) - 1;
  }

  /** The state that a node begins with: `still` is what follows where it takes no text, `moved` where it does. */
  emit(node: PatternNode, still: number, moved: number): number {
    switch (node.kind) {
      case "set":
        return this.add({ kind: "set", set: this.#setOf(node.set, node.fold), next: moved });
      case "sequence":
        return this.#sequence(node.nodes, still, moved);
      case "either":
        return node.nodes.map((branch) => this.emit(branch, still, moved))
          .reduceRight((second, first) => this.#split(first, second));
      case "repeat":
        return this.#repeat(node, still, moved);
      case "assert":
        return this.add({ kind: "assert", assertion: node.assertion, next: still });
      case "atomic":
        return this.add({ kind: "atomic", program: this.#apart(node.node), still, moved });
      case "look": {
        const lengths = node.behind ? this.#lengths(node.node) : undefined;
        return this.add({
          kind: "look",
          program: this.#apart(node.node),
          negative: node.negative,
          next: still,
          lengths,
        });
      }
    }
  }

  #sequence(nodes: readonly PatternNode[], still: number, moved: number): number {
    let [unmoved, after] = [still, moved];
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i]!;
      const next = this.emit(node, unmoved, after);
      after = unmoved === after ? next : this.emit(node, after, after);
      unmoved = next;
    }
    return unmoved;
  }

  #repeat({ node, min, max, lazy }: PatternNode & { kind: "repeat" }, still: number, moved: number): number {
    const choose = (body: number, out: number) => lazy ? this.#split(out, body) : this.#split(body, out);
    let [unmoved, after] = [still, moved];
    if (max === Infinity) {
      // a round that takes no text is the last
      const loop = this.#split(0, 0);
      const body = this.emit(node, moved, loop);
      const state = this.states[loop] as State & { kind: "split" };
      [state.first, state.second] = lazy ? [moved, body] : [body, moved];
      after = loop;
      unmoved = still === moved ? loop : choose(this.emit(node, still, loop), still);
    } else {
      for (let i = min; i < max; i++) {
        const next = choose(this.emit(node, still, after), still);
        after = still === moved ? next : choose(this.emit(node, moved, after), moved);
        unmoved = next;
      }
    }
    return this.#sequence(Array.from({ length: min }, () => node), unmoved, after);
  }

  #split(first: number, second: number): number {
    return this.add({ kind: "split", first, second, slot: this.slots++ });
  }

  #apart(node: PatternNode): number {
    const end = this.add({ kind: "match" });
    return this.emit(node, end, end);
  }

  #setOf(set: string, fold: boolean): CharacterSet {
    const key = `${fold}${set}`;
    let known = this.#sets.get(key);
    if (!known) this.#sets.set(key, known = new CharacterSet(set, fold));
    return known;
  }

  /** Characters that a node takes, each number that there can be. */
  #lengths(node: PatternNode): readonly number[] {
    const lengths = lengthsOf(node);
    if (lengths) return lengths;
    throw new RangeError(
      `its pattern ${JSON.stringify(this.#pattern)} looks behind at text of no fixed length, which cannot be read; ` +
        "a pattern without it that splits alike would do",
    );
  }
}

function lengthsOf(node: PatternNode): readonly number[] | undefined {
  switch (node.kind) {
    case "set":
      return [1];
    case "assert":
    case "look":
      return [0];
    case "atomic":
      return lengthsOf(node.node);
    case "sequence":
      return node.nodes.map(lengthsOf).reduce<readonly number[] | undefined>(
        (sums, next) => sums && next && unique(sums.flatMap((sum) => next.map((length) => sum + length))),
        [0],
      );
    case "either": {
      const all = node.nodes.map(lengthsOf);
      return all.every((lengths) => lengths !== undefined) ? unique(all.flat() as number[]) : undefined;
    }
    case "repeat": {
      const each = lengthsOf(node.node);
      return each?.length === 1 && node.min === node.max ? [each[0]! * node.min] : undefined;
    }
  }
}

const unique = (lengths: readonly number[]) => [...new Set(lengths)];

/** A class of characters; what was asked before is known. */
class CharacterSet {
  #pattern: RegExp;
  #known = new Uint8Array(1 << 16);

  constructor(set: string, fold: boolean) {
    this.#pattern = new RegExp(`^${set}$`, fold ? "vi" : "v");
  }

  /** UTF-16 units of the character at an index if it is in the class, otherwise 0. */
  at(text: string, index: number): number {
    if (index >= text.length) return 0;
    const codePoint = text.codePointAt(index)!;
    if (codePoint > 0xffff) return this.#pattern.test(String.fromCodePoint(codePoint)) ? 2 : 0;
    let known = this.#known[codePoint]!;
    if (known === 0) this.#known[codePoint] = known = this.#pattern.test(String.fromCharCode(codePoint)) ? 2 : 1;
    return known - 1;
  }
}

const wordSet = new CharacterSet(`[${wordClass}]`, false);

/** What is known of a text: of each choice at each index, 0 nothing, 1 that it fails, or the end of its match + 2. */
class Run {
  #program: Program;
  #text: string;
  #pages: (Int32Array | undefined)[] = [];

  constructor(program: Program, text: string) {
    this.#program = program;
    this.#text = text;
  }

  find(start: number, from: number): Match | undefined {
    const text = this.#text;
    for (let at = from; at <= text.length; at++) {
      if (at % PAGE === 0 && at > PAGE) this.#pages[at / PAGE - 2] = undefined;
      if (at > 0 && isInside(text, at)) continue;
      const end = this.#match(start, at);
      if (end >= 0) return [at, end];
    }
    return undefined;
  }

  #page(at: number): Int32Array {
    return this.#pages[Math.floor(at / PAGE)] ??= new Int32Array(PAGE * this.#program.slots);
  }

  /** End of the match that a state leads to from an index, or -1. */
  #match(start: number, from: number): number {
    const { states, slots } = this.#program;
    const choices: number[] = [];
    const path: number[] = [];
    let [state, at, end] = [start, from, -1];
    walk: while (true) {
      const current = states[state]!;
      let ahead = -1;
      switch (current.kind) {
        case "match":
          end = at;
          break walk;
        case "set": {
          const units = current.set.at(this.#text, at);
          if (units > 0) {
            ahead = current.next;
            at += units;
          }
          break;
        }
        case "split": {
          const page = this.#page(at);
          const entry = (at % PAGE) * slots + current.slot;
          const known = page[entry]!;
          if (known > 1) {
            end = known - 2;
            break walk;
          }
          if (known === 0) {
            page[entry] = 1;
            path.push(current.slot, at);
            choices.push(current.second, at, path.length);
            ahead = current.first;
          }
          break;
        }
        case "assert":
          if (this.#holds(current.assertion, at)) ahead = current.next;
          break;
        case "look":
          if (this.#looks(current, at) !== current.negative) ahead = current.next;
          break;
        case "atomic": {
          const inner = this.#match(current.program, at);
          if (inner >= 0) {
            ahead = inner === at ? current.still : current.moved;
            at = inner;
          }
        }
      }
      if (ahead >= 0) {
        state = ahead;
        continue;
      }
      if (choices.length === 0) return -1;
      path.length = choices.pop()!;
      at = choices.pop()!;
      state = choices.pop()!;
    }
    for (let i = 0; i < path.length; i += 2) {
      const index = path[i + 1]!;
      this.#page(index)[(index % PAGE) * slots + path[i]!] = end + 2;
    }
    return end;
  }

  #looks({ program, lengths }: State & { kind: "look" }, at: number): boolean {
    if (!lengths) return this.#match(program, at) >= 0;
    return lengths.some((length) => {
      let start = at;
      for (let i = 0; i < length; i++) {
        if (start === 0) return false;
        start -= start > 1 && isInside(this.#text, start - 1) ? 2 : 1;
      }
      return this.#match(program, start) === at;
    });
  }

  #holds(assertion: Assertion, at: number): boolean {
    const text = this.#text;
    switch (assertion) {
      case "textStart":
        return at === 0;
      case "textEnd":
        return at === text.length;
      case "textEndOrLine":
        return at === text.length || (at === text.length - 1 && text[at] === "\n");
      case "lineStart":
        return at === 0 || (text[at - 1] === "\n" && at < text.length);
      case "lineEnd":
        return at === text.length || text[at] === "\n";
      case "boundary":
        return this.#touches(at);
      case "noBoundary":
        return !this.#touches(at);
    }
  }

  #touches(at: number): boolean {
    const before = at > 0 && wordSet.at(this.#text, at - (at > 1 && isInside(this.#text, at - 1) ? 2 : 1)) > 0;
    return before !== wordSet.at(this.#text, at) > 0;
  }
}

/** Whether an index is within a pair of units. */
function isInside(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}
