/**
 * The text that is there at first.
 *
 * @module
 */

import { storiesCorpus } from "../lib/text/stories.ts";

/** Stories of the text that is there at first: some 200,000 characters. */
const STORIES = 500;

/** Small English stories, one a line. */
export async function storiesText(count: number = STORIES): Promise<string> {
  const stories: string[] = [];
  for await (const { text } of storiesCorpus().passages("training")) {
    stories.push(text);
    if (stories.length === count) break;
  }
  return stories.join("\n") + "\n";
}
