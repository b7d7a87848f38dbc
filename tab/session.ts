/**
 * What the worker holds: a model on a device, and perhaps a run that was stopped; and all that is done with them.
 *
 * @module
 */

import { modelCard, parameterCount } from "../format.ts";
import { type Corpus, DivergedError, fill, load, Model, textCorpus, TooShortError } from "../mod.ts";
import { stringSource, surveyText } from "../text.ts";
import { DeviceError } from "../kernels.ts";
import { type TabDevice, tabDevices } from "./devices.ts";
import type { FilledText, ModelFacts, TabAnswers, TabEvent, TabFiles, TabNote, TabRequest } from "./messages.ts";
import { checkpointFiles, folderOf, modelFiles, savedRun } from "./model_files.ts";
import { copiedModel, newModel, type PlacedModel } from "./new_models.ts";
import { type RunResult, runTraining, settingsOf } from "./run.ts";
import { settingsProblem } from "./settings.ts";
import { textMark } from "./text_mark.ts";

/** A model with its latest run. */
interface Held extends PlacedModel {
  /** Its run; undefined where it was loaded without one. */
  readonly run?: RunResult | undefined;
}

type Of<Kind extends TabRequest["kind"]> = Extract<TabRequest, { kind: Kind }>;

/** Training under way, and what waits for a moment between two steps. */
interface Running {
  readonly abort: AbortController;
  readonly waiting: (() => Promise<void>)[];
}

/** Answers what is asked, in the order of asking where it cannot be done at once. */
export interface Session {
  /** Answers a request. */
  answer(request: TabRequest): Promise<TabAnswers[TabRequest["kind"]]>;
}

/** A session without a model; `tell` is told what happens. */
export function createSession(tell: (event: TabEvent) => void): Session {
  const devices = tabDevices();
  let held: Held | undefined;
  let running: Running | undefined;
  /** What is done after another, so that no model goes while it is used. */
  let last: Promise<unknown> = Promise.resolve();

  const factsNow = (): ModelFacts => {
    if (!held) throw new RangeError("There is no model yet: train one, or load one");
    return { ...factsOf(held), deviceBytes: devices.bytes() };
  };

  /** Puts a model in the place of the one before. */
  const hold = (next: Held) => {
    if (held && held.model !== next.model) held.model.destroy();
    held = next;
    devices.closeOthers(next.place);
  };

  const train = async ({ start, text, settings }: Of<"train">, { abort, waiting }: Running): Promise<ModelFacts> => {
    const problem = settingsProblem(settings);
    if (problem) throw new RangeError(problem);
    const before = start === "on" ? held?.run : undefined;
    const lastLayer = start === "on" ? before?.note.lastLayer : "masked";
    const note: TabNote = { settings, text: textMark(text), lastLayer };
    if (start !== "new" && !held) throw new RangeError("There is no model to train on: train a new one, or load one");
    if (start === "on") checkGoesOn(before, note);
    const corpus = await corpusOf(text);
    const place = await devices.get(settings.device);
    if (place.notice) tell({ kind: "notice", text: place.notice });
    const unknown = start === "further" ? await unknownNotice(corpus, held!) : undefined;
    if (unknown) tell({ kind: "notice", text: unknown });
    const placed = await placedFor(start, { place, corpus, held, settings });
    let hasBegun = false;
    const between = async () => {
      for (const work of waiting.splice(0)) await work();
    };
    try {
      await runTraining({
        placed,
        corpus,
        note,
        before,
        signal: abort.signal,
        tell,
        begun() {
          if (hasBegun) return;
          hasBegun = true;
          hold({ ...placed, run: before });
          tell({ kind: "model", facts: factsNow() });
        },
        keep: (run) => hasBegun && hold({ ...placed, run }),
        between,
      });
    } catch (error) {
      if (error instanceof DeviceError) lost(place);
      throw error;
    } finally {
      if (!hasBegun && placed.model !== held?.model) placed.model.destroy();
      devices.closeOthers(held?.place);
    }
    if (!hasBegun) throw new RangeError("Training was stopped before its first step");
    return factsNow();
  };

  /** What lay on a device that fails is lost, but for the run's latest checkpoint, which is in memory. */
  const lost = (place: TabDevice) => {
    if (held?.place === place && !held.run) held = undefined;
    devices.closeOthers(undefined);
  };

  const fillIn = async (text: string): Promise<FilledText> => {
    factsNow();
    const { filled, masks } = await fill(held!, text);
    return { filled, places: masks.map(({ candidates }) => ({ candidates })) };
  };

  const loadModel = async ({ from, device: choice }: Of<"load">): Promise<ModelFacts> => {
    const place = await devices.get(choice);
    try {
      const source = "address" in from ? from.address : folderOf(from.name, from.files);
      const { model, tokenizer } = await load(source, { device: place.device });
      if (!model.hasHead) {
        model.destroy();
        throw new RangeError("Cannot use this model: it has no head for masked tokens, only an encoder");
      }
      const run = "files" in from ? await savedRun(from.files) : undefined;
      hold({ place, model, tokenizer, run: run && { ...run, curve: [] } });
    } finally {
      devices.closeOthers(held?.place);
    }
    return factsNow();
  };

  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };

  /** Fills between two steps, or at once. */
  const fillSoon = (text: string): Promise<FilledText> => {
    if (!running) return inOrder(() => fillIn(text));
    const { waiting } = running;
    return new Promise((resolve, reject) => waiting.push(() => fillIn(text).then(resolve, reject)));
  };

  const trainAlone = async (request: Of<"train">): Promise<ModelFacts> => {
    const own: Running = { abort: new AbortController(), waiting: [] };
    running = own;
    try {
      return await inOrder(() => train(request, own));
    } finally {
      running = undefined;
      for (const work of own.waiting) await work();
    }
  };

  return {
    async answer(request) {
      if (running && ["train", "save", "load"].includes(request.kind)) {
        throw new RangeError("The model is being trained: stop it first");
      }
      switch (request.kind) {
        case "train":
          return await trainAlone(request);
        case "stop":
          running?.abort.abort();
          return undefined;
        case "facts":
          return held && factsNow();
        case "fill":
          return await fillSoon(request.text);
        case "save":
          factsNow();
          return await inOrder(() => filesOf(held!, request.name));
        case "load":
          return await inOrder(() => loadModel(request));
      }
    },
  };
}

