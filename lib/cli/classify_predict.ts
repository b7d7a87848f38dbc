/**
 * `classify predict`.
 *
 * @module
 */

import { type Classified, textClassifier } from "../classify/classifier.ts";
import { safeJson } from "../sentences/safe_text.ts";
import { checkpointPath } from "./checkpoint_choice.ts";
import { readFlags, tellFlags } from "./classify_flags.ts";
import { checkUnit } from "./classify_unit.ts";
import { grouped } from "./figures.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { withModel } from "./opened_model.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf, isConversation, lineWriter, sayAside, textsOf } from "./standard_streams.ts";
import { trainFlags } from "./train_flags.ts";

const wanted = 'Wanted: classify predict FOLDER "a text", or --file FILE';

/** Tells the classes of texts; returns the exit code. */
export async function classifyPredict(parsed: ParsedFlags): Promise<number> {
  const [, path, ...given] = parsed.positional;
  if (path === undefined) throw new UsageError(wanted);
  const file = parsed.get(readFlags.file);
  checkPermissions(readingOf([path, ...filesOf([file])]));
  const format = parsed.get(readFlags.format);
  const texts = textsOf(given, {
    file,
    field: parsed.get(readFlags.field),
    format: format === undefined ? undefined : trainFlags.format.parse(format),
    wanted,
  });
  return await withModel(await checkpointPath(path, parsed.get(readFlags.checkpoint)), parsed, async (model) => {
    checkUnit(model, parsed);
    const write = lineWriter({ atOnce: isConversation(given, file) });
    const top = parsed.get(tellFlags.top);
    const windows = parsed.get(readFlags.windows);
    let cut = 0;
    for await (const told of textClassifier(model).predict(texts, { windows })) {
      write(safeJson(recordOf(told, top)));
      if (told.omitted > 0) cut++;
    }
    write.flush();
    if (cut > 0) {
      sayAside(
        `note: ${grouped(cut)} texts were longer than ${grouped(model.config.maxLength)} tokens and were cut off; ` +
          "--windows reads all of them",
      );
    }
    return 0;
  }, { classifier: true });
}

/** What is printed of a text. */
function recordOf({ text, label, probability, probabilities }: Classified, top: number) {
  const some = probabilities.slice(0, top).map(({ label, probability }) => [label, rounded(probability)] as const);
  return { text, label, probability: rounded(probability), probabilities: Object.fromEntries(some) };
}

/** Seven digits, all that 32 bits give. */
const rounded = (value: number) => Number(value.toPrecision(7));
