/**
 * Post-processors of a tokenizer.json: what is put around texts.
 *
 * @module
 */

import { type Component, componentsOption, typeName } from "../tokenizer/components.ts";
import type { Frame } from "../tokenizer/tokenizer.ts";

/**
 * Which ids a post-processor puts around a text.
 *
 * @throws {RangeError} if it does more than that.
 */
export function frameOf(processor: Component | null | undefined): Frame | undefined {
  switch (processor?.type) {
    case undefined:
      if (processor) throw new RangeError("its post-processor is of no type");
      return undefined;
    case "ByteLevel":
      return undefined;
    case "Sequence":
      return nestedFrame(componentsOption(processor, "processors"));
    case "BertProcessing":
    case "RobertaProcessing": {
      const { cls, sep } = processor as { cls?: [string, number]; sep?: [string, number] };
      if (typeof cls?.[1] !== "number" || typeof sep?.[1] !== "number") {
        throw new RangeError("its post-processor has no ids");
      }
      return { before: [cls[1]], after: [sep[1]] };
    }
    case "TemplateProcessing":
      return templateFrame(processor);
    default:
      throw new RangeError(
        `its post-processor is ${
          typeName(processor!)
        }; TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and ` +
          "Sequence can be read",
      );
  }
}

/** Frames around frames; behind a template text and special tokens are apart, and nothing goes around them. */
function nestedFrame(processors: readonly Component[]): Frame | undefined {
  let frame: Frame | undefined;
  let closed = false;
  for (const component of processors) {
    const next = frameOf(component);
    if (!next) continue;
    if (closed) {
      throw new RangeError("its post-processor has a frame behind a TemplateProcessing; one of both would do");
    }
    frame = frame ? { before: [...next.before, ...frame.before], after: [...frame.after, ...next.after] } : next;
    closed = component.type === "TemplateProcessing";
  }
  return frame;
}

function templateFrame(processor: Component): Frame | undefined {
  const template = processor.single as { Sequence?: { id?: string }; SpecialToken?: { id: string } }[];
  const ids = processor.special_tokens as Record<string, { ids: number[] }>;
  const texts = template.flatMap(({ Sequence }, i) => Sequence === undefined ? [] : [i]);
  if (texts.length !== 1 || template[texts[0]!]!.Sequence!.id === "B") {
    throw new RangeError('the single template of its post-processor must have the text "A" once');
  }
  const idsOf = (pieces: typeof template) =>
    pieces.flatMap(({ SpecialToken }) => {
      const found = ids[SpecialToken!.id]!.ids;
      if (!Array.isArray(found) || found.some((id) => !Number.isInteger(id))) {
        throw new RangeError("its post-processor has no ids");
      }
      return found;
    });
  const frame = { before: idsOf(template.slice(0, texts[0])), after: idsOf(template.slice(texts[0]! + 1)) };
  return frame.before.length + frame.after.length > 0 ? frame : undefined;
}
