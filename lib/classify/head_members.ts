import type { TextModel } from "../evaluate/text_model.ts";
import { type ClassifierFiles, classifierFiles } from "./classifier_files.ts";

/** What a classifier and a tagger have in common. */
export interface HeadMembers<Training> extends TextModel, Disposable {
  readonly classes: readonly string[];
  readonly training: Training | undefined;
  files(options?: { card?: string | undefined }): Promise<ClassifierFiles>;
  destroy(): void;
}

/** The members of a model with a head for classes that do not depend on what the classes are of. */
export function headMembers<Training>(
  { model, tokenizer }: TextModel,
  { ownDevice, training }: { ownDevice: boolean; training: Training | undefined },
): HeadMembers<Training> {
  const destroy = () => {
    model.destroy();
    if (ownDevice) model.device.destroy();
  };
  return {
    model,
    tokenizer,
    classes: model.config.classification!.classes,
    training,
    files: (options) => classifierFiles({ model, tokenizer }, options),
    destroy,
    [Symbol.dispose]: destroy,
  };
}
