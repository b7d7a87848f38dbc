import { assert, assertEquals } from "@std/assert";
import { storiesCorpus } from "../../lib/text/stories.ts";

async function take(count: number, { seed = 1, from = 0, part = "training" as "training" | "validation" } = {}) {
  const stories: string[] = [];
  for await (const { text: story } of storiesCorpus({ seed }).passages(part, from)) {
    stories.push(story);
    if (stories.length === count) break;
  }
  return stories;
}

Deno.test("storiesCorpus() gives the same stories for the same seed, from any place on", async () => {
  const stories = await take(50);
  assertEquals(await take(50), stories);
  assertEquals(await take(10, { from: 40 }), stories.slice(40));
  assert(String(await take(50, { seed: 2 })) !== String(stories));
});

Deno.test("storiesCorpus() does not repeat itself and never trains on what it validates", async () => {
  const training = new Set(await take(5000));
  const validation = await take(1000, { part: "validation" });
  assert(training.size > 4990);
  assertEquals(validation.filter((story) => training.has(story)), []);
  assertEquals(await take(1000, { part: "validation", seed: 2 }), validation);
});

Deno.test("storiesCorpus() answers every question by what was told before, mostly beyond 64 characters", async () => {
  let far = 0;
  const stories = await take(500);
  for (const story of stories) {
    const [, colourThing, colour] = /What colour is the (\w+)\? It is (\w+)\./.exec(story)!;
    const told = new RegExp(`${colour} ${colourThing}\\b`).exec(story);
    assert(told, story);
    const [, placeThing, place] = /Where is the (\w+)\? It is in the (\w+)\./.exec(story)!;
    assert(new RegExp(`the ${placeThing} (to|in) the ${place}\\b`).test(story), story);
    const answer = story.indexOf("It is " + colour);
    if (answer - told.index > 64) far++;
  }
  assertEquals(far, stories.length);
});