/** The model that a run is to train. */
async function placedFor(
  start: Of<"train">["start"],
  { place, corpus, held, settings }: {
    place: TabDevice;
    corpus: Corpus;
    held: Held | undefined;
    settings: Of<"train">["settings"];
  },
): Promise<PlacedModel> {
  if (start === "new") return await newModel(place, corpus, settings);
  const { length } = settings;
  const { maxLength } = held!.model.config;
  if (length > maxLength) {
    throw new RangeError(`This model reads at most ${maxLength} tokens: windows of ${length} are too long`);
  }
  if (start === "further") return await copiedModel(place, held!);
  if (held!.place === place) return held!;
  // weights and moments come from the checkpoint
  return { place, tokenizer: held!.tokenizer, model: new Model(place.device, held!.model.config) };
}

/** Share of unknown tokens from which on it is said. */
const MUCH_UNKNOWN = 0.01;

/** What is to be known of a text that the vocabulary does not suit. */
async function unknownNotice(corpus: Corpus, { tokenizer }: PlacedModel): Promise<string | undefined> {
  const { tokens, unknown, examples } = await surveyText({ corpus, tokenizer });
  const share = unknown / Math.max(1, tokens);
  if (share < MUCH_UNKNOWN) return undefined;
  const such = examples.map((word) => `“${word}”`).join(", ");
  return `${(100 * share).toFixed(0)}% of the text is unknown to this model's vocabulary, such as ${such}.`;
}

/** Whether a run may go on, with the text that it read. */
function checkGoesOn(run: RunResult | undefined, { text }: TabNote): void {
  if (!run || run.isFinished) throw new RangeError("There is no run to go on with");
  if (run.note.text.crc === text.crc && run.note.text.characters === text.characters) return;
  throw new RangeError(
    "The run was stopped in another text: put that text back, or train the model further on this one",
  );
}

/** A visitor's text as a corpus. */
async function corpusOf(text: string): Promise<Corpus> {
  if (text.trim() === "") throw new RangeError("There is no text to train on");
  return await textCorpus([stringSource("the text.txt", text)]);
}

function factsOf({ place, model, tokenizer, run }: Held): Omit<ModelFacts, "deviceBytes"> {
  const { config } = model;
  const grouped = (value: number) => value.toLocaleString("en");
  return {
    description: `${config.layers} layers of width ${config.width}, ${grouped(parameterCount(config))} parameters, ` +
      `${grouped(tokenizer.size)} tokens of vocabulary`,
    vocabulary: tokenizer.type,
    mask: tokenizer.token(tokenizer.special["[MASK]"]),
    device: place.reason,
    step: run?.state.step ?? 0,
    unfinished: run && !run.isFinished ? run.note : undefined,
  };
}

/** A model as a folder's files. */
async function filesOf({ place, model, tokenizer, run }: Held, name: string): Promise<TabFiles> {
  if (!run) return await modelFiles({ model, tokenizer });
  const { note, state, curve } = run;
  const corpus = `a text of ${note.text.characters.toLocaleString("en")} characters, in a browser`;
  const device = place.reason;
  const settings = settingsOf(note, { place, model, tokenizer });
  const card = modelCard({ name, config: model.config, tokenizer, settings, corpus, device, curve, state });
  return await checkpointFiles({ model, tokenizer, run, origin: { corpus, device, card } });
}

/** Why something failed, in one sentence. */
export function problemOf(error: unknown): string {
  if (error instanceof TooShortError) {
    const { part, length, size } = error;
    const share = part === "validation" ? " (a tenth of it is held back to measure)" : "";
    return `The text is too short for windows of ${length} tokens: its ${part} part has ${size}${share}; paste more, ` +
      "or choose shorter windows";
  }
  if (error instanceof DivergedError) return `${error.message}; a lower learning rate helps`;
  return error instanceof Error ? error.message : String(error);
}
