/**
 * The built-in corpus: an endless, seeded stream of small English stories whose masked words can be told from context.
 *
 * @module
 */

import { type RandomSequence, randomSequence } from "../random/philox.ts";
import type { Corpus } from "./corpus.ts";

const people = ["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo", "Ida", "Jonas", "Karla", "Leo"];
const things = ["ball", "boat", "book", "box", "cup", "drum", "hat", "kite", "lamp", "ring", "scarf", "spoon"];
const colours = ["black", "blue", "brown", "green", "orange", "purple", "red", "white", "yellow"];
const places = ["attic", "barn", "forest", "garden", "harbour", "kitchen", "library", "market", "meadow", "school"];
const weathers = ["rain", "snow", "sunshine", "wind"];

/** Stories in the validation part; they come from a stream of their own and never occur in training. */
const VALIDATION_STORIES = 1000;

interface Owner {
  name: string;
  thing: string;
  colour: string;
  place: string;
}

/**
 * One story. Every fact is told once and needed again: who owns what, its colour, where it was left. The questions at
 * the end reach back over the whole story, most of it beyond 64 characters.
 */
export function story(random: RandomSequence): string {
  const shuffled = <T>(items: readonly T[]) => {
    const pool = [...items];
    return () => pool.splice(random.below(pool.length), 1)[0]!;
  };
  const [person, thing, colour, place] = [shuffled(people), shuffled(things), shuffled(colours), shuffled(places)];
  const cast: [Owner, Owner] = [
    { name: person(), thing: thing(), colour: colour(), place: place() },
    { name: person(), thing: thing(), colour: colour(), place: place() },
  ];
  const weather = weathers[random.below(weathers.length)]!;
  const sentences = cast.map(({ name, thing, colour }) =>
    random.below(2) === 0
      ? `${name} has ${colour === "orange" ? "an" : "a"} ${colour} ${thing}.`
      : `The ${colour} ${thing} belongs to ${name}.`
  );
  for (const { name, thing, place } of cast) {
    sentences.push(
      random.below(2) === 0
        ? `${name} takes the ${thing} to the ${place} and leaves it there.`
        : `${name} forgets the ${thing} in the ${place}.`,
    );
  }
  sentences.push(`Then the ${weather} comes.`);
  if (random.below(2) === 0) swap(cast, sentences);
  const asked = cast[random.below(2)]!;
  sentences.push(`In the ${weather}, ${asked.name} looks for the ${asked.colour} ${asked.thing}.`);
  sentences.push(`Where is the ${asked.thing}? It is in the ${asked.place}.`);
  const other = cast[asked === cast[0] ? 1 : 0];
  sentences.push(`What colour is the ${other.thing}? It is ${other.colour}.`);
  sentences.push(`Who owns the ${other.thing}? ${other.name} does.`);
  return sentences.join(" ");
}

/** The two exchange what they own. */
function swap(cast: [Owner, Owner], sentences: string[]): void {
  const [first, second] = cast;
  sentences.push(`${first.name} and ${second.name} trade the ${first.thing} for the ${second.thing}.`);
  [first.name, second.name] = [second.name, first.name];
}

/**
 * The corpus of stories, a story a line.
 *
 * @example
 * ```ts
 * import { storiesCorpus, textsOf } from "@cloze/mlm/text";
 *
 * for await (const story of textsOf(storiesCorpus({ seed: 1 }), "training")) {
 *   console.log(story);
 *   break;
 * }
 * ```
 */
export function storiesCorpus({ seed = 1 }: { seed?: number } = {}): Corpus {
  return {
    name: "stories",
    description: "endless, built in",
    endless: true,
    async *passages(part, from = 0) {
      if (!Number.isSafeInteger(from)) {
        throw new SyntaxError("Cannot go on in the text: the place that is noted is none in it");
      }
      const isTraining = part === "training";
      for (let index = Number(from); isTraining || index < VALIDATION_STORIES; index++) {
        // the validation part is the same for every seed, so that runs can be compared
        const at = [index, isTraining ? 0 : 1] as const;
        const text = story(randomSequence({ seed: isTraining ? seed : 0, purpose: "stories", at }));
        yield { text, after: "document", next: index + 1 };
      }
      await Promise.resolve();
    },
  };
}
